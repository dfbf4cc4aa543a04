"""From the values of a label column to class names or scores, by the rules of the card."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from tasks.card import LabelRule, TaskCard
from tasks.errors import DataError
from tasks.splits import Examples


def apply_label_rules(card: TaskCard, examples: Examples, *, file: str) -> Examples:
    """Examples with class names as labels, without the rows the card drops.

    Raises:
        DataError: A label is blank and the card does not say what that means.
    """
    if card.label_rule is LabelRule.PRESENT:
        named = ["yes" if value.strip() else "no" for value in examples.labels]
        return Examples(texts=examples.texts, labels=named, pairs=examples.pairs)
    kept = _without(examples, card.drop) if card.drop else examples
    blank = sum(not value.strip() for value in kept.labels)
    if blank:
        raise DataError(
            f"task '{card.name}': {blank} of {len(kept)} rows of {file} have no label "
            f"in column '{card.label}'; "
            'add drop = [""] to leave them out, or label them'
        )
    named = [card.map.get(value, value) for value in kept.labels]
    return Examples(texts=kept.texts, labels=named, pairs=kept.pairs)


def _without(examples: Examples, drop: Sequence[str]) -> Examples:
    rows = (row for row, value in enumerate(examples.labels) if value not in drop)
    return examples.take(np.fromiter(rows, np.int64))


def class_names(card: TaskCard, given: Iterable[Examples]) -> tuple[str, ...]:
    """Class names in index order: sorted, but for the card's positive class, which comes last.

    Raises:
        DataError: The positive class does not occur.
    """
    names = sorted({label for examples in given for label in examples.labels})
    if card.positive is None:
        return tuple(names)
    if card.positive not in names:
        raise DataError(
            f"task '{card.name}': no row has the class '{card.positive}' that is said to be positive; "
            f"the classes are {', '.join(names[:20])}"
        )
    return (*(name for name in names if name != card.positive), card.positive)


def misfit_of_f1(name: str, num_classes: int, metrics: Sequence[str]) -> str | None:
    """Why F1, where it is among the metrics, does not fit a task of so many classes; None where it does."""
    if "f1" not in metrics or num_classes == 2:
        return None
    return f"Task '{name}' has {num_classes} classes, but f1 is about the positive one of two; use macro_f1."


def scores(card: TaskCard, values: Sequence[str]) -> list[float]:
    """The scores of a regression task as numbers.

    Raises:
        DataError: A value is no finite number, or lies outside the card's range.
    """
    return [_score(card, value) for value in values]


def _score(card: TaskCard, value: str) -> float:
    low, high = card.score_range or (-math.inf, math.inf)
    try:
        score = float(value)
    except ValueError:
        score = math.nan
    if math.isfinite(score) and low <= score <= high:
        return score
    allowed = "a finite number" if card.score_range is None else f"a number from {low:g} to {high:g}"
    raise DataError(
        f"task '{card.name}': column '{card.label}' holds '{value[:60]}', but a score is {allowed}; "
        "correct it or the range, or add the value to drop"
    )
