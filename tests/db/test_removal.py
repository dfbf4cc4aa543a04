"""Removing a task deletes its tensors and texts, and nothing of any other task."""

import pytest

from db import ConflictError, Database, Ledger
from db.blobs import sha256_of
from db.records import Owner
from tests.db.made_records import (
    PLAN,
    content_of,
    evaluate,
    evaluation,
    learn,
    new_run,
    parameters,
    predictions_of,
    task,
)


def stored_blobs(ledger: Ledger) -> set[str]:
    """Hashes of all blobs of the database."""
    with ledger.storage.reading() as connection:
        return set(connection.exec_driver_sql("SELECT sha256 FROM blobs").scalars())


def test_a_removed_task_is_marked_and_its_bytes_are_gone(ledger: Ledger) -> None:
    """Tensors and test texts go; the rows of task and parameters stay, with the moment of removal."""
    learn(ledger, 0)
    evaluate(ledger, 0)
    ledger.remove(0)
    assert ledger.tasks()[0].removed_at is not None
    assert not ledger.has_parameters(0)
    assert not ledger.has_test_set(0)
    assert ledger.parameters() == ()
    assert ledger.parameters(include_removed=True)[0].removed_at is not None
    assert stored_blobs(ledger) == {sha256_of(predictions_of(0))}
    with pytest.raises(ConflictError, match="removed or not learned"):
        ledger.parameters_content(0)


def test_evaluations_of_a_removed_task_are_kept(ledger: Ledger) -> None:
    """What was measured stays, with its predictions, and still passes every check."""
    for position in (0, 1):
        learn(ledger, position)
        evaluate(ledger, position)
    before = ledger.evaluations()
    ledger.remove(0)
    assert ledger.evaluations() == before
    assert ledger.predictions(sha256_of(predictions_of(0))) == predictions_of(0)
    assert ledger.check_rows() == ()
    assert ledger.check_blobs() == ()


def test_other_tasks_keep_every_byte(ledger: Ledger) -> None:
    """Removal of one task leaves parameters, test splits and records of the others unchanged."""
    for position in range(3):
        learn(ledger, position)
    ledger.remove(1)
    for position in (0, 2):
        assert ledger.parameters_content(position) == content_of(position)
        assert ledger.test_set(position) == b"tokens of %d" % position
        assert ledger.parameters(position) == (
            parameters(position, content_of(position), predictions_of(position)),
        )


def test_a_blob_that_another_run_uses_stays(database: Database) -> None:
    """Two runs share equal bytes; removal in one leaves them to the other, removal in both deletes them."""
    first, second = (database.create_run(new_run(name)) for name in ("first", "second"))
    for ledger in (first, second):
        learn(ledger, 0)
    first.remove(0)
    assert second.parameters_content(0) == content_of(0)
    assert second.test_set(0) == b"tokens of 0"
    second.remove(0)
    assert sha256_of(content_of(0)) not in stored_blobs(first)


def test_a_blob_that_another_task_uses_stays(ledger: Ledger) -> None:
    """Two tasks with equal tensors share a blob until both are removed."""
    for position in (0, 1):
        ledger.record_task(task(position))
        ledger.record_plan(PLAN)
        ledger.record_parameters([(parameters(position, b"same", b"p"), b"same")], b"p")
    ledger.remove(0)
    assert ledger.parameters_content(1) == b"same"


def test_shared_parameters_stay_with_the_stream(ledger: Ledger) -> None:
    """The newest shared tensors serve the other tasks, whichever task brought them."""
    ledger.record_task(task(0))
    ledger.record_plan(PLAN)
    pair = [
        (parameters(0, b"own", b"p"), b"own"),
        (parameters(0, b"shared", b"p", owner=Owner.SHARED), b"shared"),
    ]
    ledger.record_parameters(pair, b"p")
    ledger.remove(0)
    assert ledger.shared_content(before=1) == (0, b"shared")


def test_a_large_blob_is_unlinked_with_its_row(file_ledger: Ledger) -> None:
    """The file of a large blob goes after the commit that deletes its row."""
    content = b"large" * 1_000
    file_ledger.record_task(task(0))
    file_ledger.record_plan(PLAN)
    file_ledger.record_parameters([(parameters(0, content, b"p"), content)], b"p")
    folder = file_ledger.storage.address.folder / "blobs"
    assert [file.name for file in folder.rglob("*") if file.is_file()] == [sha256_of(content)]
    file_ledger.remove(0)
    assert not [file for file in folder.rglob("*") if file.is_file()]


def test_removing_twice_changes_nothing_and_an_unknown_task_is_refused(ledger: Ledger) -> None:
    """Removal may be repeated; the first moment counts."""
    learn(ledger, 0)
    ledger.remove(0)
    moment = ledger.tasks()[0].removed_at
    ledger.remove(0)
    assert ledger.tasks()[0].removed_at == moment
    with pytest.raises(ConflictError, match="no task at position 5"):
        ledger.remove(5)


def test_a_removed_task_is_not_learned_again(ledger: Ledger) -> None:
    """A resumed run may record the task again, which keeps the mark, but no new parameters for it."""
    learn(ledger, 0)
    ledger.remove(0)
    ledger.record_task(task(0))
    assert ledger.tasks()[0].removed_at is not None
    with pytest.raises(ConflictError, match="was removed at"):
        ledger.record_parameters([(parameters(0, b"new", b"p"), b"new")], b"p")


def test_a_removed_task_is_not_waited_for(ledger: Ledger) -> None:
    """An arrival is finished when all tasks that are still there were evaluated after it."""
    for position in (0, 1):
        learn(ledger, position)
    evaluate(ledger, 0)
    ledger.record_evaluation(evaluation(1, 0, predictions_of(0)), predictions_of(0))
    ledger.remove(0)
    assert ledger.finished_arrivals() == 1
    ledger.record_evaluation(evaluation(1, 1, predictions_of(1)), predictions_of(1))
    assert ledger.finished_arrivals() == 2
