from collections.abc import Iterator
from dataclasses import fields, replace
from hashlib import sha256
from pathlib import Path

import pytest

from db import Database, Ledger
from db.records import NewRun, Owner, PlanRecord
from stream.results.comparisons import ProofStatus, comparison, proof_of
from stream.results.run_results import RunResults, collect_results, load_results, stored_tasks, task_result
from tests.stream.made_runs import (
    made_evaluation,
    made_parameters,
    made_results,
    made_run,
    made_task,
)


def test_a_finished_run_is_proven() -> None:
    """Three tasks make six comparisons, all equal, and the matrix holds the lower triangle."""
    results = made_results()
    assert (results.proof.num_expected, results.proof.num_equal) == (6, 6)
    assert results.proof.status is ProofStatus.PROVEN
    assert results.matrix.rows == ((0.5,), (0.5, 0.51), (0.5, 0.51, 0.52))
    assert [(entry.after, entry.on) for entry in results.comparisons] == sorted(
        (after, on) for after in range(3) for on in range(after + 1)
    )


def test_records_may_come_in_any_order() -> None:
    """Results do not depend on the order in which a database returns rows."""
    pieces = {
        "tasks": [made_task(0, "a"), made_task(1, "b")],
        "parameters": [made_parameters(0, 0.5), made_parameters(1, 0.6)],
        "evaluations": [made_evaluation(0, 0, 0.5), made_evaluation(1, 0, 0.5), made_evaluation(1, 1, 0.6)],
    }
    there = collect_results(run=made_run("ab"), epochs=[], **pieces)
    back = collect_results(run=made_run("ab"), epochs=[], **{key: v[::-1] for key, v in pieces.items()})
    assert there == back


def test_a_run_can_stop_anywhere() -> None:
    """Learned tasks appear in order, an evaluation that is missing is None and still expected."""
    results = collect_results(
        run=made_run("abc"),
        tasks=[made_task(0, "a"), made_task(1, "b"), made_task(2, "c")],
        epochs=[],
        parameters=[made_parameters(0, 0.5), made_parameters(1, 0.6)],
        evaluations=[made_evaluation(0, 0, 0.5), made_evaluation(1, 0, 0.5)],
    )
    assert [(task.name, task.test) for task in results.tasks] == [("a", 0.5), ("b", None)]
    assert (results.proof.num_expected, results.proof.num_done) == (3, 2)
    assert results.proof.status is ProofStatus.IN_PROGRESS


def test_a_run_without_tasks_has_no_results() -> None:
    """Before the first arrival nothing is known, and nothing fails."""
    results = made_results(num_learned=0)
    assert (results.tasks, results.comparisons, results.growth.latest) == ((), (), None)
    assert results.proof.num_expected == 0


def test_other_splits_stay_out() -> None:
    """Only the test split makes the matrix and the proof."""
    results = collect_results(
        run=made_run("a"),
        tasks=[made_task(0, "a")],
        epochs=[],
        parameters=[made_parameters(0, 0.5)],
        evaluations=[made_evaluation(0, 0, 0.5), replace(made_evaluation(0, 0, 0.1), split="valid")],
    )
    assert results.matrix.rows == ((0.5,),)
    assert len(results.comparisons) == 1


@pytest.mark.parametrize("field", ["logits_sha256", "predictions_sha256"])
def test_another_digest_is_a_difference(field: str) -> None:
    """Equal values do not hide a logits or predictions digest that differs."""
    evaluation = replace(made_evaluation(1, 0, 0.5), **{field: "other"})
    entry = comparison(evaluation, made_parameters(0, 0.5).main_split)
    assert entry.digest_equal is False
    assert proof_of([entry], num_arrivals=2).num_different == 1


@pytest.mark.parametrize("change", [{"value": 0.6}, {"changed_predictions": 1}])
def test_equal_digests_with_another_value_are_a_difference(change: dict[str, float]) -> None:
    """A stored value or count that contradicts its equal digests was altered: that is no equal comparison."""
    entry = comparison(replace(made_evaluation(1, 0, 0.5), **change), made_parameters(0, 0.5).main_split)
    assert entry.digest_equal is True
    assert proof_of([entry], num_arrivals=2).num_different == 1


def test_another_plan_is_not_comparable() -> None:
    """Under another evaluation plan digests say nothing; changed predictions are still counted."""
    results = made_results(other_plan={(2, 0), (2, 1)}, values={(2, 0): 0.4})
    assert [entry.digest_equal for entry in results.comparisons].count(None) == 2
    assert results.proof.status is ProofStatus.NOT_COMPARABLE
    assert (results.proof.num_equal, results.proof.num_changed_predictions) == (4, 1)


def test_a_shared_body_forgets() -> None:
    """A method that shares tensors goes through the same comparison and shows its forgetting."""
    results = made_results(values={(2, 0): 0.3}, isolated=False)
    assert results.proof.status is ProofStatus.FORGOTTEN
    assert results.matrix.forgetting(2, 0) == pytest.approx(0.2)


def test_a_removed_task_leaves_the_proof_whole() -> None:
    """After a removal the other tasks still prove themselves, and growth no longer counts the removed one."""
    whole, without = made_results(), made_results(removed={1})
    assert without.proof.status is ProofStatus.PROVEN
    assert without.proof.num_expected == 6
    assert [task.removed for task in without.tasks] == [False, True, False]
    assert [point.position for point in without.growth.points] == [0, 2]
    assert growth_of(whole) == pytest.approx(1.3)
    assert growth_of(without) == pytest.approx(1.2)


def test_removal_before_later_arrivals_expects_no_more_of_the_task() -> None:
    """A task removed after its arrival is not missed in the rows that follow."""
    pieces = {
        "tasks": [replace(made_task(0, "a"), removed_at=made_run("a").created_at), made_task(1, "b")],
        "evaluations": [made_evaluation(0, 0, 0.5), made_evaluation(1, 1, 0.6)],
    }
    kept = collect_results(
        run=made_run("ab"),
        epochs=[],
        parameters=[made_parameters(0, 0.5), made_parameters(1, 0.6)],
        **pieces,
    )
    assert (kept.proof.num_expected, kept.proof.status) == (2, ProofStatus.PROVEN)
    gone = collect_results(run=made_run("ab"), epochs=[], parameters=[made_parameters(1, 0.6)], **pieces)
    assert (gone.proof.num_expected, gone.proof.status) == (1, ProofStatus.PROVEN)
    assert gone.tasks[0].valid is None


def test_own_and_shared_tensors_belong_together() -> None:
    """A task's counts are its own tensors and the shared version it left."""
    parameters = [made_parameters(0, 0.5), made_parameters(0, 0.5, Owner.SHARED)]
    stored = stored_tasks([made_task(0, "a")], parameters)
    task = task_result(made_task(0, "a"), stored[0], [made_evaluation(0, 0, 0.5)])
    assert task.counts is not None
    assert (task.counts.total, task.num_bytes) == (200, 1000)


def test_notes_of_data_and_training_are_joined() -> None:
    """A restart at a lower rate stands beside the notes on the data."""
    parameters = replace(made_parameters(0, 0.5), notes=("restarted at a lower rate",))
    record = replace(made_task(0, "a"), notes=("partial copy",))
    task = task_result(record, stored_tasks([record], [parameters])[0], [])
    assert task.notes == ("partial copy", "restarted at a lower rate")


def growth_of(results: RunResults) -> float:
    assert results.growth.latest is not None
    return results.growth.latest.growth_factor


def test_evaluations_after_an_arrival_not_yet_seen_are_left_out() -> None:
    """A viewer that reads while the run writes sees no more comparisons than are expected."""
    results = collect_results(
        run=made_run("ab"),
        tasks=[made_task(0, "a")],
        epochs=[],
        parameters=[made_parameters(0, 0.5)],
        evaluations=[made_evaluation(0, 0, 0.5), made_evaluation(1, 0, 0.5)],
    )
    assert (results.proof.num_done, results.proof.num_expected) == (1, 1)
    assert results.matrix.rows == ((0.5,),)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    run = made_run("abc")
    fixed = {field.name: getattr(run, field.name) for field in fields(NewRun)}
    with Database.open(f"sqlite:///{tmp_path}/runs.db") as database:
        yield database.create_run(NewRun(**fixed))


def learn(ledger: Ledger, position: int, value: float) -> None:
    """Record one arrival with hashes that fit its bytes."""
    content, predictions = f"tensors {position}".encode(), f"predictions {position}".encode()
    learned = replace(
        made_parameters(position, value),
        sha256=hash_of(content),
        num_bytes=len(content),
        learned_logits_sha256=hash_of(f"logits {position}".encode()),
        learned_predictions_sha256=hash_of(predictions),
        recipe_sha256=hash_of(b"recipe"),
        plan_sha256=hash_of(b"plan"),
    )
    ledger.record_task(made_task(position, "abc"[position]))
    ledger.record_parameters([(learned, content)], predictions)


def evaluate(ledger: Ledger, after: int, on: int, value: float) -> None:
    predictions = f"predictions {on}".encode()
    evaluation = replace(
        made_evaluation(after, on, value),
        logits_sha256=hash_of(f"logits {on}".encode()),
        predictions_sha256=hash_of(predictions),
        plan_sha256=hash_of(b"plan"),
    )
    ledger.record_evaluation(evaluation, predictions)


def hash_of(content: bytes) -> str:
    return sha256(content).hexdigest()


def test_results_from_a_ledger(ledger: Ledger) -> None:
    """What was recorded comes back as results; a task removed later keeps its comparisons."""
    assert load_results(ledger).tasks == ()
    ledger.record_plan(PlanRecord(sha256=hash_of(b"plan"), content={"threads": 1}))
    learn(ledger, 0, 0.5)
    evaluate(ledger, 0, 0, 0.5)
    learn(ledger, 1, 0.6)
    evaluate(ledger, 1, 0, 0.5)
    evaluate(ledger, 1, 1, 0.6)
    results = load_results(ledger)
    assert results.matrix.rows == ((0.5,), (0.5, 0.6))
    assert (results.proof.num_equal, results.proof.status) == (3, ProofStatus.PROVEN)
    ledger.remove(0)
    without = load_results(ledger)
    assert [task.removed for task in without.tasks] == [True, False]
    assert without.proof == results.proof
    assert [point.task for point in without.growth.points] == ["b"]
