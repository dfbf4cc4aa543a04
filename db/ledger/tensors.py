"""The ledger's parameters: what each arrival learned, own and shared."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, insert, select

from db.blobs import get_blob, put_blob, sha256_of
from db.errors import ConflictError
from db.ledger.checkpoints import CheckpointRows
from db.ledger.splits import LearnedSplitRows
from db.records import HashedBytes, LearnedSplit, Owner, ParametersRecord
from db.rows import decode_parameters, encode_parameters, row_digest, table_of
from db.tables import CheckpointRow, ParametersRow, TaskRow, TestSetRow

# Made once: putting a statement together takes longer than SQLite takes to answer it.
_SERVED = (
    select(ParametersRow.sha256.label("own"), TestSetRow.sha256.label("tests"))
    .join(
        TestSetRow,
        and_(TestSetRow.run_id == ParametersRow.run_id, TestSetRow.position == ParametersRow.position),
    )
    .where(
        ParametersRow.run_id == bindparam("run_id"),
        ParametersRow.position == bindparam("position"),
        ParametersRow.owner == Owner.OWN.value,
        ParametersRow.removed_at.is_(None),
        TestSetRow.split == bindparam("split"),
    )
)


class ParameterRows(CheckpointRows, LearnedSplitRows):
    """What was learned; recording it drops the checkpoints it came from."""

    def has_parameters(self, position: int) -> bool:
        """Return whether the task's own parameters are stored (False once the task is removed)."""
        query = select(ParametersRow.run_id).where(
            *self._at(position, Owner.OWN), ParametersRow.removed_at.is_(None)
        )
        with self.storage.reading() as connection:
            return connection.execute(query).first() is not None

    def record_parameters(
        self,
        records: Sequence[tuple[ParametersRecord, bytes]],
        predictions: bytes,
        further: Sequence[tuple[LearnedSplit, bytes]] = (),
    ) -> None:
        """Record what one arrival learned, in one transaction, and drop its checkpoint.

        Args:
            records: own and, for methods that share, shared parameters of one position with their bytes.
            predictions: those right after training, named by `learned_predictions_sha256` of each record.
            further: what further test splits gave then, with their predictions.

        Raises:
            ValueError: a hash or size is not that of the bytes, or the records are of different positions.
            ConflictError: the position has parameters already, its task was removed, or task or plan are
                not recorded.
        """
        position = _checked_position(records, predictions)
        with self.storage.writing() as connection:
            self._refuse_removed(connection, position)
            put_blob(connection, self.storage, predictions)
            for record, content in records:
                put_blob(connection, self.storage, content)
                self._insert(connection, record)
            self._insert_splits(connection, further, position)
            connection.execute(
                delete(table_of(CheckpointRow)).where(
                    CheckpointRow.run_id == self.run_id, CheckpointRow.position == position
                )
            )
        self.unlink_unused_checkpoints()

    def _insert(self, connection: Connection, record: ParametersRecord) -> None:
        table = table_of(ParametersRow)
        values = encode_parameters(record) | {"removed_at": None}
        values["row_sha256"] = row_digest(table, self.name, values)
        connection.execute(insert(table).values(run_id=self.run_id, **values))

    def _refuse_removed(self, connection: Connection, position: int) -> None:
        query = select(TaskRow.removed_at).where(TaskRow.run_id == self.run_id, TaskRow.position == position)
        removed_at = connection.execute(query).scalar()
        if removed_at is not None:
            raise ConflictError(
                f"The task at position {position} of run '{self.name}' was removed at {removed_at}: "
                "learn it again in a new run."
            )

    def parameters(
        self, position: int | None = None, owner: Owner | None = None, *, include_removed: bool = False
    ) -> tuple[ParametersRecord, ...]:
        """Return what was learned, ordered by (position, owner).

        Args:
            position: only those of one arrival; None for all.
            owner: only own or only shared ones; None for both.
            include_removed: also those of removed tasks, whose tensors are gone (`removed_at` is set).

        Raises:
            DamageError: a row cannot be read.
        """
        query = select(table_of(ParametersRow)).where(ParametersRow.run_id == self.run_id)
        if position is not None:
            query = query.where(ParametersRow.position == position)
        if owner is not None:
            query = query.where(ParametersRow.owner == owner.value)
        if not include_removed:
            query = query.where(ParametersRow.removed_at.is_(None))
        with self.storage.reading() as connection:
            rows = (
                connection.execute(query.order_by(ParametersRow.position, ParametersRow.owner))
                .mappings()
                .all()
            )
        return tuple(self.decoded(decode_parameters, row, "parameters row") for row in rows)

    def parameters_content(self, position: int, owner: Owner = Owner.OWN) -> bytes:
        """Return the stored tensors of one arrival, as `read_parameters` does, without their hash."""
        return self.read_parameters(position, owner).content

    def read_parameters(self, position: int, owner: Owner = Owner.OWN) -> HashedBytes:
        """Return the stored tensors of one arrival; the bytes are read and hashed at every call.

        Args:
            position: the arrival's position.
            owner: own or shared.

        Raises:
            ConflictError: none are stored.
            DamageError: the bytes are missing or changed.
        """
        query = select(ParametersRow.sha256).where(
            *self._at(position, owner), ParametersRow.removed_at.is_(None)
        )
        with self.storage.reading() as connection:
            sha256 = connection.execute(query).scalar()
            if sha256 is None:
                raise ConflictError(
                    f"Run '{self.name}' stores no {owner.value} parameters of position {position}: "
                    "its task was removed or not learned yet."
                )
            return self._hashed(connection, sha256, position, owner)

    def read_served(self, position: int, split: str = "test") -> tuple[HashedBytes, HashedBytes]:
        """Return own tensors and a test split of a task from one transaction, hashed at every call.

        Raises:
            ConflictError: one of them is not stored: the task was removed or not learned yet.
            DamageError: bytes are missing or changed.
        """
        at = {"run_id": self.run_id, "position": position, "split": split}
        with self.storage.reading() as connection:
            found = connection.execute(_SERVED, at).first()
            if found is None:
                raise ConflictError(
                    f"Run '{self.name}' stores no own parameters or no {split} split of position {position}: "
                    "its task was removed or not learned yet."
                )
            own = self._hashed(connection, found.own, position, Owner.OWN)
            content = get_blob(
                connection, self.storage, found.tests, run=self.name, position=position, what=f"{split} split"
            )
            return own, HashedBytes(sha256=found.tests, content=content)

    def shared_content(self, before: int) -> tuple[int, bytes] | None:
        """Return position and bytes of what `read_shared` returns."""
        newest = self._newest_shared(before)
        return None if newest is None else (newest[0], newest[1].content)

    def read_shared(self, before: int) -> HashedBytes | None:
        """Return the newest shared tensors of the arrivals before a position, hashed at every call.

        Args:
            before: first position that does not count; after arrival k, `before=k + 1` serves.

        Returns:
            None without any.

        Raises:
            DamageError: the bytes are missing or changed.
        """
        newest = self._newest_shared(before)
        return None if newest is None else newest[1]

    def _newest_shared(self, before: int) -> tuple[int, HashedBytes] | None:
        query = (
            select(ParametersRow.position, ParametersRow.sha256)
            .where(
                ParametersRow.run_id == self.run_id,
                ParametersRow.owner == Owner.SHARED.value,
                ParametersRow.position < before,
            )
            .order_by(ParametersRow.position.desc())
        )
        with self.storage.reading() as connection:
            newest = connection.execute(query.limit(1)).first()
            if newest is None:
                return None
            return newest.position, self._hashed(connection, newest.sha256, newest.position, Owner.SHARED)

    def _at(self, position: int, owner: Owner) -> tuple[ColumnElement[bool], ...]:
        return (
            ParametersRow.run_id == self.run_id,
            ParametersRow.position == position,
            ParametersRow.owner == owner.value,
        )

    def _hashed(self, connection: Connection, sha256: str, position: int, owner: Owner) -> HashedBytes:
        what = f"{owner.value} parameters"
        content = get_blob(connection, self.storage, sha256, run=self.name, position=position, what=what)
        return HashedBytes(sha256=sha256, content=content)


def _checked_position(records: Sequence[tuple[ParametersRecord, bytes]], predictions: bytes) -> int:
    positions = {record.position for record, _ in records}
    if len(positions) != 1:
        raise ValueError(f"parameters of exactly one position are recorded together, got {sorted(positions)}")
    for record, content in records:
        if (record.sha256, record.num_bytes) != (sha256_of(content), len(content)):
            raise ValueError(
                f"{len(content)} bytes with SHA-256 {sha256_of(content)} are not those of {record}"
            )
        if record.learned_predictions_sha256 != sha256_of(predictions):
            raise ValueError(
                f"predictions hash to {sha256_of(predictions)}, not {record.learned_predictions_sha256}"
            )
    return positions.pop()
