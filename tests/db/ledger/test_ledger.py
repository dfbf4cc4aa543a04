"""What the ledger promises of every kind of record, on every kind of database."""

from dataclasses import replace
from datetime import UTC, datetime
from math import isnan, nan

import pytest

from db import ConflictError, Database, Ledger
from db.blobs import sha256_of
from db.records import EpochRecord, Owner, PlanRecord, RunStatus
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


def epoch(number: int, **changes: object) -> EpochRecord:
    values: dict[str, object] = {
        "position": 0,
        "attempt": 0,
        "epoch": number,
        "train_loss": 0.5,
        "valid": 0.7,
        "learning_rate": 1e-3,
        "num_tokens": 1000,
        "seconds": 2.0,
    }
    return EpochRecord(**values | changes)


class TestRun:
    """Name, status, configuration."""

    def test_a_run_comes_back_as_it_was_given(self, ledger: Ledger) -> None:
        """Every field of a new run is stored; tuples inside the configuration become lists, as in JSON."""
        run, new = ledger.run(), new_run()
        assert (run.name, run.task_names, run.isolated) == (new.name, new.task_names, True)
        assert run.configuration == {"seed": 0, "sizes": [8, 16]}
        assert run.status is RunStatus.RUNNING
        assert abs((datetime.now(UTC) - run.created_at).total_seconds()) < 60

    def test_a_finished_run_has_a_time_and_a_resumed_one_has_none(self, ledger: Ledger) -> None:
        """`finished_at` is set by finishing and cleared by any other status."""
        ledger.set_status(RunStatus.FINISHED)
        assert ledger.run().finished_at is not None
        ledger.set_status(RunStatus.FAILED, "no data")
        assert (ledger.run().finished_at, ledger.run().message) == (None, "no data")

    def test_a_heartbeat_moves_only_the_heartbeat(self, ledger: Ledger) -> None:
        """A sign of life leaves everything else as it was."""
        before = ledger.run()
        ledger.heartbeat()
        after = ledger.run()
        assert after.heartbeat_at > before.heartbeat_at
        assert replace(after, heartbeat_at=before.heartbeat_at) == before


class TestArrivals:
    """Tasks, test splits, epochs."""

    def test_tasks_come_back_equal_and_in_order(self, ledger: Ledger) -> None:
        """A task survives the way through the tables, a 64-bit seed included."""
        ledger.record_task(task(1))
        ledger.record_task(task(0))
        assert ledger.tasks() == (task(0), task(1))

    def test_recording_a_task_again_is_allowed(self, ledger: Ledger) -> None:
        """A resumed run records its tasks again; what is measured anew replaces the old."""
        ledger.record_task(task(0))
        ledger.record_task(task(0, truncated_fraction=0.5))
        assert ledger.tasks() == (task(0, truncated_fraction=0.5),)

    @pytest.mark.parametrize("change", [{"fingerprint": "f" * 64}, {"seed": 7}, {"name": "other"}])
    def test_changed_data_is_refused(self, ledger: Ledger, change: dict[str, object]) -> None:
        """Another fingerprint, seed or name at a recorded position means that the data changed."""
        ledger.record_task(task(0))
        with pytest.raises(ConflictError, match="the data changed"):
            ledger.record_task(task(0, **change))

    def test_a_test_split_is_stored_once_and_given_back(self, ledger: Ledger) -> None:
        """Tokens and labels come back byte for byte; other bytes at the same place are refused."""
        ledger.record_task(task(0))
        assert not ledger.has_test_set(0)
        for _ in range(2):
            ledger.record_test_set(0, "test", b"tokens")
        assert ledger.has_test_set(0)
        assert ledger.test_set(0) == b"tokens"
        with pytest.raises(ConflictError):
            ledger.record_test_set(0, "test", b"other tokens")

    def test_a_missing_test_split_is_refused(self, ledger: Ledger) -> None:
        """Asking for what was never stored is a clear error."""
        with pytest.raises(ConflictError, match="stores no test split of position 3"):
            ledger.test_set(3)

    def test_an_epoch_replaces_its_earlier_record(self, ledger: Ledger) -> None:
        """A resumed epoch is recorded again; epochs come in order of position, attempt, epoch."""
        ledger.record_task(task(0))
        for record in (epoch(1), epoch(0), epoch(0, attempt=1), epoch(1, valid=0.8)):
            ledger.record_epoch(record)
        assert ledger.epochs() == (epoch(0), epoch(1, valid=0.8), epoch(0, attempt=1))
        assert ledger.epochs(position=1) == ()

    def test_an_undefined_loss_stays_undefined(self, ledger: Ledger) -> None:
        """NaN, which SQL does not know, comes back as NaN and not as zero."""
        ledger.record_task(task(0))
        ledger.record_epoch(epoch(0, train_loss=nan))
        assert isnan(ledger.epochs()[0].train_loss)

    def test_a_row_without_its_task_is_refused(self, ledger: Ledger) -> None:
        """Foreign keys hold: an epoch of a task that is not recorded is refused."""
        with pytest.raises(ConflictError, match="not recorded first"):
            ledger.record_epoch(epoch(0))


class TestParameters:
    """What was learned."""

    def test_parameters_come_back_with_their_bytes(self, ledger: Ledger) -> None:
        """Record, tensors and predictions right after training are stored together."""
        assert not ledger.has_parameters(0)
        learn(ledger, 0)
        assert ledger.has_parameters(0)
        assert ledger.parameters() == (parameters(0, content_of(0), predictions_of(0)),)
        assert ledger.parameters_content(0) == content_of(0)
        assert ledger.predictions(sha256_of(predictions_of(0))) == predictions_of(0)

    def test_the_newest_shared_version_before_a_position_counts(self, ledger: Ledger) -> None:
        """After arrival k the stream is served by the newest shared tensors of arrivals up to k."""
        for position in (0, 2):
            ledger.record_task(task(position))
            ledger.record_plan(PLAN)
            own, shared = b"own %d" % position, b"shared %d" % position
            pair = [
                (parameters(position, own, b"p"), own),
                (parameters(position, shared, b"p", owner=Owner.SHARED), shared),
            ]
            ledger.record_parameters(pair, b"p")
        assert ledger.shared_content(before=0) is None
        assert ledger.shared_content(before=1) == (0, b"shared 0")
        assert ledger.shared_content(before=2) == (0, b"shared 0")
        assert ledger.shared_content(before=3) == (2, b"shared 2")
        assert [record.owner for record in ledger.parameters(position=2)] == [Owner.OWN, Owner.SHARED]
        assert len(ledger.parameters(owner=Owner.SHARED)) == 2
        assert ledger.parameters_content(2, Owner.SHARED) == b"shared 2"

    def test_bytes_that_are_not_the_records_are_refused(self, ledger: Ledger) -> None:
        """The ledger hashes what it is given; nothing is stored under a wrong name."""
        ledger.record_task(task(0))
        record = parameters(0, b"right", b"p")
        with pytest.raises(ValueError, match="are not those of"):
            ledger.record_parameters([(record, b"wrong")], b"p")
        with pytest.raises(ValueError, match="predictions hash to"):
            ledger.record_parameters([(record, b"right")], b"q")

    def test_parameters_of_two_positions_are_not_recorded_together(self, ledger: Ledger) -> None:
        """One transaction is one arrival."""
        pair = [(parameters(position, b"x", b"p"), b"x") for position in (0, 1)]
        with pytest.raises(ValueError, match="exactly one position"):
            ledger.record_parameters(pair, b"p")

    def test_a_refused_record_leaves_nothing(self, ledger: Ledger) -> None:
        """When the second of two records is refused, the first one and its blobs are not there either."""
        learn(ledger, 0)
        ledger.record_task(task(1))
        pair = [(parameters(1, b"x", b"p"), b"x"), (parameters(1, b"y", b"p"), b"y")]
        with pytest.raises(ConflictError):
            ledger.record_parameters(pair, b"p")
        assert not ledger.has_parameters(1)
        assert ledger.check_blobs() == ()
        with ledger.storage.reading() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM blobs").scalar() == 3

    def test_parameters_are_recorded_once(self, ledger: Ledger) -> None:
        """What was learned is never replaced."""
        learn(ledger, 0)
        with pytest.raises(ConflictError):
            ledger.record_parameters([(parameters(0, b"new", b"p"), b"new")], b"p")
        assert ledger.parameters_content(0) == content_of(0)


class TestEvaluations:
    """What was measured."""

    def test_evaluations_come_back_ordered_and_filtered(self, ledger: Ledger) -> None:
        """Cells are ordered by (after, on) and can be asked for by row or column."""
        for position in range(3):
            learn(ledger, position)
        for after in (2, 0, 1):
            evaluate(ledger, after)
        cells = [(cell.after, cell.on) for cell in ledger.evaluations()]
        assert cells == [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2)]
        assert ledger.evaluations(after=2, on=1) == (evaluation(2, 1, predictions_of(1)),)
        assert [cell.after for cell in ledger.evaluations(on=1)] == [1, 2]
        assert [[cell.on for cell in row] for row in ledger.evaluations_by_arrival(start=1)] == [
            [0, 1],
            [0, 1, 2],
        ]

    def test_a_cell_is_recorded_once(self, ledger: Ledger) -> None:
        """R[after, on] is unique per split."""
        learn(ledger, 0)
        assert not ledger.has_evaluation(0, 0)
        evaluate(ledger, 0)
        assert ledger.has_evaluation(0, 0)
        assert not ledger.has_evaluation(0, 0, split="valid")
        with pytest.raises(ConflictError):
            evaluate(ledger, 0)

    def test_predictions_are_stored_once(self, ledger: Ledger) -> None:
        """Equal predictions of many evaluations are one blob."""
        for position in range(3):
            learn(ledger, position)
            evaluate(ledger, position)
        with ledger.storage.reading() as connection:
            count = connection.exec_driver_sql("SELECT count(*) FROM blobs WHERE num_bytes = 4").scalar()
        assert count == 3

    def test_wrong_predictions_are_refused(self, ledger: Ledger) -> None:
        """The ledger hashes predictions before it stores them."""
        with pytest.raises(ValueError, match="predictions hash to"):
            ledger.record_evaluation(evaluation(0, 0, b"these"), b"those")

    def test_an_evaluation_needs_its_plan(self, ledger: Ledger) -> None:
        """An evaluation under a plan that was not recorded is refused."""
        learn(ledger, 0)
        with pytest.raises(ConflictError, match="not recorded first"):
            ledger.record_evaluation(evaluation(0, 0, b"p", plan_sha256="0" * 64), b"p")

    def test_finished_arrivals_are_counted_up_to_the_first_gap(self, ledger: Ledger) -> None:
        """An arrival is finished when every task up to it was re-evaluated."""
        for position in range(3):
            learn(ledger, position)
        assert ledger.finished_arrivals() == 0
        evaluate(ledger, 0)
        evaluate(ledger, 2)
        assert ledger.finished_arrivals() == 1
        ledger.record_evaluation(evaluation(1, 0, b"p"), b"p")
        assert ledger.finished_arrivals() == 1
        ledger.record_evaluation(evaluation(1, 1, b"p"), b"p")
        assert ledger.finished_arrivals() == 3

    def test_a_plan_is_stored_once_per_hash(self, ledger: Ledger) -> None:
        """A plan comes back; the same hash with another content is refused."""
        ledger.record_plan(PLAN)
        ledger.record_plan(PLAN)
        assert ledger.plan(PLAN.sha256) == PLAN
        with pytest.raises(ConflictError):
            ledger.record_plan(PlanRecord(sha256=PLAN.sha256, content={"dtype": "bfloat16"}))
        with pytest.raises(ConflictError):
            ledger.plan("0" * 64)


def test_runs_do_not_see_each_other(database: Database, ledger: Ledger) -> None:
    """Two runs of one database share blobs but no rows."""
    learn(ledger, 0)
    evaluate(ledger, 0)
    other = database.create_run(new_run("second"))
    assert (other.tasks(), other.parameters(), other.evaluations()) == ((), (), ())
    learn(other, 0)
    assert other.parameters_content(0) == content_of(0)
