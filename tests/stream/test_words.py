"""Numbers and counts as words."""

import pytest

from stream import words


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.4, "0s"), (59.6, "1m 00s"), (312.0, "5m 12s"), (3900.0, "1h 05m"), (90_000.0, "1d 1h"), (-3.0, "0s")],
)
def test_durations(seconds: float, shown: str) -> None:
    """A duration has two units at most and never shows 60 of one."""
    assert words.duration(seconds) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(2.0, "~10s"), (47.0, "~50s"), (200.0, "~3m"), (5400.0, "~1h 30m")]
)
def test_estimates_are_rough(seconds: float, shown: str) -> None:
    """An estimate is no finer than tens of seconds or minutes, and marked as one."""
    assert words.rough_duration(seconds) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0"), (0.0312, "0.0312"), (-0.01, "-0.0100"), (0.00001, "1e-05")]
)
def test_only_zero_is_zero(value: float, shown: str) -> None:
    """Forgetting is shown as 0 only if it is exactly 0, however small it is otherwise."""
    assert words.signed_forgetting(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(1.1234, "1.12x"), (17.04, "17.0x"), (1000.5, "1,000.5x")])
def test_factors(value: float, shown: str) -> None:
    """Small factors have two digits behind the point, large ones one."""
    assert words.factor(value) == shown
