import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.learning.objectives.answer_metrics import (
    exact_match,
    normalised_tokens,
    squad_exact_match,
    squad_f1,
    token_f1,
)

ANSWERS = st.lists(
    st.sampled_from(
        ["the", "a", "an", "Denver", "denver", "Broncos", "10", "U.S.", "-", "–", "é", "the-end"]
    ),
    max_size=6,
).map(" ".join)
GOLDS = st.lists(ANSWERS, min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("The  Denver\tBroncos!", "denver broncos"),
        ("a-bomb", "abomb"),
        ("theatre in an anthem", "theatre in anthem"),
        ("U.S. 24–10", "us 24–10"),
        ("the’s", "’s"),
        ("in–the–box", "in– –box"),
        ("$1,000.50", "100050"),
        ("A. An. The.", ""),
        ("Île-de-France", "îledefrance"),
        ("d'un the_end", "dun theend"),
        ("\u00a0half\u2003a\u00a0day ", "half day"),
    ],
)
def test_normalisation_worked_by_hand(answer, words):
    """Case, ASCII punctuation, articles as whole words and any white space go; all else stays."""
    assert " ".join(normalised_tokens(answer)) == words


@pytest.mark.parametrize(
    ("answer", "golds", "match", "f1"),
    [
        ("Denver Broncos", ["the Denver Broncos"], 1.0, 1.0),
        ("Broncos", ["Denver Broncos"], 0.0, 2 / 3),
        ("in Denver, Colorado", ["Denver", "Colorado Springs, Denver"], 0.0, 2 * 2 / (3 + 3)),
        ("new york new york", ["new york"], 0.0, 2 * 2 / (4 + 2)),
        ("Santa Clara", ["Denver", "santa clara."], 1.0, 1.0),
        ("", ["Denver"], 0.0, 0.0),
        ("the", ["a"], 1.0, 0.0),
        ("", [""], 1.0, 0.0),
        ("York New", ["New York"], 0.0, 1.0),
    ],
)
def test_scores_worked_by_hand(answer, golds, match, f1):
    """Both scores take the best gold answer; two answers without words match with F1 0, as in the script."""
    assert exact_match(answer, golds) == match
    assert token_f1(answer, golds) == pytest.approx(f1, abs=1e-15)


def test_means_over_questions_worked_by_hand():
    """The scores of a set are means over its questions."""
    answers = ["Denver Broncos", "Broncos", "1999"]
    golds = [["the Denver Broncos"], ["Denver Broncos", "Denver"], ["2000"]]
    assert squad_exact_match(answers, golds) == pytest.approx(1 / 3)
    assert squad_f1(answers, golds) == pytest.approx((1 + 2 / 3 + 0) / 3)


@given(ANSWERS, GOLDS)
def test_an_exact_match_has_the_highest_f1(answer, golds):
    """Scores are fractions, and equal words that exist give F1 1."""
    assert exact_match(answer, golds) in (0.0, 1.0)
    assert 0 <= token_f1(answer, golds) <= 1
    if exact_match(answer, golds) and normalised_tokens(answer):
        assert token_f1(answer, golds) == 1


@given(ANSWERS, GOLDS, ANSWERS)
def test_another_gold_answer_never_lowers_a_score(answer, golds, other):
    """The best gold answer counts."""
    assert exact_match(answer, [*golds, other]) >= exact_match(answer, golds)
    assert token_f1(answer, [*golds, other]) >= token_f1(answer, golds)


@given(ANSWERS, ANSWERS)
def test_f1_is_symmetric_and_blind_to_case_and_order(answer, gold):
    """Prediction and gold may be exchanged; upper case and the order of words change nothing."""
    assert token_f1(answer, [gold]) == token_f1(gold, [answer])
    assert token_f1(answer.upper(), [gold]) == token_f1(answer, [gold])
    assert token_f1(" ".join(reversed(answer.split())), [gold]) == token_f1(answer, [gold])


def test_nothing_to_measure_is_refused():
    """No question, or a question without gold answer, is an error and never 0."""
    with pytest.raises(ValueError, match="no questions"):
        squad_f1([], [])
    with pytest.raises(ValueError, match="gold answer"):
        token_f1("x", [])
    with pytest.raises(ValueError, match=r"shorter|longer"):
        squad_exact_match(["x"], [["x"], ["y"]])
