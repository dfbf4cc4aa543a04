"""The ledger's training checkpoints: files beside the database, the newest one per arrival."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from sqlalchemy import delete, insert, select

from db.ledger.part import LedgerPart
from db.records import CheckpointRecord
from db.rows import decode_checkpoint, encode, table_of
from db.storage.names import safe_file_name
from db.tables import CheckpointRow


class CheckpointRows(LedgerPart):
    """Where a training stands that is not finished."""

    def checkpoint_folder(self) -> Path:
        """Return the folder of this run's checkpoint files, made if missing.

        Write a file there with `write_beside`, then call `record_checkpoint`. Everything in it is
        deleted once no arrival is under way.
        """
        return self._made(self._folder)

    @property
    def _folder(self) -> Path:
        return self.storage.address.folder / "checkpoints" / safe_file_name(self.name)

    def record_checkpoint(self, checkpoint: CheckpointRecord) -> None:
        """Record a durably written checkpoint; the arrival's older one is dropped and its file unlinked.

        Args:
            checkpoint: its path lies in `checkpoint_folder()`, absolute or relative to it.

        Raises:
            ValueError: the path lies elsewhere.
            ConflictError: the task is not recorded.
        """
        path = (self._folder / checkpoint.path).absolute()
        if not path.is_relative_to(self._folder):
            raise ValueError(f"a checkpoint lies in {self._folder}, got {checkpoint.path}")
        stored = replace(checkpoint, path=path.relative_to(self._folder).as_posix())
        table = table_of(CheckpointRow)
        at = (CheckpointRow.run_id == self.run_id, CheckpointRow.position == checkpoint.position)
        with self.storage.writing() as connection:
            old = connection.execute(select(CheckpointRow.path).where(*at)).scalar()
            connection.execute(delete(table).where(*at))
            connection.execute(insert(table).values(run_id=self.run_id, **encode(stored)))
        if old is not None and old != stored.path:
            (self._folder / old).unlink(missing_ok=True)

    def checkpoint(self, position: int) -> CheckpointRecord | None:
        """Return the newest checkpoint of an arrival with its absolute path; None where there is none.

        Whether the file still has the recorded hash is for its reader to check.

        Raises:
            DamageError: the row cannot be read.
        """
        query = select(table_of(CheckpointRow)).where(
            CheckpointRow.run_id == self.run_id, CheckpointRow.position == position
        )
        with self.storage.reading() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            return None
        record = self.decoded(decode_checkpoint, row, "checkpoint row")
        return replace(record, path=str(self._folder / record.path))

    def unlink_unused_checkpoints(self) -> None:
        """Unlink all checkpoint files once no arrival is under way, leftovers of a kill included."""
        if not self._folder.is_dir():
            return
        with self.storage.reading() as connection:
            query = select(CheckpointRow.path).where(CheckpointRow.run_id == self.run_id)
            used = set(connection.execute(query).scalars())
        if used:
            return
        for file in self._folder.iterdir():
            # The parameters are committed: a file that cannot be unlinked costs space, not the run.
            with suppress(OSError):
                file.unlink()
