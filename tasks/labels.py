"""From the values of a label column to class names, by the rules of the card."""

from collections.abc import Sequence

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
