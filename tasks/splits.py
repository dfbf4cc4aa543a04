"""Three splits from rows: exact sizes, independent of row order, no text on both sides of a border.

Rows with the same text (the same pair) form a group. Groups are ordered by a hash of the text keyed with the
split seed alone: tasks made from one file are split alike, so no text that tests one task trains another.
Questions about the same context form a group too, so that no context is on both sides.
The first groups fill the test split, the next the validation split, the rest trains; a group that no longer
fits passes on to the next split. The paper's own splits are unpublished; only its sizes are matched.

Texts are looked at one by one and only their hashes are kept: about 50 bytes a row, however long they are.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from tasks.errors import DataError
from tasks.task import GoldAnswers
from tasks.text_column import RowNumbers, TextColumn

HASH_BYTES = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Examples:
    """Rows as read: texts, second segments where there are pairs, and class names."""

    texts: Sequence[str]
    labels: Sequence[str]
    """Class names; for span tasks the first answer of each question."""
    pairs: Sequence[str] | None = None
    answers: Sequence[GoldAnswers] | None = None
    """Gold answers, for span tasks, whose texts are questions and whose pairs are contexts."""

    def __len__(self) -> int:
        return len(self.labels)

    def key(self, row: int) -> tuple[str, ...]:
        """What makes a row's text: one segment or two."""
        return (self.texts[row],) if self.pairs is None else (self.texts[row], self.pairs[row])

    def take(self, rows: RowNumbers) -> "Examples":
        """The rows given, in that order."""
        return Examples(
            texts=_taken(self.texts, rows),
            labels=[self.labels[row] for row in rows],
            pairs=None if self.pairs is None else _taken(self.pairs, rows),
            answers=None if self.answers is None else [self.answers[row] for row in rows],
        )

    def by_context(self) -> "Examples":
        """What decides on which side of a border a row stands: of a span task the context alone."""
        if self.answers is None or self.pairs is None:
            return self
        return Examples(texts=self.pairs, labels=self.labels)


def _taken(texts: Sequence[str], rows: RowNumbers) -> Sequence[str]:
    return texts.take(rows) if isinstance(texts, TextColumn) else [texts[row] for row in rows]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Groups:
    """Rows grouped by text: group g is the next `lengths[g]` of `rows`."""

    rows: RowNumbers
    """Groups in hash order; within a group by label."""
    lengths: Int64[np.ndarray, " groups"]

    def rows_of(self, chosen: Bool[np.ndarray, " groups"]) -> RowNumbers:
        """The rows of the groups chosen, in order."""
        rows: RowNumbers = self.rows[np.repeat(chosen, self.lengths)]
        return rows


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


def hashed_groups(examples: Examples, *, seed: int) -> Groups:
    """Rows grouped by text, groups in hash order, rows of a group by label; row order plays no part."""
    num_rows = len(examples)
    hashes = bytearray(HASH_BYTES * num_rows)
    keys = zip(examples.texts) if examples.pairs is None else zip(examples.texts, examples.pairs, strict=True)
    for row, key in enumerate(keys):
        hashes[HASH_BYTES * row : HASH_BYTES * (row + 1)] = _text_hash(key, seed=seed)
    high, low = np.frombuffer(hashes, dtype=">u8").reshape(num_rows, 2).T
    ranks = {label: rank for rank, label in enumerate(sorted(set(examples.labels)))}
    label_ranks = np.fromiter((ranks[label] for label in examples.labels), np.int32, count=num_rows)
    rows = np.lexsort((label_ranks, low, high)).astype(np.int64)
    high, low = high[rows], low[rows]
    begins = np.flatnonzero(np.append(num_rows > 0, (high[1:] != high[:-1]) | (low[1:] != low[:-1])))
    return Groups(rows=rows, lengths=np.diff(np.append(begins, num_rows)).astype(np.int64))


def hash_order(examples: Examples, *, seed: int) -> Examples:
    """The same examples in hash order, so that a cap on their number is a prefix."""
    return examples.take(hashed_groups(examples, seed=seed).rows)


def cut(groups: Groups, sizes: Sequence[int]) -> list[RowNumbers]:
    """The rows of one split after the other, and of the groups that are left as one more.

    A group that does not fit into what a split lacks is left for the next; a split is short of its size only
    if every group left is larger than what it lacks.
    """
    parts: list[RowNumbers] = []
    left = np.ones(len(groups.lengths), dtype=np.bool_)
    for size in sizes:
        taken = _fill(groups.lengths, left, size)
        parts.append(groups.rows_of(taken))
        left &= ~taken
    return [*parts, groups.rows_of(left)]


def _fill(
    lengths: Int64[np.ndarray, " groups"], left: Bool[np.ndarray, " groups"], size: int
) -> Bool[np.ndarray, " groups"]:
    """The groups that fit, the first first: runs of groups that fit, without those too long for the rest."""
    taken = np.zeros(len(lengths), dtype=np.bool_)
    fitting = np.flatnonzero(left)
    while len(fitting := fitting[lengths[fitting] <= size]):
        totals = np.cumsum(lengths[fitting])
        count = int(np.searchsorted(totals, size, side="right"))
        taken[fitting[:count]] = True
        size -= int(totals[count - 1])
        fitting = fitting[count:]
    return taken


def _text_hash(text: tuple[str, ...], *, seed: int) -> bytes:
    """16 bytes; each segment is preceded by its length, so a pair has one reading."""
    digest = hashlib.blake2b(digest_size=HASH_BYTES, key=f"split {seed}".encode())
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
    groups = hashed_groups(given["train"].by_context(), seed=seed)
    parts = cut(groups, _sizes(len(given["train"]), missing))
    splits = {split: hash_order(examples, seed=seed) for split, examples in given.items()}
    for split, rows in zip([*missing, "train"], parts, strict=True):
        splits[split] = _ordered(given["train"].take(rows), seed=seed)
        if len(splits[split]) == 0:
            raise DataError(
                f"task '{name}': {len(given['train'])} rows with too few different texts "
                f"leave the {split} split empty; give more rows (10 different texts are enough)"
            )
    return splits


def _ordered(examples: Examples, *, seed: int) -> Examples:
    """In hash order: groups are, but a cap on questions should not be one on contexts."""
    return examples if examples.answers is None else hash_order(examples, seed=seed)


def _sizes(num_rows: int, missing: Sequence[str]) -> list[int]:
    if len(missing) == 1:
        return [num_rows - 8 * num_rows // 9]
    sizes = paper_sizes(num_rows)
    return [sizes.num_test, sizes.num_valid] if missing else []
