"""From a TOML file to task cards; whatever does not fit is answered with file, line, task and key.

The keys and what each may hold are those of `tasks.suites.keys`; what they mean together stands in
`tasks.suites.rules`.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tasks.card import TaskCard
from tasks.errors import SuiteError, did_you_mean
from tasks.stream_settings import StreamSettings
from tasks.suites.keys import CARD_RULES, FIGURES, PAPER_RULES, SUITE_RULES, TEXT, Rule
from tasks.suites.rules import (
    Where,
    check_labels,
    check_separator,
    check_source,
    fill_squad,
    format_of,
    kind_of,
)
from tasks.suites.short_form import simulated_cards
from tasks.suites.simulated_keys import SIMULATED_RULES
from tasks.task import MAIN_SPLIT, Limits, PaperFigures, PublishedFigures, TrainingOverrides

MAX_SHOWN = 80
"""Characters of a wrong value in an error sentence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SuiteFile:
    """What a suite file says."""

    name: str
    title: str
    cards: tuple[TaskCard, ...]
    """In the order in which they arrive."""


def read_suite_file(path: Path, *, folder: Path | None) -> SuiteFile:
    """The suite of a file; `folder` is what the names of its data files are relative to.

    Raises:
        SuiteError: The file cannot be read, a key is unknown, missing or holds something else than allowed.
    """
    text = _read_text(path)
    where = Where(path=path, text=text)
    values = _convert_all(_parsed(path, text), SUITE_RULES, where=where)
    name = values.get("name", path.stem)
    cards = _read_tasks(values, suite=name, folder=folder, where=where)
    return SuiteFile(
        name=name,
        title=values.get("title", name),
        cards=_ordered(cards, values.get("order", ()), where=where),
    )


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SuiteError(f"the suite file {path} does not exist; check the path") from None
    except UnicodeDecodeError as error:
        raise SuiteError(
            f"the suite file {path} is not UTF-8 text (byte {error.start}); save it as UTF-8"
        ) from error
    except (OSError, ValueError) as error:
        raise SuiteError(f"the suite file {path} cannot be read: {error}") from error


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise SuiteError(f"the suite file {path} is not valid TOML: it is nested too deeply") from None
    except ValueError as error:  # also numbers of more digits than Python converts
        raise SuiteError(f"the suite file {path} is not valid TOML: {error}") from error


def _read_cards(entries: object, *, suite: str, folder: Path | None, where: Where) -> tuple[TaskCard, ...]:
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise where.error(
            "a suite needs at least one [[task]] table; add one with name, train, text and label", "task"
        )
    cards: list[TaskCard] = []
    for number, entry in enumerate(entries):
        label = f"task {_label_of(entry, number + 1)}: "
        inside = replace(where, keys=("task", number), label=label)
        card = _read_card(entry, suite=suite, folder=folder, where=inside)
        if card.name in [other.name for other in cards]:
            raise where.error(
                f"two tasks are named '{card.name}'; a name must be unique in its suite",
                "task",
                number,
                "name",
            )
        cards.append(card)
    return tuple(cards)


def _read_tasks(
    values: Mapping[str, Any], *, suite: str, folder: Path | None, where: Where
) -> tuple[TaskCard, ...]:
    """The file's own tasks, or those of a simulated stream."""
    if "simulated" not in values:
        return _read_cards(values.get("task"), suite=suite, folder=folder, where=where)
    if "task" in values:
        raise where.error(
            "a suite has either [[task]] tables or one [simulated] table; "
            "make two files and join them with '+'",
            "simulated",
        )
    inside = replace(where, keys=("simulated",), label="[simulated]: ")
    settings = _convert_all(values["simulated"], SIMULATED_RULES, where=inside)
    if "tasks" not in settings:
        raise inside.error("key 'tasks' is missing; it says how many tasks there are")
    try:
        return simulated_cards(StreamSettings(**settings), suite=suite)
    except ValueError as error:
        raise inside.error(str(error)) from None


def _ordered(cards: Sequence[TaskCard], order: Sequence[str], *, where: Where) -> tuple[TaskCard, ...]:
    """The cards named come first, in that order; the others follow as they stand in the file."""
    known = {card.name: card for card in cards}
    for name in order:
        if name not in known:
            raise where.error(f"key 'order': there is no task '{name}'; {did_you_mean(name, known)}", "order")
    return tuple(known[name] for name in [*order, *(name for name in known if name not in order)])


def _label_of(entry: Mapping[str, Any], number: int) -> str:
    name = entry.get("name")
    return f"'{name}'" if isinstance(name, str) and name else f"number {number}"


def _read_card(entry: Mapping[str, Any], *, suite: str, folder: Path | None, where: Where) -> TaskCard:
    values = _convert_all(entry, CARD_RULES, where=where)
    fill_squad(values, where=where)
    check_source(values, where=where)
    if "paper" in values:
        inside = replace(where, keys=(*where.keys, "paper"), label=f"{where.label}[task.paper]: ")
        values["paper"] = _read_paper(values["paper"], where=inside)
    if "published" in values:
        inside = replace(where, keys=(*where.keys, "published"), label=f"{where.label}[task.published]: ")
        values["published"] = _read_published(values["published"], values.get("tests", {}), where=inside)
    values.setdefault("title", values["name"])
    values["kind"] = kind_of(values, where=where)
    check_labels(values, where=where)
    values["score_range"] = values.pop("range", None)
    if values.get("hub"):
        values.setdefault("train", "train")
    else:
        values["format"] = values.get("format") or format_of(values["train"], where=where)
    check_separator(values, where=where)
    caps = {key: values.pop(key, None) for key in ("max_train", "max_valid", "max_test")}
    overrides = TrainingOverrides(
        num_epochs=values.pop("epochs", None), learning_rate=values.pop("learning_rate", None)
    )
    return TaskCard(suite=suite, folder=folder, limits=Limits(**caps), overrides=overrides, **values)


def _read_paper(entry: Mapping[str, Any], *, where: Where) -> PaperFigures:
    figures = _convert_all(entry, PAPER_RULES, where=where)
    for name in PAPER_RULES:
        if name not in figures:
            raise where.error(f"key '{name}' is missing; needed are {', '.join(PAPER_RULES)}")
    return PaperFigures(**figures)


def _read_published(entry: Mapping[str, Any], tests: Mapping[str, str], *, where: Where) -> PublishedFigures:
    """A sentence on what is published, and a table of figures per test split."""
    rules = {"about": TEXT} | dict.fromkeys((MAIN_SPLIT, *tests), FIGURES)
    values = _convert_all(entry, rules, where=where)
    if "about" not in values:
        raise where.error("key 'about' is missing; it says which model and which test set the figures are of")
    return PublishedFigures(about=values.pop("about"), splits=values)


def _convert_all(entry: Mapping[str, Any], rules: Mapping[str, Rule], *, where: Where) -> dict[str, Any]:
    for key in entry:
        if key not in rules:
            raise where.error(f"unknown key '{key}'; {did_you_mean(key, rules)}", key)
    return {key: _convert(value, rules[key], key=key, where=where) for key, value in entry.items()}


def _convert(value: object, rule: Rule, *, key: str, where: Where) -> Any:
    try:
        return rule.convert(value)
    except (TypeError, ValueError, OverflowError):
        raise where.error(f"key '{key}' must be {rule.expected}; got {_shown(value)}", key) from None


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}..."
