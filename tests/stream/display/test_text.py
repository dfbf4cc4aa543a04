import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from stream.display import text as pieces


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.4, "0s"), (59.6, "1m 00s"), (312.0, "5m 12s"), (3900.0, "1h 05m"), (90_000.0, "1d 1h"), (-3.0, "0s")],
)
def test_durations(seconds: float, shown: str) -> None:
    """A duration has two units at most and never shows 60 of one."""
    assert pieces.duration(seconds) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(2.0, "~10s"), (47.0, "~50s"), (200.0, "~3m"), (5400.0, "~1h 30m")]
)
def test_estimates_are_rough(seconds: float, shown: str) -> None:
    """An estimate is no finer than tens of seconds or minutes, and marked as one."""
    assert pieces.rough_duration(seconds) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0"), (0.0312, "0.0312"), (-0.01, "-0.0100"), (0.00001, "1e-05")]
)
def test_only_zero_is_zero(value: float, shown: str) -> None:
    """Forgetting is shown as 0 only if it is exactly 0, however small it is otherwise."""
    assert pieces.signed_forgetting(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(1.1234, "1.12x"), (17.04, "17.0x"), (1000.5, "1,000.5x")])
def test_factors(value: float, shown: str) -> None:
    """Small factors have two digits behind the point, large ones one."""
    assert pieces.factor(value) == shown


def test_a_sparkline_does_not_exaggerate() -> None:
    """Half a point stays flat, twenty points fill the height."""
    assert pieces.sparkline([0.700, 0.705], 8) == "▁▂"
    assert pieces.sparkline([0.5, 0.6, 0.7], 8) == "▁▅█"
    assert pieces.sparkline([0.1, 0.5, 0.6, 0.7], 3) == "▁▅█"
    assert pieces.sparkline([], 8) == ""


def test_a_bar_is_filled_in_eighths() -> None:
    """A bar has its width whatever it shows, and stays within it."""
    assert [pieces.bar(share, 4) for share in (0.0, 0.53, 1.0, 7.0)] == ["    ", "██▏ ", "████", "████"]


@given(st.lists(st.text("abc 漢", min_size=1, max_size=12), max_size=6), st.integers(1, 40))
def test_fields_are_whole_or_absent(words: list[str], width: int) -> None:
    """Joined fields fit the width; all but the first are complete, in order, or left out."""
    text = pieces.fields(list(words), width)
    assert text.cell_len <= width
    shown = text.plain.split(pieces.SEPARATOR) if words else []
    assert shown[1:] == words[1 : len(shown)]
    assert not words or shown[0] == words[0] or shown[0].endswith("…")


@given(st.lists(st.text("abc 漢", min_size=1, max_size=12), max_size=6), st.integers(1, 40))
def test_wrapped_fields_are_all_there(words: list[str], width: int) -> None:
    """Wrapped fields lose nothing but the end of one that is wider than a line."""
    lines = pieces.wrapped_fields(list(words), width)
    assert all(text.cell_len <= width for text in lines)
    shown = [word for text in lines for word in text.plain.split(pieces.SEPARATOR)]
    assert len(shown) == len(words)
    assert all(short == word or short.endswith("…") for short, word in zip(shown, words, strict=True))


@given(st.text("abc 漢", max_size=30), st.text("abc", max_size=30), st.integers(1, 40))
def test_the_right_end_has_the_right_of_way(left: str, right: str, width: int) -> None:
    """Of two texts in one line the left one is shortened, and the line has exactly the width."""
    text = pieces.between(Text(left), Text(right), width)
    assert text.cell_len <= width
    if len(right) + 2 <= width:
        assert text.cell_len == width
        assert text.plain.endswith(right)


@pytest.mark.parametrize("width", [1, 5, 12, 30, 80])
def test_a_heading_fills_its_line(width: int) -> None:
    """A heading is as wide as asked for; remarks without room are left out as a whole."""
    text = pieces.heading(["accuracy in %", "a remark"], width)
    assert text.cell_len == width
    assert ("a remark" in text.plain) == (width >= 30)
