import pytest

from stream.errors import UserError
from stream.learning.no_bert.budget import Rung, SearchBudget


def rung(num_candidates: int, num_examples: int) -> Rung:
    return Rung(num_candidates=num_candidates, num_examples=num_examples)


def test_rungs_end_with_nearly_all_examples():
    """24 candidates on 1,000 rows: 111, 333 and 999 examples, a third of the candidates each time."""
    rungs = SearchBudget().rungs(24, num_rows=1000, num_labels=2)
    assert rungs == (rung(24, 111), rung(8, 333), rung(3, 999))


def test_small_tasks_have_fewer_rungs():
    """No rung falls below 100 examples or two per class, and a tiny task has one rung of all its rows."""
    budget = SearchBudget()
    assert budget.rungs(24, num_rows=1000, num_labels=80) == (rung(24, 333), rung(8, 999))
    assert budget.rungs(24, num_rows=20, num_labels=2) == (rung(24, 20),)


def test_few_candidates_have_fewer_rungs():
    """Two candidates are compared on all rows at once."""
    assert SearchBudget().rungs(2, num_rows=9000, num_labels=2) == (rung(2, 9000),)


def test_candidates_follow_from_the_size_of_the_data():
    """Ten times the counts or the classes leave fewer candidates, never fewer than the factor."""
    budget = SearchBudget(max_seconds=5.0)
    sizes = [(10**6, 2), (10**7, 2), (10**7, 10), (10**9, 10)]
    found = [budget.affordable(num_rows=10_000, num_labels=m, num_counts=n) for n, m in sizes]
    assert found == sorted(found, reverse=True)
    assert (found[0], found[-1]) == (24, 3)
    assert found[0] > found[1] > found[2] == 3


def test_one_candidate_is_always_tried():
    """A budget of one candidate tries one, however large the task."""
    budget = SearchBudget(num_candidates=1, max_seconds=1e-9)
    assert budget.affordable(num_rows=10, num_labels=2, num_counts=10**9) == 1


def test_a_task_without_counts_costs_nothing():
    """No stored count leaves all candidates."""
    assert SearchBudget().affordable(num_rows=10, num_labels=2, num_counts=0) == 24


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_candidates": 0}, "num_candidates = 0; it must be 1 or more"),
        ({"factor": 1}, "factor = 1; it must be 2 or more"),
        ({"max_seconds": 0.0}, "max_seconds = 0.0; it must be more than 0"),
        ({"max_seconds": float("nan")}, "max_seconds = nan; it must be more than 0"),
    ],
)
def test_a_budget_for_nothing_is_refused(settings, message):
    """Values that allow no search are the user's mistake."""
    with pytest.raises(UserError, match=message):
        SearchBudget(**settings)
