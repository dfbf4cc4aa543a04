"""Successive halving against tables worked out by hand, and against a plain reference implementation."""

import math
import random

import pytest

from stream.results.selection.halving import Rung, Standing, going_on, rungs, spent_epochs


def standing(
    score: float | None, num_params: int = 100, *, train_loss: float = 1.0, rate: float = 1e-3
) -> Standing:
    return Standing(score=score, train_loss=train_loss, num_params=num_params, learning_rate=rate)


@pytest.mark.parametrize(
    ("num_candidates", "num_epochs", "by_hand"),
    [
        (6, 5, [(6, 1), (3, 2), (2, 5)]),
        (24, 8, [(24, 1), (12, 2), (6, 4), (3, 8)]),
        (24, 20, [(24, 1), (12, 2), (6, 5), (3, 10), (2, 20)]),
        (8, 3, [(8, 1), (4, 3)]),
        (5, 1, [(5, 1)]),
        (2, 10, [(2, 10)]),
        (1, 7, [(1, 7)]),
        (3, 4, [(3, 2), (2, 4)]),
    ],
)
def test_rungs_by_hand(num_candidates: int, num_epochs: int, by_hand: list[tuple[int, int]]) -> None:
    """Each rung halves the candidates and doubles the epochs; two finish at least, on all epochs."""
    found = rungs(num_candidates, num_epochs)
    assert [(rung.num_candidates, rung.num_epochs) for rung in found] == by_hand


def test_without_halving_all_candidates_finish() -> None:
    """One rung: the whole grid."""
    assert rungs(24, 8, halving=False) == (Rung(num_candidates=24, num_epochs=8),)


def test_epochs_spent_by_hand() -> None:
    """24 at 1, 12 on to 2, 6 on to 4, 3 on to 8: 24 + 12 + 12 + 12 of 192."""
    assert spent_epochs(rungs(24, 8)) == 60
    assert spent_epochs(rungs(24, 8, halving=False)) == 192


TABLE = {
    "a": (0.50, 0.60, 0.90),
    "b": (0.70, 0.71, 0.72),
    "c": (0.65, 0.80, 0.85),
    "d": (0.60, 0.85, 0.86),
    "e": (0.40, 0.41, 0.99),
    "f": (0.30, 0.35, 0.40),
}
"""Scores after 1, 2 and 5 epochs."""


def halved(table: dict[str, tuple[float, ...]], num_examples: int) -> list[set[str]]:
    """Who takes part in each rung of the made-up table."""
    steps, alive = rungs(len(table), 5), set(table)
    rounds = [set(alive)]
    for i, rung in enumerate(steps[1:]):
        standings = {name: standing(table[name][i], num_params=ord(name)) for name in alive}
        alive = set(going_on(standings, rung.num_candidates, num_examples))
        rounds.append(set(alive))
    return rounds


def test_the_made_up_table_by_hand() -> None:
    """After one epoch b, c, d lead; after two d and c; e would have been best at the end and was stopped.

    10,000 examples: the error of .70 is .0046, so nothing ties and the scores alone decide.
    """
    assert halved(TABLE, 10_000) == [set("abcdef"), {"b", "c", "d"}, {"c", "d"}]


def test_the_one_that_would_be_chosen_now_goes_on() -> None:
    """With 100 examples the error of .70 is .0458: c (.66) and a (.655) tie with b, and a is the smallest."""
    scores = {"a": 0.655, "b": 0.70, "c": 0.66, "d": 0.69, "e": 0.1, "f": 0.68}
    standings = {name: standing(score, num_params=ord(name)) for name, score in scores.items()}
    assert going_on(standings, 3, 10_000) == {"b", "d", "f"}
    assert going_on(standings, 3, 100) == {"b", "d", "a"}


def test_equal_scores_are_told_apart_by_their_loss() -> None:
    """All answer with the commonest class: those whose loss fell furthest go on, and the smallest."""
    standings = {
        size: standing(0.72, num_params=size, train_loss=1.0 / size) for size in (2, 4, 8, 16, 32, 64)
    }
    assert going_on(standings, 3, 200) == {64, 32, 2}


def test_what_failed_or_is_undefined_does_not_go_on() -> None:
    """No score, or nan, is worse than any; where nothing has one, nothing goes on."""
    standings = {"a": standing(None), "b": standing(0.1), "c": standing(math.nan)}
    assert going_on(standings, 2, 100) == {"b"}
    assert going_on({"a": standing(None)}, 1, 100) == frozenset()


def test_the_order_of_a_list_decides_nothing() -> None:
    """The same candidates in any order: the same go on."""
    drawn = random.Random(3)
    standings = {
        i: standing(drawn.randrange(5) / 5, drawn.randrange(9), rate=drawn.random()) for i in range(12)
    }
    kept = going_on(standings, 5, 50)
    for _ in range(20):
        shuffled = list(standings.items())
        drawn.shuffle(shuffled)
        assert going_on(dict(shuffled), 5, 50) == kept


def test_against_a_plain_reference() -> None:
    """On random tables without ties it is sort-and-cut, as in Jamieson and Talwalkar, algorithm 1."""
    drawn = random.Random(7)
    for _ in range(50):
        num_candidates = drawn.randrange(3, 30)
        scores = drawn.sample(range(1000), num_candidates)
        standings = {i: standing(score / 1000) for i, score in enumerate(scores)}
        num_left = drawn.randrange(2, num_candidates)
        reference = sorted(range(num_candidates), key=lambda i: -scores[i])[:num_left]
        assert going_on(standings, num_left, 10**9) == set(reference)
