"""The keys of a suite file, and what each may hold: one table of rules, in words and as a conversion.

An own table, for a schema library would need its messages translated one by one and knows no lines either.
"""

import codecs
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from tasks.card import FileFormat, LabelRule, Quoting, Undecodable
from tasks.task import RESERVED_SPLITS, PaperFigures, TaskKind


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


def _cap(value: object) -> int:
    if (count := _count(value)) < 1:
        raise ValueError
    return count


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError
    return float(value)


def _score_range(value: object) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise TypeError
    low, high = map(_number, value)
    if not -math.inf < low < high < math.inf:
        raise ValueError
    return low, high


def _tests(value: object) -> dict[str, str]:
    tests = _table_of(_text)(value)
    if any(name in RESERVED_SPLITS or not re.fullmatch(_NAME, name) for name in tests):
        raise ValueError
    return tests


def _metrics(value: object) -> tuple[str, ...]:
    names = _columns(value)
    if not all(re.fullmatch(_METRIC, name) for name in names):
        raise ValueError
    return names


def _rate(value: object) -> float:
    if not 0 < (rate := _number(value)) < math.inf:
        raise ValueError
    return rate


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
    """Python also knows codecs that are no encodings of text, such as base64."""
    try:
        if "a, b".encode(_text(value)).decode(_text(value)) != "a, b":
            raise ValueError
        return codecs.lookup(_text(value)).name
    except LookupError as error:
        raise ValueError from error


def _table_of(convert: Callable[[object], Any]) -> Callable[[object], dict[str, Any]]:
    def convert_table(value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise TypeError
        return {key: convert(item) for key, item in value.items()}

    return convert_table


_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_SHA256 = r"[0-9a-f]{64}"
_METRIC = r"[a-z][a-z0-9_]*"
TEXT = Rule(expected="a text that is not empty", convert=_text)
TEXTS = Rule(expected="a list of texts", convert=_texts)
COUNT = Rule(expected="a whole number, 0 or more", convert=_count)
CAP = Rule(expected="a whole number, 1 or more", convert=_cap)
NUMBER = Rule(expected="a number", convert=_number)

SUITE_RULES: Mapping[str, Rule] = {
    "name": TEXT,
    "title": TEXT,
    "order": Rule(expected="a list of different task names, the first to arrive first", convert=_columns),
    "task": Rule(expected="[[task]] tables", convert=lambda value: value),
    "simulated": Rule(expected="a table [simulated]", convert=_table_of(lambda value: value)),
}
CARD_RULES: Mapping[str, Rule] = {
    "name": Rule(
        expected="letters, digits, '.', '-' and '_', beginning with a letter or digit",
        convert=_matching(_NAME),
    ),
    "title": TEXT,
    "kind": Rule(expected=f"one of {', '.join(TaskKind)}", convert=TaskKind),
    "text": Rule(
        expected='a column name, or two for pairs such as ["premise", "hypothesis"]', convert=_text_columns
    ),
    "label": TEXT,
    "train": TEXT,
    "valid": TEXT,
    "test": TEXT,
    "tests": Rule(
        expected="a table from the name of a further test split (not train, valid or test) to its file",
        convert=_tests,
    ),
    "format": Rule(expected=f"one of {', '.join(FileFormat)}", convert=FileFormat),
    "hub": Rule(expected='"owner/name" of a data set of the hub', convert=_matching(r"[\w.-]+/[\w.-]+")),
    "revision": TEXT,
    "subset": TEXT,
    "url": Rule(expected="an address beginning with https://", convert=_matching(r"https://\S+")),
    "member": TEXT,
    "sha256": Rule(expected="64 hexadecimal digits in lower case", convert=_matching(_SHA256)),
    "sha256_of": Rule(
        expected="a table from a file of valid, test or tests to 64 hexadecimal digits in lower case",
        convert=_table_of(_matching(_SHA256)),
    ),
    "encoding": Rule(expected="an encoding Python knows, such as utf-8 or latin-1", convert=_encoding),
    "quoting": Rule(expected=f"one of {', '.join(Quoting)}", convert=Quoting),
    "undecodable": Rule(expected=f"one of {', '.join(Undecodable)}", convert=Undecodable),
    "separator": Rule(
        expected="one character between columns, such as ';' or '|'",
        convert=_matching(r"[\t !#-/:-@^`{-~[\]]"),
    ),
    "columns": Rule(expected="a list of different column names", convert=_columns),
    "label_rule": Rule(expected=f"one of {', '.join(LabelRule)}", convert=LabelRule),
    "drop": TEXTS,
    "map": Rule(expected="a table from a label's value to its new name", convert=_table_of(_text)),
    "positive": TEXT,
    "range": Rule(expected="the least and the largest score, such as [0, 5]", convert=_score_range),
    "num_rows": COUNT,
    "num_test": CAP,
    "num_labels": COUNT,
    "class_counts": Rule(expected="a table from a class to its number of rows", convert=_table_of(_count)),
    "mean_chars": NUMBER,
    "metric": Rule(expected="the name of a metric, such as accuracy or macro_f1", convert=_matching(_METRIC)),
    "secondary": Rule(expected='a list of further metrics, such as ["accuracy"]', convert=_metrics),
    "max_train": CAP,
    "max_valid": CAP,
    "max_test": CAP,
    "epochs": CAP,
    "learning_rate": Rule(expected="a number above 0", convert=_rate),
    "partial": Rule(expected="true or false", convert=_flag),
    "notes": TEXTS,
    "licence": TEXT,
    "source": TEXT,
    "paper": Rule(expected="a table", convert=_table_of(lambda value: value)),
    "published": Rule(expected="a table", convert=_table_of(lambda value: value)),
}
PAPER_RULES: Mapping[str, Rule] = {
    item.name: COUNT if item.type is int else NUMBER for item in fields(PaperFigures)
}
FIGURES = Rule(expected="a table from a method to a number", convert=_table_of(_number))
"""What is published of one test split."""
