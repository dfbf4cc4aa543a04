import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.learning.objectives.windows import encode_windows
from tasks.task import GoldAnswers, Split
from tasks.windows import SPAN_LENGTH, WindowLayout
from tests.stream.tiny import WORDS, tiny_tokenizer


def test_the_usual_length_has_the_usual_parts():
    """384 tokens leave 64 for the question and 128 for the overlap (BERT's run_squad.py, its defaults)."""
    layout = WindowLayout(max_length=SPAN_LENGTH)
    assert (layout.longest_question, layout.overlap) == (64, 128)


@pytest.mark.parametrize(
    ("context", "windows"), [(0, 1), (371, 1), (372, 2), (614, 2), (615, 3), (857, 3), (858, 4)]
)
def test_windows_worked_by_hand(context, windows):
    """Beside 10 tokens of question there is room for 371; each further window adds 243."""
    assert WindowLayout(max_length=384).num_windows(10, context) == windows


@pytest.mark.parametrize(
    ("first", "last", "held"),
    [
        (0, 370, True),
        (0, 371, False),
        (242, 371, False),
        (243, 371, True),
        (243, 613, True),
        (243, 614, False),
    ],
)
def test_answers_that_a_window_holds_worked_by_hand(first, last, held):
    """Windows begin at context tokens 0, 243, 486, ... and hold 371 each."""
    assert WindowLayout(max_length=384).holds(10, first, last) is held


@given(st.integers(16, 40), st.integers(1, 12), st.integers(1, 60), st.data())
def test_the_layout_is_that_of_the_tokenizer(max_length, question, context, data):
    """Number of windows, and which answers one of them holds, are those of the windows that are made."""
    first = data.draw(st.integers(0, context - 1))
    last = data.draw(st.integers(first, context - 1))
    words = [WORDS[i] for i in range(context)]
    begin, end = 3 * first, 3 * last + 2
    text = " ".join(words)
    golds = GoldAnswers(question_id="q", texts=(text[begin:end],), starts=(begin,))
    split = Split(texts=[" ".join(WORDS[:question])], labels=(), pairs=[text], answers=[golds])
    made = encode_windows(tiny_tokenizer(), split, max_length=max_length)
    layout = WindowLayout(max_length=max_length)
    assert len(made.tokens) == layout.num_windows(question, context)
    assert (made.num_truncated == 0) == (
        layout.holds(question, first, last) and question <= layout.longest_question
    )
