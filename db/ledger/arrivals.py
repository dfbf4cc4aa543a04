"""The ledger's tasks, their test splits and their epochs."""

from sqlalchemy import insert, select, update

from db.blobs import get_blob, put_blob
from db.errors import ConflictError
from db.ledger.part import LedgerPart
from db.records import EpochRecord, HashedBytes, TaskRecord
from db.rows import decode_epoch, decode_task, encode, encode_task, table_of
from db.tables import EpochRow, TaskRow, TestSetRow


class ArrivalRows(LedgerPart):
    """What arrived: tasks, test splits, epochs."""

    def record_task(self, task: TaskRecord) -> None:
        """Record the task at its position; repeating it is allowed as long as the data are the same.

        Args:
            task: its `removed_at` is ignored.

        Raises:
            ConflictError: another task, other data or another seed is recorded at the position.
        """
        values = encode_task(task) | {"removed_at": None}
        table = table_of(TaskRow)
        with self.storage.writing() as connection:
            key = (TaskRow.run_id == self.run_id, TaskRow.position == task.position)
            found = connection.execute(select(table).where(*key)).mappings().first()
            if found is None:
                connection.execute(insert(table).values(run_id=self.run_id, **values))
                return
            for column in ("name", "fingerprint", "seed"):
                if found[column] != values[column]:
                    raise ConflictError(
                        _changed(self.name, task.position, column, found[column], values[column])
                    )
            values.pop("removed_at")
            connection.execute(update(table).where(*key).values(values))

    def tasks(self) -> tuple[TaskRecord, ...]:
        """Return the recorded tasks in order of position, removed ones included.

        Raises:
            DamageError: a row cannot be read.
        """
        query = select(table_of(TaskRow)).where(TaskRow.run_id == self.run_id).order_by(TaskRow.position)
        with self.storage.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return tuple(self.decoded(decode_task, row, "task row") for row in rows)

    def task(self, position: int) -> TaskRecord:
        """Return the task recorded at `position`, removed or not.

        Raises:
            ConflictError: none is recorded there.
            DamageError: the row cannot be read.
        """
        query = select(table_of(TaskRow)).where(TaskRow.run_id == self.run_id, TaskRow.position == position)
        with self.storage.reading() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise ConflictError(f"Run '{self.name}' has no task at position {position} yet.")
        return self.decoded(decode_task, row, "task row")

    def record_test_set(self, position: int, split: str, content: bytes) -> None:
        """Store tokens and labels of a split of the task at `position`; repeating the same is allowed.

        Args:
            position: the task's position.
            split: such as `test`.
            content: bytes in the caller's format.

        Raises:
            ConflictError: other bytes are stored already, or the task is not recorded.
        """
        with self.storage.writing() as connection:
            key = (
                TestSetRow.run_id == self.run_id,
                TestSetRow.position == position,
                TestSetRow.split == split,
            )
            found = connection.execute(select(TestSetRow.sha256).where(*key)).scalar()
            sha256 = put_blob(connection, self.storage, content)
            if found is None:
                connection.execute(
                    insert(table_of(TestSetRow)).values(
                        run_id=self.run_id, position=position, split=split, sha256=sha256
                    )
                )
            elif found != sha256:
                raise ConflictError(_changed(self.name, position, f"{split} split's SHA-256", found, sha256))

    def has_test_set(self, position: int, split: str = "test") -> bool:
        """Return whether tokens and labels of the split are stored."""
        return self._test_set_sha256(position, split) is not None

    def test_set(self, position: int, split: str = "test") -> bytes:
        """Return tokens and labels of a split, as `read_test_set` does, without their hash."""
        return self.read_test_set(position, split).content

    def read_test_set(self, position: int, split: str = "test") -> HashedBytes:
        """Return tokens and labels of a split as they were stored; they are read and hashed at every call.

        Args:
            position: the task's position.
            split: such as `test`.

        Raises:
            ConflictError: none is recorded (the task may have been removed).
            DamageError: the bytes are missing or changed.
        """
        sha256 = self._test_set_sha256(position, split)
        if sha256 is None:
            raise ConflictError(
                f"Run '{self.name}' stores no {split} split of position {position}: "
                "its task was removed or never recorded."
            )
        with self.storage.reading() as connection:
            content = get_blob(
                connection, self.storage, sha256, run=self.name, position=position, what=f"{split} split"
            )
        return HashedBytes(sha256=sha256, content=content)

    def _test_set_sha256(self, position: int, split: str) -> str | None:
        query = select(TestSetRow.sha256).where(
            TestSetRow.run_id == self.run_id, TestSetRow.position == position, TestSetRow.split == split
        )
        with self.storage.reading() as connection:
            return connection.execute(query).scalar()

    def record_epoch(self, epoch: EpochRecord) -> None:
        """Record one epoch, in place of an earlier record of the same position, attempt and epoch.

        Raises:
            ConflictError: the task is not recorded.
        """
        table = table_of(EpochRow)
        with self.storage.writing() as connection:
            connection.execute(
                table.delete().where(
                    EpochRow.run_id == self.run_id,
                    EpochRow.position == epoch.position,
                    EpochRow.attempt == epoch.attempt,
                    EpochRow.epoch == epoch.epoch,
                )
            )
            connection.execute(insert(table).values(run_id=self.run_id, **encode(epoch)))

    def epochs(self, position: int | None = None) -> tuple[EpochRecord, ...]:
        """Return the recorded epochs ordered by position, attempt and epoch.

        Args:
            position: only those of one task; None for all.

        Raises:
            DamageError: a row cannot be read.
        """
        query = select(table_of(EpochRow)).where(EpochRow.run_id == self.run_id)
        if position is not None:
            query = query.where(EpochRow.position == position)
        with self.storage.reading() as connection:
            rows = (
                connection.execute(query.order_by(EpochRow.position, EpochRow.attempt, EpochRow.epoch))
                .mappings()
                .all()
            )
        return tuple(self.decoded(decode_epoch, row, "epoch row") for row in rows)


def _changed(run: str, position: int, what: str, recorded: str, got: str) -> str:
    return (
        f"Position {position} of run '{run}' was recorded with {what} {recorded}, now it is {got}: "
        "the data changed, so restore them or start a new run with another --name."
    )
