"""Where trials stand that are not finished: files beside the database, the newest one per trial.

They outlive the choice that stopped a trial, so that a later one can go on from there.
"""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from sqlalchemy import ColumnElement, delete, insert, select

from db.ledger.part import LedgerPart
from db.records.trials import TrialCheckpoint
from db.rows import decode_trial_checkpoint, encode, table_of
from db.storage.names import safe_file_name
from db.tables.trials import TrialCheckpointRow, TrialRow


class TrialCheckpointRows(LedgerPart):
    """Checkpoints of trials."""

    def trial_folder(self) -> Path:
        """Return the folder of this run's trial checkpoints, made if missing."""
        return self._made(self._trial_folder(self.name))

    def _trial_folder(self, run: str) -> Path:
        return self.storage.address.folder / "trials" / safe_file_name(run)

    def record_trial_checkpoint(self, checkpoint: TrialCheckpoint) -> None:
        """Record a durably written checkpoint; the trial's older one is dropped and its file unlinked.

        Args:
            checkpoint: its path lies in `trial_folder()`, absolute or relative to it.

        Raises:
            ValueError: the path lies elsewhere.
            ConflictError: the trial is not recorded.
        """
        folder = self._trial_folder(self.name)
        path = (folder / checkpoint.path).absolute()
        if not path.is_relative_to(folder):
            raise ValueError(f"a trial's checkpoint lies in {folder}, got {checkpoint.path}")
        stored = replace(checkpoint, path=path.relative_to(folder).as_posix())
        key = self._key(TrialCheckpointRow, checkpoint.position, checkpoint.recipe_sha256)
        with self.storage.writing() as connection:
            old = connection.execute(select(TrialCheckpointRow.path).where(*key)).scalar()
            connection.execute(delete(table_of(TrialCheckpointRow)).where(*key))
            connection.execute(
                insert(table_of(TrialCheckpointRow)).values(run_id=self.run_id, **encode(stored))
            )
        if old is not None and old != stored.path:
            (folder / old).unlink(missing_ok=True)

    def trial_checkpoint(self, position: int, recipe_sha256: str) -> TrialCheckpoint | None:
        """Return a trial's newest checkpoint with its absolute path; None where there is none.

        Raises:
            DamageError: the row cannot be read.
        """
        key = self._key(TrialCheckpointRow, position, recipe_sha256)
        with self.storage.reading() as connection:
            row = connection.execute(select(table_of(TrialCheckpointRow)).where(*key)).mappings().first()
        if row is None:
            return None
        record = self.decoded(decode_trial_checkpoint, row, "trial checkpoint row")
        return replace(record, path=str(self._trial_folder(self.name) / record.path))

    def unlink_unused_trial_checkpoints(self) -> None:
        """Unlink files in the run's folder of trials that no row refers to: a kill leaves some."""
        folder = self._trial_folder(self.name)
        if not folder.is_dir():
            return
        with self.storage.reading() as connection:
            query = select(TrialCheckpointRow.path).where(TrialCheckpointRow.run_id == self.run_id)
            used = set(connection.execute(query).scalars())
        for file in folder.iterdir():
            if file.name not in used:
                # A file that cannot be unlinked costs space, not the run.
                with suppress(OSError):
                    file.unlink()

    def _key(
        self, model: type[TrialRow] | type[TrialCheckpointRow], position: int, recipe_sha256: str
    ) -> tuple[ColumnElement[bool], ...]:
        return (
            model.run_id == self.run_id,
            model.position == position,
            model.recipe_sha256 == recipe_sha256,
        )
