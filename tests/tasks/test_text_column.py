import numpy as np
import pyarrow
import pytest

from tasks.text_column import TextColumn

CHUNKS = pyarrow.chunked_array([["a", None], [], ["c", "d"]])
TEXTS = ["a", "", "c", "d"]


def test_a_column_is_the_sequence_of_its_texts():
    """Length, items from both ends, order and equality are a list's; what is missing is empty."""
    column = TextColumn(CHUNKS)
    assert list(column) == TEXTS
    assert column == TEXTS
    assert [column[index] for index in range(-4, 4)] == TEXTS * 2
    assert (column == TEXTS[:3], column == ["a", "", "c", "x"], column == "acd") == (False, False, False)


@pytest.mark.parametrize("index", [4, -5])
def test_an_index_outside_is_refused(index):
    """As in a list, so that iteration by index ends."""
    with pytest.raises(IndexError):
        TextColumn(CHUNKS)[index]


def test_parts_of_a_column_are_columns():
    """Slices and rows taken are views in their own order, of views too."""
    column = TextColumn(CHUNKS)
    assert column[1:3] == TEXTS[1:3]
    assert column[:None] == TEXTS
    taken = column.take(np.array([3, 0, 2]))
    assert taken == ["d", "a", "c"]
    assert taken[1:].take(np.array([1, 0])) == ["c", "a"]
    assert taken[-1] == "c"
