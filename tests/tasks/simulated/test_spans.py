from hypothesis import given
from hypothesis import strategies as st

from tasks import DataMode, load_task, open_suite
from tasks.simulated.spans import simulate_spans
from tasks.task import DataStatus, Limits, TaskKind

(CARD,) = open_suite("squad").cards
FEW = Limits(max_train=40, max_valid=10, max_test=10)


@given(st.integers(0, 50))
def test_a_question_has_one_answer_by_the_rule(seed):
    """The answer is what stands between the asked subject's only statement and the next full stop."""
    task = simulate_spans(CARD, limits=Limits(max_train=5, max_valid=1, max_test=1), seed=seed)
    rows = zip(task.train.texts, task.train.pairs, task.train.answers, strict=True)
    for question, context, golds in rows:
        statement = f"the {question.removeprefix('what is the ').removesuffix('?')} is "
        before, after = context.split(statement)
        assert golds.texts == (after.split(".")[0],)
        assert golds.starts == (len(before) + len(statement),)


def test_a_stand_in_is_labelled_and_reproducible():
    """Without data the suite gives a simulated span task, equal for equal seeds and no other for a cap."""
    task = load_task(CARD, mode=DataMode.SIMULATED, limits=FEW)
    assert (task.data, task.kind, task.metric) == (DataStatus.SIMULATED, TaskKind.SPAN, "squad_f1")
    assert "simulated" in task.notes[0]
    assert task.fingerprint == load_task(CARD, mode=DataMode.SIMULATED, limits=FEW).fingerprint
    fewer = simulate_spans(CARD, limits=Limits(max_train=7, max_valid=1, max_test=1))
    assert fewer.train.texts == task.train.texts[:7]
    assert simulate_spans(CARD, limits=FEW, seed=1).fingerprint != task.fingerprint


def test_lengths_are_about_those_of_the_card():
    """Contexts are as long as the card says, within a tenth."""
    task = simulate_spans(CARD, limits=Limits(max_train=500, max_valid=1, max_test=1))
    mean = sum(map(len, task.train.pairs)) / len(task.train)
    assert 0.9 < mean / CARD.mean_chars < 1.1


def test_answers_tell_questions_apart():
    """Most contexts have three facts of which the question asks for one: guessing one gives a third."""
    task = simulate_spans(CARD, limits=FEW)
    assert all(context.count(" is ") == 3 for context in task.train.pairs)
