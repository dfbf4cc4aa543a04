"""Three splits from rows: exact sizes, independent of row order, no text on both sides of a border.

Rows with the same text (the same pair) form a group. Groups are ordered by a hash of the text keyed with the
split seed alone: tasks made from one file are split alike, so no text that tests one task trains another.
The first groups fill the test split, the next the validation split, the rest trains; a group that no longer
fits passes on to the next split. The paper's own splits are unpublished; only its sizes are matched.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.errors import DataError

Group = tuple[int, ...]
"""Row indices that share one text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Examples:
    """Rows as read: texts, second segments where there are pairs, and class names."""

    texts: Sequence[str]
    labels: Sequence[str]
    pairs: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def key(self, row: int) -> tuple[str, ...]:
        """What makes a row's text: one segment or two."""
        return (self.texts[row],) if self.pairs is None else (self.texts[row], self.pairs[row])

    def take(self, rows: Sequence[int]) -> "Examples":
        """The rows given, in that order."""
        return Examples(
            texts=[self.texts[row] for row in rows],
            labels=[self.labels[row] for row in rows],
            pairs=None if self.pairs is None else [self.pairs[row] for row in rows],
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitSizes:
    """Numbers of examples per split."""

    num_train: int
    num_valid: int
    num_test: int


def paper_sizes(num_rows: int) -> SplitSizes:
    """80/10/10 as every row of the paper's Table 3 has it: 8n // 10 train, half the rest (down) validates."""
    num_train = 8 * num_rows // 10
    num_valid = (num_rows - num_train) // 2
    return SplitSizes(num_train=num_train, num_valid=num_valid, num_test=num_rows - num_train - num_valid)


def hashed_groups(examples: Examples, *, seed: int) -> list[Group]:
    """Rows grouped by text, groups in hash order, rows of a group by label; row order plays no part."""
    rows_of: dict[tuple[str, ...], list[int]] = {}
    for row in range(len(examples)):
        rows_of.setdefault(examples.key(row), []).append(row)
    ordered = sorted(rows_of, key=lambda text: (_text_hash(text, seed=seed), text))
    return [tuple(sorted(rows_of[text], key=lambda row: examples.labels[row])) for text in ordered]


def hash_order(examples: Examples, *, seed: int) -> Examples:
    """The same examples in hash order, so that a cap on their number is a prefix."""
    return examples.take([row for group in hashed_groups(examples, seed=seed) for row in group])


def cut(groups: Sequence[Group], sizes: Sequence[int]) -> list[list[Group]]:
    """Fill one split after the other, and return one more for the groups that are left.

    A split is short of its size only if every group left is larger than what it lacks.
    """
    filled: list[list[Group]] = []
    left = list(groups)
    for size in sizes:
        taken, left = _fill(left, size)
        filled.append(taken)
    return [*filled, left]


def _fill(groups: Sequence[Group], size: int) -> tuple[list[Group], list[Group]]:
    taken: list[Group] = []
    left: list[Group] = []
    for group in groups:
        if len(group) <= size:
            taken.append(group)
            size -= len(group)
        else:
            left.append(group)
    return taken, left


def _text_hash(text: tuple[str, ...], *, seed: int) -> bytes:
    """16 bytes; each segment is preceded by its length, so a pair has one reading."""
    digest = hashlib.blake2b(digest_size=16, key=f"split {seed}".encode())
    for segment in text:
        encoded = segment.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
    return digest.digest()


def split_examples(given: Mapping[str, Examples], *, seed: int, name: str) -> dict[str, Examples]:
    """Train, valid and test in hash order; what is not given is split off `given["train"]`.

    With nothing but a train file the proportions are 80/10/10; with one other file given, the missing split
    takes one row in nine, which keeps 8 : 1.

    Raises:
        DataError: There are too few different texts for every split to have one.
    """
    missing = [split for split in ("test", "valid") if split not in given]
    parts = cut(hashed_groups(given["train"], seed=seed), _sizes(len(given["train"]), missing))
    splits = {split: hash_order(examples, seed=seed) for split, examples in given.items()}
    for split, groups in zip([*missing, "train"], parts, strict=True):
        splits[split] = given["train"].take([row for group in groups for row in group])
        if len(splits[split]) == 0:
            raise DataError(
                f"task '{name}': {len(given['train'])} rows with too few different texts "
                f"leave the {split} split empty; give more rows (10 different texts are enough)"
            )
    return splits


def _sizes(num_rows: int, missing: Sequence[str]) -> list[int]:
    if len(missing) == 1:
        return [num_rows - 8 * num_rows // 9]
    sizes = paper_sizes(num_rows)
    return [sizes.num_test, sizes.num_valid] if missing else []
