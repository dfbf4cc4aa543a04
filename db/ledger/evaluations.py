"""The ledger's evaluations R[after, on] and the plans they were made under."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Select, and_, func, insert, select

from db.blobs import get_blob, put_blob, sha256_of, task_name
from db.errors import ConflictError, DamageError
from db.ledger.part import LedgerPart
from db.records import EvaluationRecord, PlanRecord
from db.rows import decode_evaluation, decode_plan, encode_evaluation, row_digest, stored_json, table_of
from db.tables import EvaluationRow, LearnedSplitRow, PlanRow, TaskRow


class EvaluationRows(LedgerPart):
    """What was measured: evaluations, predictions, plans."""

    def record_plan(self, plan: PlanRecord) -> None:
        """Record an evaluation plan; repeating the same is allowed.

        Raises:
            ConflictError: another content is recorded under the same hash.
        """
        content = stored_json(dict(plan.content))
        with self.storage.writing() as connection:
            found = connection.execute(select(PlanRow.content).where(PlanRow.sha256 == plan.sha256)).scalar()
            if found is None:
                connection.execute(insert(table_of(PlanRow)).values(sha256=plan.sha256, content=content))
            elif found != content:
                raise ConflictError(
                    f"Another evaluation plan is recorded under {plan.sha256}: its hash is wrong."
                )

    def plan(self, sha256: str) -> PlanRecord:
        """Return the evaluation plan with that hash.

        Raises:
            ConflictError: no such plan is recorded.
            DamageError: the row cannot be read.
        """
        with self.storage.reading() as connection:
            row = (
                connection.execute(select(table_of(PlanRow)).where(PlanRow.sha256 == sha256))
                .mappings()
                .first()
            )
        if row is None:
            raise ConflictError(f"No evaluation plan is recorded under {sha256}.")
        return self.decoded(decode_plan, row, f"plan {sha256}")

    def has_evaluation(self, after: int, on: int, split: str = "test") -> bool:
        """Return whether R[after, on] is recorded."""
        query = select(EvaluationRow.run_id).where(
            EvaluationRow.run_id == self.run_id,
            EvaluationRow.after_position == after,
            EvaluationRow.on_position == on,
            EvaluationRow.split == split,
        )
        with self.storage.reading() as connection:
            return connection.execute(query).first() is not None

    def evaluated(self, after: int) -> frozenset[tuple[int, str]]:
        """Return position and split of what is recorded of R[after, :]."""
        query = select(EvaluationRow.on_position, EvaluationRow.split).where(
            EvaluationRow.run_id == self.run_id, EvaluationRow.after_position == after
        )
        with self.storage.reading() as connection:
            return frozenset((row.on_position, row.split) for row in connection.execute(query))

    def record_evaluation(self, evaluation: EvaluationRecord, predictions: bytes) -> None:
        """Record one cell as `record_evaluations` does."""
        self.record_evaluations([(evaluation, predictions)])

    def record_evaluations(self, evaluations: Sequence[tuple[EvaluationRecord, bytes]]) -> None:
        """Record cells R[after, on] with their predictions in one transaction: all of them or none.

        Args:
            evaluations: each names its predictions by `predictions_sha256`; the predictions are bytes in the
                caller's format and stored once per content.

        Raises:
            ValueError: predictions have another hash than their record says.
            ConflictError: a cell is recorded already, or its tasks or plan are not.
        """
        table = table_of(EvaluationRow)
        rows = [self._checked_row(record, predictions) for record, predictions in evaluations]
        contents = {record.predictions_sha256: predictions for record, predictions in evaluations}
        with self.storage.writing() as connection:
            for predictions in contents.values():
                put_blob(connection, self.storage, predictions)
            connection.execute(insert(table), rows)

    def _checked_row(self, evaluation: EvaluationRecord, predictions: bytes) -> dict[str, Any]:
        found = sha256_of(predictions)
        if found != evaluation.predictions_sha256:
            raise ValueError(f"predictions hash to {found}, not {evaluation.predictions_sha256}")
        values = encode_evaluation(evaluation)
        digest = row_digest(table_of(EvaluationRow), self.name, values)
        return values | {"run_id": self.run_id, "row_sha256": digest}

    def evaluations(self, after: int | None = None, on: int | None = None) -> tuple[EvaluationRecord, ...]:
        """Return the recorded evaluations ordered by (after, on, split).

        Args:
            after: only those made after this arrival; None for all.
            on: only those of this task; None for all.

        Raises:
            DamageError: a row cannot be read.
        """
        query = self._evaluations()
        if after is not None:
            query = query.where(EvaluationRow.after_position == after)
        if on is not None:
            query = query.where(EvaluationRow.on_position == on)
        with self.storage.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return tuple(self.decoded(decode_evaluation, row, "evaluation row") for row in rows)

    def evaluations_by_arrival(self, start: int = 0) -> Iterator[tuple[EvaluationRecord, ...]]:
        """Yield the evaluations of one arrival after the other, each read in its own short transaction.

        Args:
            start: first `after` to yield.

        Raises:
            DamageError: a row cannot be read.
        """
        after: int | None = start - 1
        while after is not None:
            query = select(func.min(EvaluationRow.after_position)).where(
                EvaluationRow.run_id == self.run_id, EvaluationRow.after_position > after
            )
            with self.storage.reading() as connection:
                after = connection.execute(query).scalar()
            if after is not None:
                yield self.evaluations(after=after)

    def finished_arrivals(self, due: Callable[[int], Collection[int]] | None = None) -> int:
        """Return how many arrivals, from the first, have evaluations of every split of the tasks due.

        Args:
            due: positions that are evaluated after an arrival; all up to it unless given.

        Tasks removed since are not waited for. One pass over the index: for the start of a run, not its loop.
        """
        task_at = and_(TaskRow.run_id == EvaluationRow.run_id, TaskRow.position == EvaluationRow.on_position)
        counted = (
            select(EvaluationRow.after_position, func.count().label("number"))
            .join(TaskRow, task_at)
            .where(
                EvaluationRow.run_id == self.run_id,
                TaskRow.removed_at.is_(None),
            )
            .group_by(EvaluationRow.after_position)
        )
        present = select(TaskRow.position, TaskRow.removed_at).where(TaskRow.run_id == self.run_id)
        further = select(LearnedSplitRow.position).where(LearnedSplitRow.run_id == self.run_id)
        with self.storage.reading() as connection:
            counts = {row.after_position: row.number for row in connection.execute(counted)}
            tasks = connection.execute(present.order_by(TaskRow.position)).all()
            num_further = Counter(connection.execute(further).scalars())
        splits: list[int] = []
        everything = 0
        for index, (position, removed_at) in enumerate(tasks):
            splits.append(0 if removed_at is not None else 1 + num_further[position])
            everything += splits[-1]
            expected = everything if due is None else sum(splits[on] for on in due(index))
            if position != index or counts.get(position, 0) < expected:
                return index
        return len(tasks)

    def predictions(self, sha256: str) -> bytes:
        """Return stored predictions by their hash.

        Raises:
            DamageError: the bytes are missing or changed.
        """
        first = select(EvaluationRow.on_position).where(
            EvaluationRow.run_id == self.run_id, EvaluationRow.predictions_sha256 == sha256
        )
        with self.storage.reading() as connection:
            try:
                return get_blob(
                    connection, self.storage, sha256, run=self.name, position=None, what="predictions"
                )
            except (
                DamageError
            ) as error:  # whose they are is searched for only now: that takes a pass over the rows
                on = connection.execute(first.limit(1)).scalar()
                task = task_name(connection, self.name, on)
                raise DamageError(replace(error.damage, position=on, task=task)) from error

    def _evaluations(self) -> Select[Any]:
        return (
            select(table_of(EvaluationRow))
            .where(EvaluationRow.run_id == self.run_id)
            .order_by(EvaluationRow.after_position, EvaluationRow.on_position, EvaluationRow.split)
        )
