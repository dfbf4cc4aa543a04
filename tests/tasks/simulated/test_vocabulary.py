from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.simulated.vocabulary import DRIFT_GROUPS, kept_slots, vocabulary

NUM_WORDS = 1108
CHANCE = 0.01
"""Two random permutations agree in one place on average; drift swaps words among about 41."""


def at(position: int, *, similarity: float = 0.5, drift: float = 0.0, seed: int = 0) -> np.ndarray:
    return vocabulary(NUM_WORDS, seed=seed, similarity=similarity, drift=drift, position=position)


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Share of the slots with the same word in both."""
    return float((one == other).mean())


@settings(max_examples=40)
@given(
    num_words=st.integers(60, 300),
    similarity=st.floats(0, 1),
    drift=st.floats(0, 1),
    position=st.integers(0, 10**6),
)
def test_every_word_stands_in_one_slot(num_words: int, similarity: float, drift: float, position: int):
    """Whatever the settings, a vocabulary is a permutation: nothing about difficulty can change."""
    words = vocabulary(num_words, seed=1, similarity=similarity, drift=drift, position=position)
    np.testing.assert_array_equal(np.sort(words), np.arange(num_words))


@pytest.mark.parametrize("similarity", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_any_two_tasks_agree_in_the_share_asked_for(similarity: float):
    """Neighbours and tasks far apart have the same share of words in common."""
    words = [at(position, similarity=similarity) for position in (0, 1, 2, 500)]
    for one, other in ((0, 1), (1, 2), (0, 3)):
        assert agreement(words[one], words[other]) == pytest.approx(similarity, abs=CHANCE)


def test_similarity_adds_and_never_exchanges():
    """What is kept at one similarity is kept at every larger one, so that no pair grows less alike."""
    kept = [kept_slots(NUM_WORDS, similarity) for similarity in np.linspace(0, 1, 21)]
    for fewer, more in pairwise(kept):
        assert (fewer <= more).all()
        assert more.sum() > fewer.sum()
    assert (kept[0].sum(), kept[-1].sum()) == (0, NUM_WORDS)


def test_every_class_keeps_its_share():
    """Of the six signs of each class three are kept at similarity 0.5, give or take one."""
    per_class = kept_slots(NUM_WORDS, 0.5)[:600].reshape(100, 6).sum(axis=1)
    assert set(per_class.tolist()) <= {2, 3, 4}
    assert per_class.mean() == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("similarity", [0.6, 1.0])
def test_drift_takes_its_share_per_arrival(similarity: float):
    """Tasks that are n arrivals apart agree in similarity times 1 - n drift, down to chance."""
    first = at(0, similarity=similarity, drift=0.02)
    for lag in (1, 10, 25, 49, 200):
        expected = similarity * max(0.0, 1 - 0.02 * lag)
        found = agreement(first, at(lag, similarity=similarity, drift=0.02))
        assert found == pytest.approx(expected, abs=1 / DRIFT_GROUPS + 0.03)
    assert agreement(at(40, similarity=1.0, drift=0.02), at(50, similarity=1.0, drift=0.02)) == pytest.approx(
        0.8, abs=0.05
    )


def test_without_drift_equal_tasks_stay_equal():
    """At similarity 1 every position has the first one's words; a little drift changes them later."""
    np.testing.assert_array_equal(at(0, similarity=1.0), at(999, similarity=1.0))
    np.testing.assert_array_equal(at(0, similarity=1.0, drift=0.01), at(0, similarity=1.0))
    assert agreement(at(0, similarity=1.0, drift=0.01), at(999, similarity=1.0, drift=0.01)) < 0.1


def test_seeds_have_words_of_their_own():
    """Two streams agree by chance only, even where the tasks within each are equal."""
    assert agreement(at(0, similarity=1.0), at(0, similarity=1.0, seed=1)) < CHANCE
    assert agreement(at(0, similarity=1.0), np.arange(NUM_WORDS)) < CHANCE
