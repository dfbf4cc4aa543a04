"""Texts as counts of words, pairs of words and pieces of words, counted once per task.

Terms are those of the training split; whole texts are read. A second segment has columns of its own, so a
classifier can tell where a word stands, but not that both segments share it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

from tasks.task import Split

Counts: TypeAlias = sparse.csr_matrix | sparse.csr_array
"""How often each term occurs in each example, float32 [examples, terms]."""

_MAX_TERMS = 40_000
"""Most frequent terms kept of each kind and segment; it bounds the weights of a task with many classes."""
_FEW_EXAMPLES = 500
"""From so many training examples up, a term that occurs in only one of them is not counted."""
_KINDS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "words": {"analyzer": "word", "ngram_range": (1, 1), "token_pattern": r"\b\w+\b"},
        "bigrams": {"analyzer": "word", "ngram_range": (2, 2), "token_pattern": r"\b\w+\b"},
        "characters": {"analyzer": "char_wb", "ngram_range": (2, 4)},
    }
)
VIEWS: Mapping[str, tuple[tuple[str, ...], ...]] = MappingProxyType(
    {
        "words": (("words",),),
        "words, bigrams": (("words", "bigrams"),),
        "characters": (("characters",),),
        "words, bigrams, characters": (("words", "bigrams"), ("characters",)),
    }
)
"""Choices among the kinds of terms, by name: groups of kinds, each weighted and normalised by itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Columns of one kind of terms, of one segment."""

    kind: str
    start: int
    stop: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Counter:
    segment: int
    kind: str
    vectorizer: Any


class TermCounter:
    """Counts the terms of one training split, in any split of its task."""

    def __init__(self, train: Split, *, characters: bool) -> None:
        """Learn the terms; those of the kind `characters` only where they are wanted."""
        kinds = [kind for kind in _KINDS if characters or kind != "characters"]
        rare = 1 if len(train) < _FEW_EXAMPLES else 2
        self._counters = [
            _Counter(segment=segment, kind=kind, vectorizer=vectorizer)
            for segment, texts in enumerate(_segments(train))
            for kind in kinds
            if (vectorizer := _fitted(kind, texts, min_df=rare)) is not None
        ]

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Where the columns of each kind lie; empty where no text has a term."""
        sizes = [len(counter.vectorizer.vocabulary_) for counter in self._counters]
        stops = np.cumsum(sizes).tolist()
        return tuple(
            Block(kind=counter.kind, start=stop - size, stop=stop)
            for counter, size, stop in zip(self._counters, sizes, stops, strict=True)
        )

    @property
    def views(self) -> tuple[str, ...]:
        """Names (in `VIEWS`) of the views that need nothing but what was counted."""
        present = {block.kind for block in self.blocks}
        return tuple(name for name, groups in VIEWS.items() if present.issuperset(chain(*groups)))

    def count(self, split: Split) -> Counts:
        """Counts of a split, examples in order."""
        if not self._counters or not len(split):
            num_terms = self.blocks[-1].stop if self.blocks else 0
            return sparse.csr_array((len(split), num_terms), dtype=np.float32)
        segments = _segments(split)
        counted = [counter.vectorizer.transform(segments[counter.segment]) for counter in self._counters]
        return sparse.hstack(counted, format="csr")


def columns_of(view: str, blocks: Sequence[Block], kept: np.ndarray) -> list[np.ndarray]:
    """Columns of each group of a view, among those `kept` (bool [terms])."""
    kinds = np.full(len(kept), "", dtype=object)
    for block in blocks:
        kinds[block.start : block.stop] = block.kind
    return [np.flatnonzero(kept & np.isin(kinds, group)) for group in VIEWS[view]]


def _segments(split: Split) -> tuple[Sequence[str], ...]:
    return (split.texts,) if split.pairs is None else (split.texts, split.pairs)


def _fitted(kind: str, texts: Sequence[str], *, min_df: int) -> Any | None:
    """A vectorizer that knows the terms of these texts, or None where there are none."""
    vectorizer = CountVectorizer(**_KINDS[kind], min_df=min_df, max_features=_MAX_TERMS, dtype=np.float32)
    try:
        return vectorizer.fit(texts)
    except ValueError:  # its way of saying that no term is (often enough) in the texts
        return None
