"""Which columns of a sheet are the text and the label, by stated rules; a person is asked to look.

- Text: columns named as pairs are (premise and hypothesis, ..., or long texts called ...1 and ...2);
  else the column named as texts are (text, sentence, ...); else the one with the longest cells but numbers.
- Label: of the other columns with 2 to 500 values, on average in 2 rows or more, that are not numbers with
  fractions and whose name does not begin with '_' (bookkeeping): the one named as labels are; else one whose
  name holds such a word; else the last, if it has at most 50 values; else the one with the fewest.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.errors import DataError
from tasks.sheets import Sheet, is_number

PAIRS = (
    ("premise", "hypothesis"), ("sentence1", "sentence2"), ("question1", "question2"), ("text1", "text2"),
    ("text_a", "text_b"), ("question", "sentence"), ("question", "passage"), ("question", "answer"),
)  # fmt: skip
TEXT_WORDS = (
    "text", "sentence", "content", "tweet", "review", "comment", "message", "document", "body", "narrative",
    "utterance", "question", "headline", "title", "description",
)  # fmt: skip
LABEL_WORDS = (
    "label", "labels", "class", "category", "target", "sentiment", "topic", "emotion", "intent", "stance",
    "polarity", "relevance", "rating", "stars", "type",
)  # fmt: skip
MAX_VALUES = 500
LEAST_ROWS_PER_VALUE = 2
FEW_VALUES = 50
LEAST_PAIR_CHARS = 20
"""Mean length from which on two columns called ...1 and ...2 are a pair of texts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnChoice:
    """Text and label columns, and what else the label could be."""

    text: tuple[str, ...]
    label: str
    classes: tuple[str, ...]
    """Values of the label column in the rows looked at, sorted, blank ones left out."""
    has_blank_labels: bool
    others: tuple[str, ...]
    """Columns that could be the label too, best first."""


def choose_columns(sheet: Sheet) -> ColumnChoice:
    """Text and label of a sheet.

    Raises:
        DataError: No column looks like a text, or none of the others like a label.
    """
    text = _text_columns(sheet)
    candidates = [
        name
        for name, values in sheet.columns.items()
        if name not in text and not name.startswith("_") and _could_be_label(values)
    ]
    if not candidates:
        raise DataError(
            f"{sheet.path} has no column that could be a label beside the text '{text[0]}' (2 to "
            f"{MAX_VALUES} values that come again); its columns are {', '.join(list(sheet.columns)[:20])}"
        )
    last = list(sheet.columns)[-1]
    ranked = sorted(candidates, key=lambda name: _label_rank(name, sheet.columns[name], is_last=name == last))
    values = set(sheet.columns[ranked[0]])
    return ColumnChoice(
        text=text,
        label=ranked[0],
        classes=tuple(sorted(value for value in values if value.strip())),
        has_blank_labels=any(not value.strip() for value in values),
        others=tuple(ranked[1:]),
    )


def _text_columns(sheet: Sheet) -> tuple[str, ...]:
    known = {name.casefold(): name for name in sheet.columns}
    for one, two in PAIRS:
        if one in known and two in known:
            return known[one], known[two]
    words = [name for name, values in sheet.columns.items() if not _is_numeric(values)]
    for name in words:
        other = name.replace("1", "2")
        if other != name and other in words and _mean_chars(sheet.columns[name]) >= LEAST_PAIR_CHARS:
            return name, other
    named = next((known[word] for word in TEXT_WORDS if known.get(word) in words), None)
    if named is not None and _mean_chars(sheet.columns[named]) > 0:
        return (named,)
    if not words or max(_mean_chars(sheet.columns[name]) for name in words) == 0:
        raise DataError(f"{sheet.path} has no column of texts; its columns hold numbers or nothing")
    return (max(words, key=lambda name: _mean_chars(sheet.columns[name])),)


def _could_be_label(values: Sequence[str]) -> bool:
    given = [value for value in values if value.strip()]
    distinct = set(given)
    fractions = all(map(is_number, distinct)) and not all(float(value).is_integer() for value in distinct)
    return (
        2 <= len(distinct) <= MAX_VALUES
        and len(given) >= LEAST_ROWS_PER_VALUE * len(distinct)
        and 2 * len(given) >= len(values)
        and not fractions
    )


def _label_rank(name: str, values: Sequence[str], *, is_last: bool) -> tuple[int, int]:
    """Smaller is likelier: by name, by a word in the name, by place, by number of values."""
    num_values = len(set(values))
    words = re.findall(r"[a-z]+", name.casefold())
    if name.casefold() in LABEL_WORDS:
        return 0, LABEL_WORDS.index(name.casefold())
    if any(word in words for word in LABEL_WORDS):
        return 1, len(words)
    return (2 if is_last and num_values <= FEW_VALUES else 3), num_values


def _is_numeric(values: Sequence[str]) -> bool:
    given = [value for value in values if value.strip()]
    return bool(given) and all(map(is_number, given))


def _mean_chars(values: Sequence[str]) -> float:
    return sum(map(len, values)) / max(len(values), 1)
