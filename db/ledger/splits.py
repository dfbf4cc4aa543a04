"""What each test split gave in memory right after its task was learned."""

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select

from db.blobs import put_blob, sha256_of
from db.ledger.part import LedgerPart
from db.records import MAIN_SPLIT, LearnedSplit, Owner
from db.rows import Row, decode_learned_split, encode, row_digest, table_of
from db.tables import LearnedSplitRow, ParametersRow


class LearnedSplitRows(LedgerPart):
    """Main and further test splits as the model in memory answered them."""

    def learned_splits(self, position: int | None = None) -> tuple[LearnedSplit, ...]:
        """Return them ordered by position, the main split of each task first; removed tasks included.

        Args:
            position: only those of one arrival; None for all.

        Raises:
            DamageError: a row cannot be read.
        """
        own, further = ParametersRow, LearnedSplitRow
        mains = select(
            own.position,
            own.learned_value,
            own.learned_logits_sha256,
            own.learned_predictions_sha256,
            own.plan_sha256,
        ).where(own.run_id == self.run_id, own.owner == Owner.OWN.value)
        others = select(table_of(further)).where(further.run_id == self.run_id)
        if position is not None:
            mains, others = mains.where(own.position == position), others.where(further.position == position)
        with self.storage.reading() as connection:
            main_rows = connection.execute(mains).mappings().all()
            other_rows = connection.execute(others).mappings().all()
        found = [self.decoded(_main_split, row, "parameters row") for row in main_rows]
        found += [self.decoded(decode_learned_split, row, "learned split row") for row in other_rows]
        return tuple(sorted(found, key=lambda one: (one.position, one.split != MAIN_SPLIT, one.split)))

    def _insert_splits(
        self, connection: Connection, further: Sequence[tuple[LearnedSplit, bytes]], position: int
    ) -> None:
        """Record further splits with their predictions, in the transaction of the parameters."""
        table = table_of(LearnedSplitRow)
        for record, predictions in further:
            if record.predictions_sha256 != sha256_of(predictions) or record.position != position:
                raise ValueError(
                    f"predictions with SHA-256 {sha256_of(predictions)} at {position} do not fit {record}"
                )
            put_blob(connection, self.storage, predictions)
            values = encode(record)
            values["row_sha256"] = row_digest(table, self.name, values)
            connection.execute(insert(table).values(run_id=self.run_id, **values))


def _main_split(row: Row) -> LearnedSplit:
    return LearnedSplit(
        position=row["position"],
        split=MAIN_SPLIT,
        value=row["learned_value"],
        logits_sha256=row["learned_logits_sha256"],
        predictions_sha256=row["learned_predictions_sha256"],
        plan_sha256=row["plan_sha256"],
    )
