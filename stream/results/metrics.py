"""What is measured: one evaluation, the accuracy matrix, and the figures of the literature over it.

R[after, on] is the test metric of task `on` after arrival `after`; both are positions from 0. Only the lower
triangle exists: a task has no head before it arrives. An unknown cell is None, and so is every figure that
needs it; nothing here answers 0 for what was not measured. No torch in this module.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from db.records import Regime


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """One evaluation of one task, with the digests that prove it equal to another one."""

    metric: str
    value: float | None
    """The main metric; None where it is undefined, such as a correlation of equal scores."""
    num_examples: int
    logits_sha256: str
    """SHA-256 over the float32 logits, little-endian, C order [num_examples, num_labels]."""
    predictions_sha256: str
    """SHA-256 over `predictions`."""
    predictions: bytes = field(repr=False)
    """What was predicted, as the task's objective stores it: classes as int32, scores as float32."""
    plan_sha256: str
    """Digests are comparable only where the evaluation plans are the same."""
    seconds: float
    secondary: Mapping[str, float | None] = field(default_factory=dict)
    """Further metrics by name."""


WHY_NO_FORGETTING: Mapping[Regime, str] = {
    Regime.JOINT: "none by construction: one training saw all tasks, and nothing was learned after it",
    Regime.SEPARATE: "not applicable: each task has its own pipeline, nothing is served again",
}
"""Why forgetting is undefined outside a stream."""
WHY_NO_FORWARD_TRANSFER = "undefined: a task has no head before it arrives, so R[on - 1, on] does not exist"
"""The reason that stands beside the empty forward transfer."""
KINDS_OF_DATA = ("real", "partial", "simulated")
"""Kinds of tasks whose values are never averaged together, in the order they are shown."""


def why_undefined(metric: str) -> str:
    """Return why a value of the metric may be empty although the task was evaluated."""
    if metric == "f1":
        return "undefined: f1 needs an example of the positive class"
    return "undefined: a correlation needs predictions that differ"


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """The figures of the literature after one arrival, over some tasks; None where a cell is unknown."""

    after: int
    num_tasks: int
    """Of those asked for, the ones that had arrived."""
    average: float | None
    """A_k, as `AccuracyMatrix.average_accuracy`."""
    forgetting: float | None
    """F_k, as `AccuracyMatrix.average_forgetting`; None before a second task."""
    backward_transfer: float | None
    """BWT, as `AccuracyMatrix.backward_transfer`; None before a second task."""
    learning: float | None
    """LA, as `AccuracyMatrix.learning_accuracy`."""
    incremental: float | None
    """AIA, as `AccuracyMatrix.average_incremental_accuracy`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AccuracyMatrix:
    """R[after, on], immutable; unknown cells are None.

    Figures over a row take `over`, a choice of tasks (say, the real ones), and are None as soon as one cell
    they need is unknown. `after` counts from 0, so "after k tasks" of the papers is `after = k - 1` here.

    Example:
        >>> matrix = AccuracyMatrix.from_cells(("a", "b"), {(0, 0): 0.9, (1, 0): 0.8, (1, 1): 0.7})
        >>> matrix[1, 0], matrix[0, 1]
        (0.8, None)
        >>> round(matrix.average_forgetting(1), 3)
        0.1
    """

    names: tuple[str, ...]
    """All tasks of the stream in order of arrival."""
    rows: tuple[tuple[float | None, ...], ...] = ()
    """Row `after` holds R[after, 0] to R[after, after]; rows end with the last arrival that has a cell."""

    @classmethod
    def from_cells(
        cls, names: Sequence[str] | int, cells: Mapping[tuple[int, int], float | None] | None = None
    ) -> "AccuracyMatrix":
        """Build a matrix from its measured cells {(after, on): value}; None is an undefined metric.

        `names` may be a number of tasks; they are then called "0", "1", ...
        Raises ValueError for a cell outside the lower triangle and for a value that is not finite.
        """
        known = cells or {}
        names = tuple(map(str, range(names))) if isinstance(names, int) else tuple(names)
        num_rows = max((after for after, _ in known), default=-1) + 1
        rows: list[list[float | None]] = [[None] * (after + 1) for after in range(num_rows)]
        for (after, on), value in known.items():
            _check_cell(after, on, len(names), value)
            rows[after][on] = value
        return cls(names=names, rows=tuple(map(tuple, rows)))

    def with_row(self, after: int, values: Sequence[float | None]) -> "AccuracyMatrix":
        """Return a matrix whose row `after` is `values` (R[after, 0] to R[after, after]); costs one row.

        Raises ValueError where the row does not hold after + 1 values or the stream has no such arrival.
        """
        if len(values) != after + 1:
            raise ValueError(f"row {after} of R holds {after + 1} values, got {len(values)}")
        for on, value in enumerate(values):
            _check_cell(after, on, len(self.names), value)
        missing = tuple((None,) * (row + 1) for row in range(len(self.rows), after))
        rows = (*self.rows[:after], *missing, tuple(values), *self.rows[after + 1 :])
        return AccuracyMatrix(names=self.names, rows=rows)

    def with_cell(self, after: int, on: int, value: float) -> "AccuracyMatrix":
        """Return a matrix with R[after, on] = value; raises ValueError as `from_cells` does."""
        _check_cell(after, on, len(self.names), value)
        row = self.rows[after] if after < len(self.rows) else (None,) * (after + 1)
        return self.with_row(after, (*row[:on], value, *row[on + 1 :]))

    def __getitem__(self, cell: tuple[int, int]) -> float | None:
        """R[after, on], or None where it was not measured. Raises IndexError for a task the stream lacks."""
        after, on = cell
        if not (0 <= after < len(self.names) and 0 <= on < len(self.names)):
            raise IndexError(f"R[{after}, {on}]: the stream has tasks 0 to {len(self.names) - 1}")
        return self.rows[after][on] if on <= after < len(self.rows) else None

    def newest(self, on: int) -> float | None:
        """Return the R[after, on] known for the latest `after`; None where the task was never evaluated."""
        return next((row[on] for row in reversed(self.rows) if on < len(row) and row[on] is not None), None)

    def average_accuracy(self, after: int | None = None, over: Collection[int] | None = None) -> float | None:
        """A_k = (1/k) sum_{on <= k} R[k, on] (ACC of Lopez-Paz and Ranzato 2017, GEM, at the last arrival).

        `after` is the last known row unless given; `over` chooses tasks, all that have arrived by default.
        """
        after = self._last(after)
        return None if after is None else _mean([self[after, on] for on in _chosen(after + 1, over)])

    def average_incremental_accuracy(self, after: int | None = None) -> float | None:
        """AIA = (1/T) sum_k A_k (Rebuffi et al. 2017, iCaRL); PILOT prints it as "average accuracy"."""
        after = self._last(after)
        return None if after is None else _mean([self.average_accuracy(row) for row in range(after + 1)])

    def backward_transfer(self, after: int | None = None) -> float | None:
        """BWT = (1/(T-1)) sum_{on < T} (R[T, on] - R[on, on]) (GEM, section 2), negative = forgotten.

        The denominator is the paper's T - 1; the published code divides by T. None for one task.
        """
        after = self._last(after)
        if after is None:
            return None
        return _mean([_difference(self[after, on], self[on, on]) for on in range(after)])

    def forward_transfer(self) -> float | None:
        """FWT needs R[on - 1, on], which never exists here: always None, see WHY_NO_FORWARD_TRANSFER."""
        return None

    def forgetting(self, after: int, on: int) -> float | None:
        """Forgetting max_{on <= row < after} R[row, on] - R[after, on] (Chaudhry et al. 2018).

        Positive = worse, in [-1, 1]; negative where the task has never been better. None on the diagonal
        (no earlier row) and where a cell of the column up to `after` is unknown. Tools disagree on this
        figure: with the maximum over all rows it could not be negative, with the first row only it is -BWT.
        """
        earlier = [self[row, on] for row in range(on, after)]
        known = [value for value in earlier if value is not None]
        if not known or len(known) < len(earlier):
            return None
        return _difference(max(known), self[after, on])

    def forgetting_rows(self) -> Iterator[tuple[float | None, ...]]:
        """Yield `forgetting(after, on)` for on = 0 to after, row by row; O(T^2) in all."""
        peaks: list[float | None] = []
        for row in self.rows:
            peaks += [None] * (len(row) - len(peaks))
            yield tuple(map(_difference, peaks, row))
            # The last peak is a task that has just arrived: its first value starts the maximum.
            peaks = [_higher(peak, value) for peak, value in zip(peaks[:-1], row[:-1], strict=True)] + [
                row[-1]
            ]

    def progress(self, over: Collection[int] | None = None) -> Iterator["Progress"]:
        """Yield the figures of the literature after each arrival; O(T^2) in all.

        `over` chooses tasks, all by default; arrivals before the first of them are left out.
        """
        averages: list[float | None] = []
        for after, (row, forgetting) in enumerate(zip(self.rows, self.forgetting_rows(), strict=True)):
            tasks = [*_chosen(after + 1, over)]
            if not tasks:
                continue
            averages.append(_mean([row[on] for on in tasks]))
            earlier = [on for on in tasks if on < after]
            yield Progress(
                after=after,
                num_tasks=len(tasks),
                average=averages[-1],
                forgetting=_mean([forgetting[on] for on in earlier]),
                backward_transfer=_mean([_difference(row[on], self[on, on]) for on in earlier]),
                learning=_mean([self[on, on] for on in tasks]),
                incremental=_mean(averages),
            )

    def average_forgetting(
        self, after: int | None = None, over: Collection[int] | None = None
    ) -> float | None:
        """F_k = (1/(k-1)) sum_{on < k} f (Chaudhry et al. 2018); None for the first arrival.

        `over` chooses tasks; the arrival itself has no forgetting yet and is left out.
        """
        after = self._last(after)
        if after is None:
            return None
        return _mean([self.forgetting(after, on) for on in _chosen(after, over)])

    def largest_forgetting(self) -> float | None:
        """Return the worst cell of the whole run; None where no cell is defined."""
        return max((f for row in self.forgetting_rows() for f in row if f is not None), default=None)

    def learning_accuracy(
        self, after: int | None = None, over: Collection[int] | None = None
    ) -> float | None:
        """LA = (1/T) sum_on R[on, on] (Riemer et al. 2019, MER): how well tasks were learned."""
        after = self._last(after)
        return None if after is None else _mean([self[on, on] for on in _chosen(after + 1, over)])

    def intransigence(self, on: int, reference: float) -> float | None:
        """I = a* - R[on, on] (Chaudhry et al. 2018); the reference a* here is full fine-tuning."""
        return _difference(reference, self[on, on])

    def _last(self, after: int | None) -> int | None:
        if after is None:
            return len(self.rows) - 1 if self.rows else None
        return after


def _check_cell(after: int, on: int, num_tasks: int, value: float | None) -> None:
    if not 0 <= on <= after < num_tasks:
        raise ValueError(f"R[{after}, {on}] is outside the lower triangle of {num_tasks} tasks")
    if value is not None and not np.isfinite(value):
        raise ValueError(f"R[{after}, {on}] = {value}: a cell is a finite number or None")


def _chosen(num_tasks: int, over: Collection[int] | None) -> Iterator[int]:
    return (on for on in range(num_tasks) if over is None or on in over)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _difference(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second


def _higher(peak: float | None, value: float | None) -> float | None:
    """An unknown cell leaves the maximum unknown from there on, as in `forgetting`."""
    return None if peak is None or value is None else max(peak, value)
