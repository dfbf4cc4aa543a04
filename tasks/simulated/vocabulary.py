"""Which word stands for what in a task of a simulated stream: where similarity and drift come from.

All tasks of a stream share one word model over *slots*: a slot has a frequency and is, or is not, a sign of
one class. A task says each slot with a word of its own; its vocabulary is that assignment, one to one. Two
tasks are alike as far as their vocabularies agree, and renaming words changes nothing about how difficult a
task is: the Bayes accuracy is that of the slots.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float64, Int64

from tasks.simulated.word_model import random_stream

GOLDEN = (np.sqrt(5.0) - 1) / 2
"""Multiples of it, modulo 1, lie evenly, and so do any few that follow each other (Weyl 1916)."""
DRIFT_GROUPS = 27
"""Words change their meaning in groups, which swap words among themselves: about 41 of the 1108 each."""


def vocabulary(
    num_words: int, *, seed: int, similarity: int | float, drift: int | float, position: int
) -> Int64[np.ndarray, " slots"]:
    """The word that stands in each slot: a permutation of 0 ... num_words - 1.

    Arguments:
        num_words: slots, and words.
        seed: of the stream.
        similarity: share of the slots that have the same word in all tasks, drift aside.
        drift: share of the words whose meaning changes from one position to the next.
        position: of the task in the stream, from 0.
    """
    kept = kept_slots(num_words, similarity)
    own = np.arange(num_words)
    own[~kept] = np.flatnonzero(~kept)[_shuffled(int((~kept).sum()), seed, "own words", position)]
    words: Int64[np.ndarray, " slots"]
    words = _first_words(num_words, seed)[_drifted(num_words, seed, drift, position)[own]]
    return words


def kept_slots(num_words: int, similarity: int | float) -> Bool[np.ndarray, " slots"]:
    """Whether a slot has the same word in all tasks; a larger similarity keeps the same ones and more.

    Among any few slots that follow each other, such as a class's own, the share kept is `similarity` too,
    as nearly as whole slots allow.
    """
    kept: Bool[np.ndarray, " slots"]
    kept = _evenly_spread(num_words) < similarity
    return kept


def _evenly_spread(count: int) -> Float64[np.ndarray, " numbers"]:
    numbers: Float64[np.ndarray, " numbers"]
    numbers = (np.arange(count) * GOLDEN) % 1.0
    return numbers


def _drifted(num_words: int, seed: int, drift: int | float, position: int) -> Int64[np.ndarray, " slots"]:
    """Where each word has moved by a position: group g has been shuffled anew for every whole turn it made.

    Groups turn at different moments, so that a share `drift` of them turns from one position to the next.
    """
    turns = np.floor(drift * position + _evenly_spread(DRIFT_GROUPS)).astype(np.int64)
    group_of = np.arange(num_words) % DRIFT_GROUPS
    moved = np.arange(num_words)
    for group in np.flatnonzero(turns).tolist():
        members = np.flatnonzero(group_of == group)
        moved[members] = members[_shuffled(len(members), seed, "drift", group, int(turns[group]))]
    return moved


@lru_cache(maxsize=8)
def _first_words(num_words: int, seed: int) -> Int64[np.ndarray, " slots"]:
    """The words of the stream's first slots; alphabetical order must not play a part."""
    return _shuffled(num_words, seed, "first words")


def _shuffled(count: int, *key: str | int) -> Int64[np.ndarray, " numbers"]:
    order: Int64[np.ndarray, " numbers"]
    order = np.argsort(random_stream("simulated stream", *key).random(count), kind="stable")
    return order
