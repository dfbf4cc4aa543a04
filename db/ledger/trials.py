"""The ledger's trials: trainings of single tasks, kept as values."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select, update

from db.blobs import get_blob, put_blob, sha256_of
from db.ledger.trial_checkpoints import TrialCheckpointRows
from db.records.trials import TrialRecord
from db.rows import decode_trial, encode_trial, row_digest, table_of
from db.tables.trials import TrialCheckpointRow, TrialRow


class TrialRows(TrialCheckpointRows):
    """What was tried; finished trials keep their tensors."""

    def record_waiting_trials(self, trials: Sequence[TrialRecord]) -> None:
        """Record trials that are to be made; those recorded already stay as they are.

        Raises:
            ConflictError: the task is not recorded.
        """
        with self.storage.writing() as connection:
            for trial in trials:
                if self._row(connection, trial.position, trial.recipe_sha256) is None:
                    self._insert_trial(connection, trial)

    def record_trial(
        self, trial: TrialRecord, *, content: bytes | None = None, predictions: bytes | None = None
    ) -> None:
        """Record how far a trial is, in place of its earlier record.

        Args:
            trial: named by position and recipe; its `removed_at` is ignored.
            content: its tensors, once it is finished; its checkpoint is dropped then.
            predictions: those named by `predictions_sha256`, unless they are stored already.

        Raises:
            ValueError: a hash is not that of the bytes.
            ConflictError: the task, or predictions named without bytes, are not recorded.
        """
        for sha256, given in ((trial.sha256, content), (trial.predictions_sha256, predictions)):
            if given is not None and sha256_of(given) != sha256:
                raise ValueError(
                    f"{len(given)} bytes with SHA-256 {sha256_of(given)} are not those of {trial}"
                )
        key = self._key(TrialRow, trial.position, trial.recipe_sha256)
        with self.storage.writing() as connection:
            for given in (content, predictions):
                if given is not None:
                    put_blob(connection, self.storage, given)
            if self._row(connection, trial.position, trial.recipe_sha256) is None:
                self._insert_trial(connection, trial)
            else:
                connection.execute(update(table_of(TrialRow)).where(*key).values(self._values(trial)))
            if trial.status.has_ended:
                dropped = self._key(TrialCheckpointRow, trial.position, trial.recipe_sha256)
                connection.execute(delete(table_of(TrialCheckpointRow)).where(*dropped))

    def trials(
        self, position: int | None = None, *, include_removed: bool = False
    ) -> tuple[TrialRecord, ...]:
        """Return the trials ordered by (position, number).

        Args:
            position: only those of one task; None for all.
            include_removed: also those of removed tasks, whose tensors are gone.

        Raises:
            DamageError: a row cannot be read.
        """
        query = select(table_of(TrialRow)).where(TrialRow.run_id == self.run_id)
        if position is not None:
            query = query.where(TrialRow.position == position)
        if not include_removed:
            query = query.where(TrialRow.removed_at.is_(None))
        order = (TrialRow.position, TrialRow.number, TrialRow.recipe_sha256)
        with self.storage.reading() as connection:
            rows = connection.execute(query.order_by(*order)).mappings().all()
        return tuple(self.decoded(decode_trial, row, "trial row") for row in rows)

    def trial_content(self, trial: TrialRecord) -> bytes:
        """Return the stored tensors of a finished trial of this run; they are hashed at every call.

        Raises:
            DamageError: the bytes are missing or changed.
        """
        assert trial.sha256 is not None
        what = f"parameters of trial {trial.number}"
        with self.storage.reading() as connection:
            return get_blob(
                connection, self.storage, trial.sha256, run=self.name, position=trial.position, what=what
            )

    def _row(self, connection: Connection, position: int, recipe_sha256: str) -> int | None:
        key = self._key(TrialRow, position, recipe_sha256)
        return connection.execute(select(TrialRow.number).where(*key)).scalar()

    def _values(self, trial: TrialRecord) -> dict[str, object]:
        values = encode_trial(trial)
        values.pop("removed_at")
        return values | {"row_sha256": row_digest(table_of(TrialRow), self.name, values)}

    def _insert_trial(self, connection: Connection, trial: TrialRecord) -> None:
        values = self._values(trial)
        connection.execute(insert(table_of(TrialRow)).values(run_id=self.run_id, removed_at=None, **values))
