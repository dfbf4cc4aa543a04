"""Trials: recorded as they go, found by their recipe in any run, let go with their task."""

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from db import ConflictError, DamageError, Database, Ledger
from db.blobs import sha256_of
from db.records import EpochRecord, Owner, ParametersRecord
from db.records.trials import TrialCheckpoint, TrialRecord, TrialStatus
from tests.db.made_records import content_of, learn, new_run, parameters, predictions_of, task

RECIPE = sha256_of(b"a candidate")
TENSORS, PREDICTIONS = b"a candidate's tensors" * 20, b"\1\0\0\0"


def epoch(number: int, position: int = 0) -> EpochRecord:
    return EpochRecord(
        position=position,
        attempt=0,
        epoch=number,
        train_loss=1.0 / (1 + number),
        valid=0.5 + 0.1 * number,
        learning_rate=1e-3,
        num_tokens=100,
        seconds=2.0,
    )


def waiting(position: int = 0, recipe_sha256: str = RECIPE, **changes: object) -> TrialRecord:
    """A trial that was not begun."""
    values: dict[str, object] = {
        "position": position,
        "recipe_sha256": recipe_sha256,
        "number": 0,
        "seed": 2**63 + position,
        "method": "houlsby",
        "options": {"adapter_size": 8},
        "learning_rate": 1e-3,
        "num_epochs": 2,
        "num_params": 113,
    }
    return TrialRecord(**values | changes)


def finished(position: int = 0, recipe_sha256: str = RECIPE, **changes: object) -> TrialRecord:
    """The same trial at its end."""
    return replace(
        waiting(position, recipe_sha256),
        **{
            "status": TrialStatus.FINISHED,
            "rung": 1,
            "history": (epoch(0, position), epoch(1, position)),
            "best_epoch": 1,
            "valid": 0.6,
            "standard_error": 0.05,
            "num_trained": 113,
            "num_steps": 6,
            "num_tokens": 200,
            "seconds": 4.0,
            "predictions_sha256": sha256_of(PREDICTIONS),
            "logits_sha256": sha256_of(b"logits"),
            "plan_sha256": sha256_of(b"plan"),
            "sha256": sha256_of(TENSORS),
            "notes": ("a note",),
        }
        | changes,
    )


def kept(ledger: Ledger, step: int, content: bytes, recipe_sha256: str = RECIPE) -> Path:
    """Write a checkpoint's file and record it."""
    path = ledger.trial_folder() / f"{step}.safetensors"
    path.write_bytes(content)
    ledger.record_trial_checkpoint(
        TrialCheckpoint(
            position=0,
            recipe_sha256=recipe_sha256,
            step=step,
            path=str(path),
            sha256=hashlib.sha256(content).hexdigest(),
            num_bytes=len(content),
        )
    )
    return path


def blobs(ledger: Ledger) -> set[str]:
    with ledger.storage.reading() as connection:
        return set(connection.exec_driver_sql("SELECT sha256 FROM blobs").scalars())


@pytest.fixture
def begun(ledger: Ledger) -> Ledger:
    """A run whose first task is recorded and has one waiting trial."""
    ledger.record_task(task(0))
    ledger.record_waiting_trials([waiting()])
    return ledger


def test_a_trial_comes_back_as_recorded(begun: Ledger) -> None:
    """Waiting, then finished: each record replaces the one before, field for field."""
    assert begun.trials() == (waiting(),)
    begun.record_trial(finished(), content=TENSORS, predictions=PREDICTIONS)
    assert begun.trials(0) == (finished(),)
    assert begun.trial_content(finished()) == TENSORS
    assert begun.predictions(sha256_of(PREDICTIONS)) == PREDICTIONS
    assert begun.check_rows() == begun.check_blobs() == ()


def test_announcing_a_trial_again_does_not_take_it_back(begun: Ledger) -> None:
    """A resumed choice announces all its candidates; those that went on stay as far as they are."""
    begun.record_trial(finished(), content=TENSORS, predictions=PREDICTIONS)
    begun.record_waiting_trials([waiting(), waiting(recipe_sha256=sha256_of(b"another"), number=1)])
    assert [trial.status for trial in begun.trials()] == [TrialStatus.FINISHED, TrialStatus.WAITING]


def test_bytes_must_be_those_that_the_record_names(begun: Ledger) -> None:
    """Other tensors than the record's are refused, and nothing is stored."""
    with pytest.raises(ValueError, match="are not those of"):
        begun.record_trial(finished(), content=b"other", predictions=PREDICTIONS)
    assert (begun.trials(), blobs(begun)) == ((waiting(),), set())


def test_a_trial_needs_its_task(ledger: Ledger) -> None:
    """A trial of a task that was not recorded is a conflict."""
    with pytest.raises(ConflictError):
        ledger.record_waiting_trials([waiting(3)])


def test_a_finished_trial_is_found_from_another_run(begun: Ledger, database: Database) -> None:
    """By its recipe, with the run that has it and its tensors; one that is not finished is not."""
    other = database.create_run(new_run("other"))
    assert other.find_trial(RECIPE) is None
    begun.record_trial(finished(), content=TENSORS, predictions=PREDICTIONS)
    found = other.find_trial(RECIPE)
    assert found is not None
    assert (found.run, found.found, found.history) == ("first", finished(), finished().history)
    assert other.found_content(found) == TENSORS


def test_the_run_that_trained_comes_before_one_that_took_over(database: Database) -> None:
    """Where several runs hold a trial, the one that trained it is named."""
    for name, source in (("first", "gone"), ("second", "")):
        ledger = database.create_run(new_run(name))
        ledger.record_task(task(0))
        ledger.record_trial(finished(source=source), content=TENSORS, predictions=PREDICTIONS)
    found = database.ledger("first").find_trial(RECIPE)
    assert found is not None
    assert found.run == "second"


def test_what_an_arrival_learned_is_found_too(ledger: Ledger, database: Database) -> None:
    """By its recipe, with its epochs: those of the attempt that counts."""
    learn(ledger, 0)
    for attempt, number in ((0, 0), (1, 0), (1, 1)):
        ledger.record_epoch(replace(epoch(number), attempt=attempt))
    other = database.create_run(new_run("other"))
    found = other.find_arrival(sha256_of(b"recipe 0"))
    assert found is not None
    assert (found.run, found.found) == ("first", parameters(0, content_of(0), predictions_of(0)))
    assert [(one.attempt, one.epoch) for one in found.history] == [(1, 0), (1, 1)]
    assert other.found_content(found) == content_of(0)
    assert other.find_arrival("0" * 64) is None


def test_an_arrival_that_shares_is_not_found(ledger: Ledger) -> None:
    """What a stream shares depends on what came before: such an arrival cannot be taken over."""
    learn(ledger, 0)
    own = parameters(1, content_of(1), predictions_of(1))
    shared: ParametersRecord = replace(own, owner=Owner.SHARED)
    ledger.record_task(task(1))
    ledger.record_parameters([(own, content_of(1)), (shared, content_of(1))], predictions_of(1))
    assert ledger.find_arrival(sha256_of(b"recipe 1")) is None
    assert ledger.find_arrival(sha256_of(b"recipe 0")) is not None


def test_a_new_checkpoint_replaces_the_old_file(begun: Ledger) -> None:
    """One checkpoint a trial: its file is the newest, and finishing drops the row; sweeping up the file."""
    old, new = kept(begun, 3, b"three"), kept(begun, 6, b"six")
    assert (old.exists(), new.exists()) == (False, True)
    found = begun.trial_checkpoint(0, RECIPE)
    assert found is not None
    assert (found.step, Path(found.path).read_bytes()) == (6, b"six")
    begun.record_trial(finished(), content=TENSORS, predictions=PREDICTIONS)
    assert begun.trial_checkpoint(0, RECIPE) is None
    begun.unlink_unused_trial_checkpoints()
    assert not new.exists()


def test_a_stopped_trial_keeps_its_checkpoint(begun: Ledger) -> None:
    """Sweeping up leaves what a row refers to, and takes what a kill left behind."""
    used = kept(begun, 3, b"three")
    begun.record_trial(replace(waiting(), status=TrialStatus.STOPPED))
    left = begun.trial_folder() / "left.safetensors"
    left.write_bytes(b"left")
    begun.unlink_unused_trial_checkpoints()
    assert (used.exists(), left.exists()) == (True, False)


def test_a_stopped_trial_of_another_run_is_found_where_it_stands(begun: Ledger, database: Database) -> None:
    """The furthest checkpoint by the same recipe, not one of this run's own."""
    kept(begun, 3, b"three")
    stopped = replace(waiting(), status=TrialStatus.STOPPED, history=(epoch(0),))
    begun.record_trial(stopped)
    further = database.create_run(new_run("further"))
    further.record_task(task(0))
    further.record_waiting_trials([waiting()])
    kept(further, 5, b"five")
    asking = database.create_run(new_run("asking"))
    found = asking.find_stopped(RECIPE)
    assert found is not None
    assert (found[0], Path(found[2].path).read_bytes()) == ("further", b"five")
    again = further.find_stopped(RECIPE)
    assert again is not None
    assert (again[0], again[1]) == ("first", stopped)
    assert asking.find_stopped("0" * 64) is None


def test_a_removed_tasks_trials_lose_their_tensors_only(begun: Ledger, database: Database) -> None:
    """Rows and predictions stay as evidence; tensors and checkpoints go, unless another run needs them."""
    begun.record_trial(finished(), content=TENSORS, predictions=PREDICTIONS)
    second = sha256_of(b"second")
    begun.record_waiting_trials([waiting(recipe_sha256=second, number=1)])
    file = kept(begun, 3, b"three", second)
    begun.remove(0)
    assert begun.trials() == ()
    first, other = begun.trials(include_removed=True)
    assert first.removed_at is not None
    assert other.removed_at is not None
    assert blobs(begun) == {sha256_of(PREDICTIONS)}
    assert not file.exists()
    assert begun.check_rows() == begun.check_blobs() == ()
    assert begun.find_trial(RECIPE) is None


def test_tensors_that_two_runs_hold_survive_one_removal(begun: Ledger, database: Database) -> None:
    """Stored once, referred to twice: removing the task in one run leaves the other's trial whole."""
    other = database.create_run(new_run("other"))
    other.record_task(task(0))
    for ledger in (begun, other):
        ledger.record_trial(finished(), content=TENSORS, predictions=PREDICTIONS)
    begun.remove(0)
    assert other.trial_content(finished()) == TENSORS
    assert other.check_blobs() == ()


def test_edited_rows_and_flipped_bits_are_named(file_ledger: Ledger) -> None:
    """A changed score and a changed byte of a trial are found; the tensors are refused when read."""
    file_ledger.record_task(task(0))
    file_ledger.record_trial(finished(), content=TENSORS, predictions=PREDICTIONS)
    with closing(sqlite3.connect(file_ledger.storage.address.file)) as connection, connection:
        connection.execute("UPDATE trials SET valid = 0.99")
        connection.execute("UPDATE blobs SET content = ? WHERE sha256 = ?", (b"bad", sha256_of(TENSORS)))
    (row,) = file_ledger.check_rows()
    assert (row.position, row.what) == (0, "row of trial 0")
    (blob,) = file_ledger.check_blobs()
    assert (blob.position, blob.what) == (0, "parameters of trial 0")
    found = file_ledger.find_trial(RECIPE)
    assert found is not None
    with pytest.raises(DamageError, match="parameters to be reused of run 'first', task "):
        file_ledger.found_content(found)


def test_checkpoints_lie_in_the_runs_own_folder(begun: Ledger) -> None:
    """A path elsewhere is refused."""
    elsewhere = TrialCheckpoint(
        position=0, recipe_sha256=RECIPE, step=1, path="/tmp/elsewhere", sha256="0", num_bytes=1
    )
    with pytest.raises(ValueError, match="lies in"):
        begun.record_trial_checkpoint(elsewhere)
