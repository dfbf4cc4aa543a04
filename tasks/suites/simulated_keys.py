"""The keys of a simulated stream and what each may hold, in a suite file as well as in the short form."""

import re
from collections.abc import Callable, Mapping

from tasks.stream_settings import LARGEST_SIZE, MAX_CLASSES, MOST_WORDS, LogNormal, Range, Recurrence, Sizes
from tasks.suites.keys import Rule

MAX_TASKS = 100_000
MAX_SEED = 2**63 - 1


def _whole(low: int, high: int) -> Callable[[object], int]:
    def convert(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError
        if not low <= value <= high:
            raise ValueError
        return value

    return convert


def _number(low: int, high: int) -> Callable[[object], float]:
    def convert(value: object) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise TypeError
        if not low <= value <= high:
            raise ValueError
        return float(value)

    return convert


def _range(end: Callable[[object], int | float]) -> Callable[[object], Range]:
    """One value, or the lowest and the highest."""

    def convert(value: object) -> Range:
        low, high = (end(item) for item in (value if isinstance(value, list) else [value, value]))
        if low > high:
            raise ValueError
        return Range(low=low, high=high)

    return convert


def _sizes(most: int) -> Callable[[object], Sizes]:
    def convert(value: object) -> Sizes:
        if not isinstance(value, dict):
            return _range(_whole(1, most))(value)
        if value.keys() != {"median", "spread"}:
            raise ValueError
        return LogNormal(median=_number(1, most)(value["median"]), spread=_number(0, 5)(value["spread"]))

    return convert


def _recurring(value: object) -> int:
    every = _whole(0, MAX_TASKS)(value)
    if every == 1:
        raise ValueError  # the first task has none to repeat
    return every


def _prefix(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", value):
        raise ValueError
    return value


def _sizes_rule(most: int) -> Rule:
    return Rule(
        expected=f"a whole number from 1 to {most}, a range [low, high] (short form low..high), "
        "or { median = number, spread = 0 to 5 } for log-normal sizes",
        convert=_sizes(most),
    )


SHARE = Rule(expected="a number from 0 to 1", convert=_number(0, 1))
SIMULATED_RULES: Mapping[str, Rule] = {
    "tasks": Rule(expected=f"a whole number from 1 to {MAX_TASKS}", convert=_whole(1, MAX_TASKS)),
    "seed": Rule(expected=f"a whole number from 0 to {MAX_SEED}", convert=_whole(0, MAX_SEED)),
    "prefix": Rule(
        expected="letters, digits, '.', '-' and '_', beginning with a letter or digit", convert=_prefix
    ),
    "classes": Rule(
        expected=f"a whole number from 2 to {MAX_CLASSES}, or a range [low, high] (short form low..high)",
        convert=_range(_whole(2, MAX_CLASSES)),
    ),
    "train": _sizes_rule(LARGEST_SIZE),
    "valid": _sizes_rule(LARGEST_SIZE),
    "test": _sizes_rule(LARGEST_SIZE),
    "words": _sizes_rule(MOST_WORDS),
    "accuracy": Rule(
        expected="a number from 0 to 1, or a range [low, high] (short form low..high)",
        convert=_range(_number(0, 1)),
    ),
    "similarity": SHARE,
    "label_noise": SHARE,
    "drift": SHARE,
    "recurring": Rule(
        expected="0 for none, or a whole number from 2: every so-many-th task repeats an earlier one",
        convert=_recurring,
    ),
    "recurrence": Rule(expected=f"one of {', '.join(Recurrence)}", convert=Recurrence),
}
