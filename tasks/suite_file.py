"""From a TOML table to task cards: every key is checked against one table of rules.

A wrong or unknown key is answered with the file, the task, what was got and what is allowed.
"""

import codecs
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any

from tasks.card import FileFormat, LabelRule, Quoting, TaskCard
from tasks.errors import SuiteError, did_you_mean
from tasks.task import PaperFigures

SUFFIXES = {
    ".csv": FileFormat.CSV,
    ".tsv": FileFormat.TSV,
    ".jsonl": FileFormat.JSONL,
    ".parquet": FileFormat.PARQUET,
}
"""Format of a file whose card does not state one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """What a key may hold."""

    expected: str
    """In words, for the error sentence."""
    convert: Callable[[Any], Any]
    """From the TOML value to the card's; raises ValueError or TypeError where it does not fit."""


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError
    return tuple(value)


def _text_columns(value: object) -> tuple[str, ...]:
    columns = (value,) if isinstance(value, str) else _texts(value)
    if len(columns) not in (1, 2) or not all(columns):
        raise ValueError
    return columns


def _columns(value: object) -> tuple[str, ...]:
    columns = _texts(value)
    if len(set(columns)) != len(columns) or not columns:
        raise ValueError
    return columns


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError
    return float(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _matching(pattern: str) -> Callable[[object], str]:
    def convert(value: object) -> str:
        if not re.fullmatch(pattern, _text(value)):
            raise ValueError
        return _text(value)

    return convert


def _encoding(value: object) -> str:
    try:
        return codecs.lookup(_text(value)).name
    except LookupError as error:
        raise ValueError from error


def _table_of(convert: Callable[[object], Any]) -> Callable[[object], dict[str, Any]]:
    def convert_table(value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise TypeError
        return {key: convert(item) for key, item in value.items()}

    return convert_table


TEXT = Rule(expected="a text that is not empty", convert=_text)
TEXTS = Rule(expected="a list of texts", convert=_texts)
COUNT = Rule(expected="a whole number, 0 or more", convert=_count)
NUMBER = Rule(expected="a number", convert=_number)

CARD_RULES: Mapping[str, Rule] = {
    "name": Rule(
        expected="letters, digits, '.', '-' and '_', beginning with a letter or digit",
        convert=_matching(r"[A-Za-z0-9][A-Za-z0-9._-]*"),
    ),
    "title": TEXT,
    "text": Rule(
        expected='a column name, or two for pairs such as ["premise", "hypothesis"]', convert=_text_columns
    ),
    "label": TEXT,
    "train": TEXT,
    "valid": TEXT,
    "test": TEXT,
    "format": Rule(expected=f"one of {', '.join(FileFormat)}", convert=FileFormat),
    "hub": Rule(expected='"owner/name" of a data set of the hub', convert=_matching(r"[\w.-]+/[\w.-]+")),
    "revision": TEXT,
    "subset": TEXT,
    "url": Rule(expected="an address beginning with https://", convert=_matching(r"https://\S+")),
    "member": TEXT,
    "sha256": Rule(expected="64 hexadecimal digits in lower case", convert=_matching(r"[0-9a-f]{64}")),
    "encoding": Rule(expected="an encoding Python knows, such as utf-8 or latin-1", convert=_encoding),
    "quoting": Rule(expected=f"one of {', '.join(Quoting)}", convert=Quoting),
    "columns": Rule(expected="a list of different column names", convert=_columns),
    "label_rule": Rule(expected=f"one of {', '.join(LabelRule)}", convert=LabelRule),
    "drop": TEXTS,
    "map": Rule(expected="a table from a label's value to its new name", convert=_table_of(_text)),
    "num_rows": COUNT,
    "num_labels": COUNT,
    "class_counts": Rule(expected="a table from a class to its number of rows", convert=_table_of(_count)),
    "mean_chars": NUMBER,
    "metric": Rule(expected="accuracy", convert=_matching("accuracy")),
    "partial": Rule(expected="true or false", convert=_flag),
    "notes": TEXTS,
    "licence": TEXT,
    "source": TEXT,
    "paper": Rule(expected="a table", convert=_table_of(lambda value: value)),
}
PAPER_RULES: Mapping[str, Rule] = {
    item.name: COUNT if item.type is int else NUMBER for item in fields(PaperFigures)
}


def read_cards(
    table: Mapping[str, Any], *, suite: str, path: Path, folder: Path | None
) -> tuple[TaskCard, ...]:
    """The cards of a suite's TOML table, in file order.

    Raises:
        SuiteError: A key is unknown, missing or holds the wrong kind of value, or a name appears twice.
    """
    _check_keys(table, ("name", "title", "task"), where=str(path))
    entries = table.get("task")
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise SuiteError(
            f"{path}: a suite needs at least one [[task]] table; add one with name, train, text and label"
        )
    cards = tuple(
        _read_card(entry, suite=suite, folder=folder, where=f"{path}: task {_label_of(entry, number)}")
        for number, entry in enumerate(entries, start=1)
    )
    names = [card.name for card in cards]
    for name in names:
        if names.count(name) > 1:
            raise SuiteError(f"{path}: two tasks are named '{name}'; a name must be unique in its suite")
    return cards


def read_text_key(table: Mapping[str, Any], key: str, *, where: str, default: str) -> str:
    """The text under `key`, or the default where the key is absent."""
    return str(_convert(table[key], TEXT, key=key, where=where)) if key in table else default


def _label_of(entry: Mapping[str, Any], number: int) -> str:
    name = entry.get("name")
    return f"'{name}'" if isinstance(name, str) and name else f"number {number}"


def _read_card(entry: Mapping[str, Any], *, suite: str, folder: Path | None, where: str) -> TaskCard:
    values = _convert_all(entry, CARD_RULES, where=where)
    _check_source(values, where=where)
    if "paper" in values:
        values["paper"] = _read_paper(values["paper"], where=f"{where}: [task.paper]")
    values.setdefault("title", values["name"])
    if values.get("hub"):
        values.setdefault("train", "train")
    else:
        values["format"] = values.get("format") or _format_of(values["train"], where=where)
    return TaskCard(suite=suite, folder=folder, **values)


def _read_paper(entry: Mapping[str, Any], *, where: str) -> PaperFigures:
    figures = _convert_all(entry, PAPER_RULES, where=where)
    for name in PAPER_RULES:
        if name not in figures:
            raise SuiteError(f"{where}: key '{name}' is missing; needed are {', '.join(PAPER_RULES)}")
    return PaperFigures(**figures)


def _convert_all(entry: Mapping[str, Any], rules: Mapping[str, Rule], *, where: str) -> dict[str, Any]:
    _check_keys(entry, rules, where=where)
    return {key: _convert(value, rules[key], key=key, where=where) for key, value in entry.items()}


def _convert(value: object, rule: Rule, *, key: str, where: str) -> Any:
    try:
        return rule.convert(value)
    except (TypeError, ValueError):
        raise SuiteError(f"{where}: key '{key}' must be {rule.expected}; got {value!r}") from None


def _check_keys(entry: Mapping[str, Any], known: Mapping[str, Any] | tuple[str, ...], *, where: str) -> None:
    for key in entry:
        if key not in known:
            raise SuiteError(f"{where}: unknown key '{key}'; {did_you_mean(key, known)}")


def _check_source(values: Mapping[str, Any], *, where: str) -> None:
    """The keys that only make sense together: name, text, label and either files or a hub data set."""
    for key in ("name", "text", "label"):
        if key not in values:
            raise SuiteError(
                f"{where}: key '{key}' is missing; a task needs name, text, label and train (or hub)"
            )
    if values["label"] in values["text"]:
        raise SuiteError(
            f"{where}: column '{values['label']}' is both text and label; name two different columns"
        )
    if "hub" not in values and "train" not in values:
        raise SuiteError(f"{where}: neither 'train' nor 'hub' is given; name a file or a hub data set")
    if "hub" in values and "revision" not in values:
        raise SuiteError(
            f"{where}: 'hub' needs 'revision' (a commit or tag), so that the data cannot change unseen"
        )
    if "url" in values and "sha256" not in values:
        raise SuiteError(f"{where}: 'url' needs 'sha256', so that a download can be checked")
    if "hub" in values and ("url" in values or "format" in values):
        raise SuiteError(f"{where}: 'hub' stands alone; leave out 'url' and 'format'")


def _format_of(file: str, *, where: str) -> FileFormat:
    suffix = PurePosixPath(file).suffix.lower()
    if suffix not in SUFFIXES:
        raise SuiteError(
            f"{where}: the format of '{file}' cannot be told from its name; "
            f"add format = one of {', '.join(FileFormat)}"
        )
    return SUFFIXES[suffix]
