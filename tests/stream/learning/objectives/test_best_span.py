import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.learning.objectives.best_span import MAX_ANSWER_TOKENS, best_spans

LOGITS = st.sampled_from([-2.0, 0.0, 0.5, 1.0, 3.0, -np.inf, np.nan])


@st.composite
def windows(draw):
    """Logits, characters and questions of up to 6 windows; few values, so that many pairs tie."""
    num_windows, length = draw(st.integers(1, 6)), draw(st.integers(1, 7))
    values = draw(st.lists(LOGITS, min_size=num_windows * length * 2, max_size=num_windows * length * 2))
    inside = draw(st.lists(st.booleans(), min_size=num_windows * length, max_size=num_windows * length))
    question = sorted(draw(st.lists(st.integers(0, 3), min_size=num_windows, max_size=num_windows)))
    begins = np.arange(num_windows * length, dtype=np.int32) * 10
    chars = np.where(np.array(inside)[:, None], np.stack([begins, begins + 9], axis=1), -1)
    return (
        np.array(values, np.float32).reshape(num_windows, length, 2),
        chars.astype(np.int32).reshape(num_windows, length, 2),
        np.array(question, np.int32),
        draw(st.integers(1, 4)),
    )


def brute_force(logits, chars, question, longest):
    """Every pair of every window, in the order in which ties are to be broken."""
    best = dict.fromkeys(range(4), (-np.inf, (0, 0)))
    for window in range(len(logits)):
        for first in range(logits.shape[1]):
            for last in range(first, min(first + longest, logits.shape[1])):
                score = logits[window, first, 0] + logits[window, last, 1]
                readable = chars[window, first, 0] >= 0 and chars[window, last, 0] >= 0
                if readable and np.isfinite(score) and score > best[question[window]][0]:
                    best[question[window]] = score, (chars[window, first, 0], chars[window, last, 1])
    return [list(best[q][1]) for q in range(4)]


@given(windows())
def test_the_best_pair_is_that_of_brute_force(made):
    """Over windows, ties, unreadable tokens and logits that are no numbers the result is brute force's."""
    logits, chars, question, longest = made
    found = best_spans(logits, chars, question, num_questions=4, max_answer_tokens=longest)
    assert found.tolist() == brute_force(logits, chars, question, longest)


def test_many_windows_are_judged_alike():
    """More windows than are looked at together give what brute force gives."""
    drawn = np.random.default_rng(0)
    logits = drawn.normal(size=(600, 5, 2)).astype(np.float32)
    begins = np.arange(3000, dtype=np.int32).reshape(600, 5)
    chars = np.stack([begins, begins + 1], axis=2)
    question = np.sort(drawn.integers(0, 4, 600)).astype(np.int32)
    found = best_spans(logits, chars, question, num_questions=4)
    assert found.tolist() == brute_force(logits, chars, question, MAX_ANSWER_TOKENS)


@pytest.mark.parametrize(("longest", "expected"), [(1, [0, 1]), (2, [2, 4]), (30, [0, 4])])
def test_an_answer_is_no_longer_than_allowed(longest, expected):
    """The limit is in tokens, both ends counted."""
    logits = np.array([[[5, 0], [0, 0], [4, 0], [0, 4]]], np.float32)
    chars = np.array([[[0, 1], [1, 2], [2, 3], [3, 4]]], np.int32)
    found = best_spans(logits, chars, np.zeros(1, np.int32), num_questions=1, max_answer_tokens=longest)
    assert found.tolist() == [expected]


def test_a_question_without_a_readable_token_has_the_empty_answer():
    """No context token, no window, no split: the answer is (0, 0) and never an error."""
    logits, outside = np.zeros((1, 2, 2), np.float32), np.full((1, 2, 2), -1, np.int32)
    assert best_spans(logits, outside, np.zeros(1, np.int32), num_questions=2).tolist() == [[0, 0], [0, 0]]
    nothing = np.zeros((0, 2, 2), np.float32)
    none = best_spans(nothing, nothing.astype(np.int32), np.zeros(0, np.int32), num_questions=1)
    assert none.tolist() == [[0, 0]]
