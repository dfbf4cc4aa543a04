"""Checks that rows and blobs are what was recorded."""

from collections.abc import Iterator

from sqlalchemy import Table, select, tuple_

from db.blobs import get_blob, task_name
from db.errors import DamageError
from db.ledger.part import LedgerPart
from db.records import Damage
from db.rows import Row, row_digest, table_of
from db.tables import EvaluationRow, LearnedSplitRow, ParametersRow, TestSetRow
from db.tables.measurements import MeasurementRow
from db.tables.trials import TrialRow

ROWS_PER_TRANSACTION = 10_000


class Integrity(LedgerPart):
    """What can be proven from the database alone."""

    def require_intact(self) -> None:
        """Check all rows and blobs.

        Raises:
            DamageError: the first of them that is not what was recorded.
        """
        damages = self.check_rows(limit=1) or self.check_blobs(limit=1)
        if damages:
            raise DamageError(damages[0])

    def check_rows(self, limit: int = 10) -> tuple[Damage, ...]:
        """Recompute the digest of every row of results, and name those that were edited.

        The digests protect against accidents: who edits on purpose can compute them too. A deleted row is not
        seen here; the completeness of the accuracy matrix shows it.

        Args:
            limit: stop after so many.

        Returns:
            The damaged rows in order of the tables' keys; empty when all are as recorded.
        """
        found: list[Damage] = []
        for table in map(table_of, (ParametersRow, LearnedSplitRow, TrialRow, EvaluationRow, MeasurementRow)):
            for damage in self._damaged_rows(table):
                found.append(damage)
                if len(found) >= limit:
                    return tuple(found)
        return tuple(found)

    def _damaged_rows(self, table: Table) -> Iterator[Damage]:
        for row in self._all_rows(table):
            digest = row_digest(table, self.name, row)
            recorded = row["row_sha256"]
            if digest != recorded:
                yield self._row_damage(table, row, recorded, digest)

    def _all_rows(self, table: Table) -> Iterator[Row]:
        """Yield the run's rows in order of the key, from transactions short enough for a writer."""
        keys = [column for column in table.primary_key.columns if column.name != "run_id"]
        query = select(table).where(table.c.run_id == self.run_id).order_by(*keys).limit(ROWS_PER_TRANSACTION)
        rest = query
        while True:
            with self.storage.reading() as connection:
                rows = connection.execute(rest).mappings().all()
            yield from rows
            if len(rows) < ROWS_PER_TRANSACTION:
                return
            rest = query.where(tuple_(*keys) > tuple_(*(rows[-1][key.name] for key in keys)))

    def _row_damage(self, table: Table, row: Row, recorded: object, digest: bytes) -> Damage:
        if "study" in row:
            position = None
            what = f"row of {row['study']} measurement {row['key']}"
        elif "on_position" in row:
            position = row["on_position"]
            what = f"evaluation row (after {row['after_position']}, on {position}, {row['split']})"
        elif "recipe_sha256" in row and "owner" not in row:
            position = row["position"]
            what = f"row of trial {row['number']}"
        elif "split" in row:
            position = row["position"]
            what = f"row of the learned {row['split']} split"
        else:
            position = row["position"]
            what = f"row of {row['owner']} parameters"
        with self.storage.reading() as connection:
            task = task_name(connection, self.name, position)
        expected = recorded.hex() if isinstance(recorded, bytes) else None
        found = digest.hex()
        return Damage(run=self.name, position=position, what=what, expected=expected, found=found, task=task)

    def check_blobs(self, limit: int = 10) -> tuple[Damage, ...]:
        """Read and hash every blob that the run refers to, each once, and name those that changed.

        Args:
            limit: stop after so many.

        Returns:
            The damaged blobs: parameters, test splits, predictions, trials, each in order of position.
        """
        found: list[Damage] = []
        checked: set[str] = set()
        for position, what, sha256 in self._references():
            if sha256 in checked:
                continue
            checked.add(sha256)
            try:
                with self.storage.reading() as connection:
                    get_blob(connection, self.storage, sha256, run=self.name, position=position, what=what)
            except DamageError as error:
                found.append(error.damage)
            if len(found) >= limit:
                break
        return tuple(found)

    def _references(self) -> Iterator[tuple[int, str, str]]:
        """Yield (position, what, SHA-256) of everything the run's rows refer to."""
        learned, measured = ParametersRow, EvaluationRow
        with self.storage.reading() as connection:
            parameters = connection.execute(
                select(
                    learned.position,
                    learned.owner,
                    learned.sha256,
                    learned.learned_predictions_sha256,
                    learned.removed_at,
                )
                .where(learned.run_id == self.run_id)
                .order_by(learned.position, learned.owner)
            ).all()
            splits = connection.execute(
                select(TestSetRow.position, TestSetRow.split, TestSetRow.sha256)
                .where(TestSetRow.run_id == self.run_id)
                .order_by(TestSetRow.position, TestSetRow.split)
            ).all()
            predictions = connection.execute(
                select(measured.on_position, measured.predictions_sha256)
                .where(measured.run_id == self.run_id)
                .distinct()
                .order_by(measured.on_position)
            ).all()
            trials = connection.execute(
                select(
                    TrialRow.position,
                    TrialRow.number,
                    TrialRow.sha256,
                    TrialRow.predictions_sha256,
                    TrialRow.removed_at,
                )
                .where(TrialRow.run_id == self.run_id)
                .order_by(TrialRow.position, TrialRow.number)
            ).all()
            further = connection.execute(
                select(LearnedSplitRow.position, LearnedSplitRow.predictions_sha256)
                .where(LearnedSplitRow.run_id == self.run_id)
                .order_by(LearnedSplitRow.position, LearnedSplitRow.split)
            ).all()
        yield from (
            (row.position, f"{row.owner} parameters", row.sha256) for row in parameters if not row.removed_at
        )
        yield from ((row.position, f"{row.split} split", row.sha256) for row in splits)
        yield from ((row.position, "predictions", row.learned_predictions_sha256) for row in parameters)
        yield from ((row.position, "predictions", row.predictions_sha256) for row in further)
        yield from ((row.on_position, "predictions", row.predictions_sha256) for row in predictions)
        for row in trials:
            if row.sha256 and not row.removed_at:
                yield row.position, f"parameters of trial {row.number}", row.sha256
            if row.predictions_sha256:
                yield row.position, f"predictions of trial {row.number}", row.predictions_sha256
