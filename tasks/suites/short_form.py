"""Suites of simulated tasks: `simulated:1000`, with options in a short form, or `[simulated]` in a file.

    simulated:1000,seed=3,classes=2..20,similarity=0.5

Opening one settles what every task is (its card) and generates none: texts come when a task arrives. The
options are those of `tasks.stream_settings.StreamSettings`.
"""

import re
from typing import Any

from tasks.card import TaskCard
from tasks.errors import SuiteError, did_you_mean
from tasks.simulated.settling import settle_tasks
from tasks.stream_settings import SimulatedTask, StreamSettings
from tasks.suites.simulated_keys import SIMULATED_RULES

START = "simulated"
EXAMPLE = f"{START}:1000,seed=3,classes=2..20,similarity=0.5"


def is_short_form(given: str) -> bool:
    """Whether a suite's name asks for simulated tasks, rightly written or not."""
    return given.partition(":")[0] == START


def read_short_form(given: str) -> StreamSettings:
    """The settings in `simulated:COUNT,key=value,...`; a range is written `low..high`.

    Raises:
        SuiteError: The count is missing, or a key or value is not allowed.
    """
    where = f"suite '{given}': "
    count, *options = given.removeprefix(START).removeprefix(":").split(",")
    if not count:
        raise SuiteError(f"{where}how many tasks? write {START}:17, or with options {EXAMPLE}")
    values = {"tasks": _converted("tasks", count, where)}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals:
            raise SuiteError(f"{where}'{option}' is no option; write key=value, as in {EXAMPLE}")
        if key not in SIMULATED_RULES:
            raise SuiteError(f"{where}unknown key '{key}'; {did_you_mean(key, SIMULATED_RULES)}")
        if key in values:
            raise SuiteError(f"{where}key '{key}' is given twice; give it once")
        values[key] = _converted(key, value, where)
    try:
        return StreamSettings(**values)
    except ValueError as error:
        raise SuiteError(f"{where}{error}") from None


def simulated_cards(settings: StreamSettings, *, suite: str) -> tuple[TaskCard, ...]:
    """The cards of a stream's tasks, in order of arrival; nothing is generated."""
    return tuple(_card(task, suite) for task in settle_tasks(settings))


def stream_title(settings: StreamSettings) -> str:
    """The suite in a few words."""
    return f"simulated tasks, seed {settings.seed}, similarity {settings.similarity:g}"


def _converted(key: str, text: str, where: str) -> Any:
    try:
        return SIMULATED_RULES[key].convert(_value(text))
    except (TypeError, ValueError, OverflowError):
        expected = SIMULATED_RULES[key].expected
        raise SuiteError(f"{where}key '{key}' must be {expected}; got '{text}'") from None


def _value(text: str) -> object:
    """What a TOML file would say: a number, a list for `low..high`, or the text itself."""
    low, dots, high = text.partition("..")
    if dots:
        return [_value(low), _value(high)]
    if re.fullmatch(r"[+-]?[0-9]{1,19}", text, re.ASCII):
        return int(text)
    if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", text, re.ASCII | re.IGNORECASE):
        return float(text)
    return text


def _card(task: SimulatedTask, suite: str) -> TaskCard:
    return TaskCard(
        name=task.stream.name_of(task.position),
        suite=suite,
        title=f"Simulated task {task.position + 1}",
        text=("text",),
        label="label",
        num_labels=task.num_classes,
        simulation=task,
    )
