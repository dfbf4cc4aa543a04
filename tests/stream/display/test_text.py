import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from stream.display import text as pieces


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
