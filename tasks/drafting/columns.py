"""Which columns of a sheet are the text and the label, by stated rules; a person is asked to look.

- Text: columns named as pairs are (premise and hypothesis, ..., or two of long texts that the file itself
  calls ...1 and ...2); else the column named as texts are (text, sentence, ...); else the one with the
  longest cells but numbers.
- Label: of the other columns with 2 to 500 values, on average in 2 rows or more, that are not numbers with
  fractions and whose name does not begin with '_' (bookkeeping): the one named as labels are; else one whose
  name holds such a word; else the last, if it has at most 50 values; else the one with the fewest.
- Scores: where no column can be a label, one of numbers with fractions, and the task is a regression: the one
  named as labels or scores are; else one whose name holds such a word; else the last.
"""

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from tasks.errors import DataError
from tasks.reading.sheets import Sheet, is_number

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
SCORE_WORDS = (*LABEL_WORDS, "score", "scores", "similarity", "grade", "value")
MAX_VALUES = 500
LEAST_ROWS_PER_VALUE = 2
FEW_VALUES = 50
LISTS = "lists, objects or bytes, which are no texts and no labels,"
UNNAMED = (2, 0)
"""Rank of a column whose name says nothing."""
LEAST_PAIR_CHARS = 20
"""Mean length from which on the cells of a column are long texts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnChoice:
    """Text and label columns, and what else the label could be."""

    text: tuple[str, ...]
    label: str
    classes: tuple[str, ...]
    """Values of the label column in the rows looked at, sorted, blank ones left out; none of scores."""
    has_blank_labels: bool
    others: tuple[str, ...]
    """Columns that could be the label too, best first."""
    score_range: tuple[float, float] | None = None
    """Least and largest score in the rows looked at, where the label column holds scores."""


def choose_columns(sheet: Sheet) -> ColumnChoice:
    """Text and label of a sheet.

    Raises:
        DataError: No column looks like a text, or none of the others like a label.
    """
    text = _text_columns(sheet)
    beside = {
        name: values
        for name, values in sheet.columns.items()
        if name not in text and not name.startswith("_")
    }
    last = list(sheet.columns)[-1]
    labels = [name for name, values in beside.items() if _could_be_label(values)]
    if labels:
        labels.sort(key=lambda name: _label_rank(name, beside[name], is_last=name == last))
        return _label_choice(text, labels, beside[labels[0]])
    scores = [name for name, values in beside.items() if _could_be_scores(values)]
    if scores:
        scores.sort(key=lambda name: (*_name_rank(name, SCORE_WORDS), name != last))
        return _score_choice(text, scores, beside[scores[0]])
    raise DataError(
        f"{sheet.path} has no column that could be a label beside the text '{text[0]}' (2 to {MAX_VALUES} "
        "values that come again, or numbers with fractions); its columns are "
        f"{', '.join(list(sheet.columns)[:20])}{_beside(sheet)}"
    )


def _beside(sheet: Sheet) -> str:
    return f", and {LISTS} in {', '.join(sheet.no_texts[:20])}" if sheet.no_texts else ""


def long_texts(sheet: Sheet) -> tuple[str, ...]:
    """Columns of long texts, in the file's order."""
    return tuple(
        name
        for name, values in sheet.columns.items()
        if _mean_chars(values) >= LEAST_PAIR_CHARS and not _is_numeric(values)
    )


def score_range(values: Sequence[str]) -> tuple[float, float] | None:
    """Least and largest of the values but blank ones; None unless all are finite numbers."""
    given = [value for value in values if value.strip()]
    scores = [float(value) for value in given if is_number(value)]
    if not scores or len(scores) < len(given) or not all(map(math.isfinite, scores)):
        return None
    return min(scores), max(scores)


def _label_choice(text: tuple[str, ...], ranked: Sequence[str], values: Sequence[str]) -> ColumnChoice:
    return ColumnChoice(
        text=text,
        label=ranked[0],
        classes=tuple(sorted({value for value in values if value.strip()})),
        has_blank_labels=any(not value.strip() for value in values),
        others=tuple(ranked[1:]),
    )


def _score_choice(text: tuple[str, ...], ranked: Sequence[str], values: Sequence[str]) -> ColumnChoice:
    return replace(_label_choice(text, ranked, values), classes=(), score_range=score_range(values))


def _text_columns(sheet: Sheet) -> tuple[str, ...]:
    known = {name.casefold(): name for name in sheet.columns}
    for one, two in PAIRS:
        if one in known and two in known:
            return known[one], known[two]
    long = long_texts(sheet) if sheet.has_header else ()
    for name in long:
        other = name.replace("1", "2")
        if other != name and other in long:
            return name, other
    words = [name for name, values in sheet.columns.items() if not _is_numeric(values)]
    named = next((known[word] for word in TEXT_WORDS if known.get(word) in words), None)
    if named is not None and _mean_chars(sheet.columns[named]) > 0:
        return (named,)
    if not words or max(_mean_chars(sheet.columns[name]) for name in words) == 0:
        raise DataError(
            f"{sheet.path} has no column of texts; its columns hold numbers or nothing{_beside(sheet)}"
        )
    return (max(words, key=lambda name: _mean_chars(sheet.columns[name])),)


def _could_be_label(values: Sequence[str]) -> bool:
    given = [value for value in values if value.strip()]
    distinct = set(given)
    return (
        2 <= len(distinct) <= MAX_VALUES
        and len(given) >= LEAST_ROWS_PER_VALUE * len(distinct)
        and 2 * len(given) >= len(values)
        and not _has_fractions(distinct)
    )


def _could_be_scores(values: Sequence[str]) -> bool:
    given = [value for value in values if value.strip()]
    low, high = score_range(given) or (0.0, 0.0)
    return low < high and 2 * len(given) >= len(values) and _has_fractions(given)


def _has_fractions(given: Collection[str]) -> bool:
    return all(map(is_number, given)) and not all(float(value).is_integer() for value in given)


def _label_rank(name: str, values: Sequence[str], *, is_last: bool) -> tuple[int, int]:
    """Smaller is likelier: by name, by a word in the name, by place, by number of values."""
    by_name, num_values = _name_rank(name, LABEL_WORDS), len(set(values))
    if by_name < UNNAMED:
        return by_name
    return (2 if is_last and num_values <= FEW_VALUES else 3), num_values


def _name_rank(name: str, known: Sequence[str]) -> tuple[int, int]:
    """Smaller is likelier: a name that is known, one that holds such a word, any other."""
    words = re.findall(r"[a-z]+", name.casefold())
    if name.casefold() in known:
        return 0, known.index(name.casefold())
    return (1, len(words)) if any(word in words for word in known) else UNNAMED


def _is_numeric(values: Sequence[str]) -> bool:
    given = [value for value in values if value.strip()]
    return bool(given) and all(map(is_number, given))


def _mean_chars(values: Sequence[str]) -> float:
    return sum(map(len, values)) / max(len(values), 1)
