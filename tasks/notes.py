"""Short sentences about what a task's data holds and how it differs from what the card and the paper say."""

from collections import Counter
from collections.abc import Mapping, Sequence

from tasks.card import TaskCard
from tasks.splits import Examples
from tasks.task import CLASSIFYING

MAX_NAMES = 5
"""Class names listed in one note."""
BLANK = "blank texts, kept: "
"""Beginning of the note on texts without a character that shows."""


def count_notes(card: TaskCard, given: Sequence[Examples]) -> tuple[str, ...]:
    """Rows and classes against the card and the paper; blank texts."""
    counts = Counter(label for examples in given for label in examples.labels)
    notes = [*_card_differences(card, counts), *_paper_differences(card, counts)]
    blank = sum(
        not any(segment.strip() for segment in examples.key(row))
        for examples in given
        for row in range(len(examples))
    )
    if blank:
        notes.append(f"{BLANK}{blank}")
    return tuple(notes)


def _card_differences(card: TaskCard, counts: Counter[str]) -> list[str]:
    notes = []
    if card.num_rows is not None and counts.total() != card.num_rows:
        notes.append(f"{counts.total()} rows where the card expects {card.num_rows}")
    if card.num_labels is not None and len(counts) != card.num_labels:
        notes.append(f"{len(counts)} classes where the card expects {card.num_labels}")
    different = sorted(
        label
        for label in counts.keys() | card.class_counts.keys()
        if counts[label] != card.class_counts.get(label, 0)
    )
    if card.class_counts and different:
        notes.append(f"class counts differ from the card's for {_listed(different)}")
    return notes


def _paper_differences(card: TaskCard, counts: Counter[str]) -> list[str]:
    paper = card.paper
    if paper is None:
        return []
    notes = ["the paper's own splits are unpublished: these are others, in its proportions"]
    num_rows = paper.num_train + paper.num_valid + paper.num_test
    if counts.total() != num_rows:
        notes.append(f"{counts.total()} rows where the paper has {num_rows}")
    if len(counts) != paper.num_labels:
        notes.append(f"{len(counts)} classes where the paper has {paper.num_labels}")
    return notes


def split_notes(card: TaskCard, splits: Mapping[str, Examples]) -> tuple[str, ...]:
    """Classes that the training split lacks, and splits that were made here although others were given."""
    trained = set(splits["train"].labels)
    unseen = sorted({label for examples in splits.values() for label in examples.labels} - trained)
    notes = []
    if unseen and card.kind in CLASSIFYING:
        notes.append(f"classes too rare to occur in the training split: {_listed(unseen)}")
    made = [split for split in ("valid", "test") if split not in card.given]
    if made and len(card.given) > 1:
        notes.append(f"no {made[0]} file is given: one row in nine of the training file was split off")
    return tuple(notes)


def overlap_notes(given: Mapping[str, Examples], splits: Mapping[str, Examples]) -> tuple[str, ...]:
    """Training texts that also stand in a validation or test file the user gave."""
    train = splits["train"]
    notes = []
    for split in given:
        if split != "train":
            tested = {given[split].key(row) for row in range(len(given[split]))}
            shared = {key for key in map(train.key, range(len(train))) if key in tested}
            if shared:
                notes.append(
                    f"texts of the {split} file that also stand in the training split: {len(shared)}"
                )
    return tuple(notes)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more
