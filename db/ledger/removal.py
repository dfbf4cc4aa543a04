"""Removal of a task: its tensors and texts go, the evidence that it was there stays."""

from sqlalchemy import Connection, delete, select, update

from db.blobs import delete_unreferenced, unlink_deleted
from db.errors import ConflictError
from db.ledger.trial_checkpoints import TrialCheckpointRows
from db.records import Owner
from db.rows import now, table_of
from db.tables import CheckpointRow, ParametersRow, TaskRow, TestSetRow
from db.tables.trials import TrialCheckpointRow, TrialRow


class Removal(TrialCheckpointRows):
    """What was forgotten on purpose."""

    def remove(self, position: int) -> None:
        """Remove the task at a position; no other task's bytes are touched. Repeating it is allowed.

        The rows of the task, of its trials and of its own parameters are marked, its test splits and
        checkpoints are deleted, and so are the blobs that nothing else refers to. Evaluations with their
        predictions are kept, and shared parameters too: they belong to the stream.

        Args:
            position: the task's position.

        Raises:
            ConflictError: no task is recorded there.
        """
        with self.storage.writing() as connection:
            if not self._mark(connection, position):
                return
            paths = delete_unreferenced(connection, self._release(connection, position))
        unlink_deleted(self.storage, paths)
        self.unlink_unused_trial_checkpoints()

    def _mark(self, connection: Connection, position: int) -> bool:
        """Mark the rows and return whether they were not marked before."""
        at = (TaskRow.run_id == self.run_id, TaskRow.position == position)
        found = connection.execute(select(TaskRow.removed_at).where(*at)).first()
        if found is None:
            raise ConflictError(f"Run '{self.name}' has no task at position {position} to remove.")
        if found.removed_at is not None:
            return False
        connection.execute(update(table_of(TaskRow)).where(*at).values(removed_at=now()))
        return True

    def _release(self, connection: Connection, position: int) -> list[str]:
        """Let go of the task's blobs and return their hashes."""
        own = (
            ParametersRow.run_id == self.run_id,
            ParametersRow.position == position,
            ParametersRow.owner == Owner.OWN.value,
        )
        splits = (TestSetRow.run_id == self.run_id, TestSetRow.position == position)
        hashes = [*connection.execute(select(ParametersRow.sha256).where(*own)).scalars()]
        hashes += connection.execute(select(TestSetRow.sha256).where(*splits)).scalars()
        connection.execute(update(table_of(ParametersRow)).where(*own).values(removed_at=now()))
        connection.execute(delete(table_of(TestSetRow)).where(*splits))
        connection.execute(
            delete(table_of(CheckpointRow)).where(
                CheckpointRow.run_id == self.run_id, CheckpointRow.position == position
            )
        )
        return hashes + self._release_trials(connection, position)

    def _release_trials(self, connection: Connection, position: int) -> list[str]:
        """Let go of the tensors of the task's trials and return their hashes."""
        at = (TrialRow.run_id == self.run_id, TrialRow.position == position)
        hashes = connection.execute(select(TrialRow.sha256).where(*at, TrialRow.sha256.is_not(None)))
        found = [sha256 for sha256 in hashes.scalars() if sha256 is not None]
        connection.execute(update(table_of(TrialRow)).where(*at).values(removed_at=now()))
        connection.execute(
            delete(table_of(TrialCheckpointRow)).where(
                TrialCheckpointRow.run_id == self.run_id, TrialCheckpointRow.position == position
            )
        )
        return found
