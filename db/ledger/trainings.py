"""Trainings of any run of the database, found by what was trained: nothing need be trained twice.

The identity is `recipe_sha256`; it covers data, seed, method, settings and backbone.
"""

from dataclasses import replace

from sqlalchemy import Connection, exists, select

from db.blobs import get_blob
from db.ledger.trial_checkpoints import TrialCheckpointRows
from db.records import EpochRecord, Owner
from db.records.trials import FoundTraining, TrialCheckpoint, TrialRecord, TrialStatus
from db.rows import Row, decode_epoch, decode_parameters, decode_trial, decode_trial_checkpoint, table_of
from db.tables import EpochRow, ParametersRow, RunRow
from db.tables.trials import TrialCheckpointRow, TrialRow


class Trainings(TrialCheckpointRows):
    """What any run trained."""

    def find_trial(self, recipe_sha256: str) -> FoundTraining | None:
        """Return a finished trial by this recipe, of this run or another; one that was trained there first.

        Raises:
            DamageError: the row cannot be read.
        """
        query = (
            select(table_of(TrialRow), RunRow.name.label("run_name"))
            .join(RunRow, RunRow.id == TrialRow.run_id)
            .where(
                TrialRow.recipe_sha256 == recipe_sha256,
                TrialRow.status == TrialStatus.FINISHED.value,
                TrialRow.removed_at.is_(None),
            )
            .order_by(TrialRow.source != "", TrialRow.run_id, TrialRow.position)
        )
        with self.storage.reading() as connection:
            row = connection.execute(query.limit(1)).mappings().first()
        if row is None:
            return None
        trial = self.decoded(decode_trial, row, "trial row")
        return FoundTraining(run=row["run_name"], position=trial.position, found=trial, history=trial.history)

    def find_arrival(self, recipe_sha256: str) -> FoundTraining | None:
        """Return what an arrival of this run or another learned by this recipe.

        It counts where all it learned is its own: what it shares depends on more than the recipe.

        Raises:
            DamageError: the row cannot be read.
        """
        with self.storage.reading() as connection:
            row = _first_arrival(connection, recipe_sha256)
            epochs = () if row is None else _epochs(connection, row)
        if row is None:
            return None
        learned = self.decoded(decode_parameters, row, "parameters row")
        return FoundTraining(run=row["run_name"], position=learned.position, found=learned, history=epochs)

    def found_content(self, training: FoundTraining) -> bytes:
        """Return the tensors of a found training; they are hashed at every call.

        Raises:
            DamageError: the bytes are missing or changed.
        """
        where = {"run": training.run, "position": training.position, "what": "parameters to be reused"}
        with self.storage.reading() as connection:
            return get_blob(connection, self.storage, training.sha256, **where)  # type: ignore[arg-type]

    def find_stopped(self, recipe_sha256: str) -> tuple[str, TrialRecord, TrialCheckpoint] | None:
        """Return the furthest unfinished trial by this recipe of another run: run, record, checkpoint.

        Raises:
            DamageError: a row cannot be read.
        """
        joined = table_of(TrialRow).join(
            table_of(TrialCheckpointRow),
            (TrialCheckpointRow.run_id == TrialRow.run_id)
            & (TrialCheckpointRow.position == TrialRow.position)
            & (TrialCheckpointRow.recipe_sha256 == TrialRow.recipe_sha256),
        )
        query = (
            select(
                table_of(TrialRow),
                RunRow.name.label("run_name"),
                TrialCheckpointRow.step,
                TrialCheckpointRow.path,
                TrialCheckpointRow.sha256.label("checkpoint_sha256"),
                TrialCheckpointRow.num_bytes,
            )
            .select_from(joined.join(table_of(RunRow), RunRow.id == TrialRow.run_id))
            .where(TrialRow.recipe_sha256 == recipe_sha256, TrialRow.run_id != self.run_id)
            .order_by(TrialCheckpointRow.step.desc(), TrialRow.run_id)
        )
        with self.storage.reading() as connection:
            row = connection.execute(query.limit(1)).mappings().first()
        if row is None:
            return None
        trial = self.decoded(decode_trial, row, "trial row")
        values = {**row, "sha256": row["checkpoint_sha256"]}
        checkpoint = self.decoded(decode_trial_checkpoint, values, "trial checkpoint row")
        folder = self._trial_folder(row["run_name"])
        return row["run_name"], trial, replace(checkpoint, path=str(folder / checkpoint.path))


def _first_arrival(connection: Connection, recipe_sha256: str) -> Row | None:
    table = table_of(ParametersRow)
    other = table.alias()
    shares = exists().where(
        other.c.run_id == table.c.run_id,
        other.c.position == table.c.position,
        other.c.owner == Owner.SHARED.value,
    )
    query = (
        select(table, RunRow.name.label("run_name"))
        .join(RunRow, RunRow.id == ParametersRow.run_id)
        .where(
            ParametersRow.recipe_sha256 == recipe_sha256,
            ParametersRow.owner == Owner.OWN.value,
            ParametersRow.removed_at.is_(None),
            ~shares,
        )
        .order_by(ParametersRow.run_id, ParametersRow.position)
    )
    return connection.execute(query.limit(1)).mappings().first()


def _epochs(connection: Connection, arrival: Row) -> tuple[EpochRecord, ...]:
    """Epochs of the attempt that counts."""
    query = (
        select(table_of(EpochRow))
        .where(EpochRow.run_id == arrival["run_id"], EpochRow.position == arrival["position"])
        .order_by(EpochRow.attempt, EpochRow.epoch)
    )
    epochs = [decode_epoch(row) for row in connection.execute(query).mappings().all()]
    last = max((epoch.attempt for epoch in epochs), default=0)
    return tuple(epoch for epoch in epochs if epoch.attempt == last)
