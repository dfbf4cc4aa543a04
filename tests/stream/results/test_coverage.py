from collections import Counter
from itertools import combinations
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.errors import UserError
from stream.results.coverage import (
    FULL_COVERAGE,
    Coverage,
    chance_missed,
    chance_missed_throughout,
    parse_coverage,
)


@given(num_earlier=st.integers(1, 9), num_drawn=st.integers(0, 9), num_changed=st.integers(1, 9))
def test_the_chance_is_that_of_all_draws(num_earlier: int, num_drawn: int, num_changed: int) -> None:
    """Of all equally likely draws, counted one by one, the chance is the share that holds no changed task."""
    num_drawn, num_changed = min(num_drawn, num_earlier), min(num_changed, num_earlier)
    draws = list(combinations(range(num_earlier), num_drawn))
    missed = sum(not set(draw) & set(range(num_changed)) for draw in draws)
    assert chance_missed(num_earlier, num_drawn, num_changed) == pytest.approx(missed / len(draws))


def test_the_chance_over_several_arrivals_is_that_of_all_draws() -> None:
    """One changed task of 3, 4 and 5 earlier ones with half drawn: counted over all combined draws."""
    coverage = Coverage(share=0.5)
    shares = []
    for after in (3, 4, 5):
        draws = list(combinations(range(after), coverage.num_drawn(after)))
        shares.append(sum(0 not in draw for draw in draws) / len(draws))
    assert [coverage.num_drawn(after) for after in (3, 4, 5)] == [2, 2, 3]
    assert chance_missed_throughout(coverage, (3, 4, 5), 1) == pytest.approx(prod(shares))


def test_draws_are_even() -> None:
    """Over 2,000 seeds each of the 10 pairs of 5 earlier tasks is drawn 200 times, within 5 deviations."""
    drawn = Counter(frozenset(Coverage(share=0.4, seed=seed).due(5)) - {5} for seed in range(2000))
    assert len(drawn) == 10
    assert all(abs(number - 200) < 5 * (2000 * 0.1 * 0.9) ** 0.5 for number in drawn.values())


def test_draws_of_arrivals_differ() -> None:
    """The same seed draws other tasks after other arrivals, and the same ones each time it is asked."""
    coverage = Coverage(share=0.3, seed=7)
    draws = [frozenset(coverage.due(after)) & frozenset(range(20)) for after in range(20, 40)]
    assert len(set(draws)) > 10
    assert draws == [
        frozenset(Coverage(share=0.3, seed=7).due(a)) & frozenset(range(20)) for a in range(20, 40)
    ]


@pytest.mark.parametrize(
    ("share", "num_earlier", "expected"), [(0.1, 30, 3), (0.1, 31, 4), (0.9, 1, 1), (0.5, 0, 0)]
)
def test_the_share_is_rounded_up(share: float, num_earlier: int, expected: int) -> None:
    """At least one earlier task is drawn where there is one, and a whole share is not exceeded."""
    assert Coverage(share=share).num_drawn(num_earlier) == expected


def test_the_arrival_itself_is_always_due() -> None:
    """Full coverage evaluates everything, a digest the arrival alone, a sample the arrival and others."""
    assert list(FULL_COVERAGE.due(3)) == [0, 1, 2, 3]
    assert set(Coverage(share=0.0).due(3)) == {3}
    sample = set(Coverage(share=0.5).due(3))
    assert (3 in sample, len(sample)) == (True, 3)


@pytest.mark.parametrize("text", ["full", "sample:0.25", "digest"])
def test_a_coverage_is_written_as_it_is_read(text: str) -> None:
    """What was asked for comes back as text."""
    assert parse_coverage(text).text == text


@pytest.mark.parametrize(
    "text", ["", "all", "sample", "sample:", "sample:0", "sample:1", "sample:x", "sample:nan", "full:0.5"]
)
def test_other_texts_are_refused(text: str) -> None:
    """Anything else is the user's mistake, and the sentence says what is allowed."""
    with pytest.raises(UserError, match=r"it must be full, digest, or sample:P with P between 0 and 1"):
        parse_coverage(text)
