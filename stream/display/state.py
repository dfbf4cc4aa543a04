"""What the dashboard shows, as one frozen value, and what each event of the loop makes of it.

Every function here is pure: it takes a state and an event and returns the next state (the same object where
the event says nothing new, as when a resumed loop repeats what is done). An event costs O(tasks) at most, so
a stream of a thousand tasks with half a million re-evaluations can be watched. `now` is a moment of any
monotonic clock in seconds.
"""

from dataclasses import dataclass, replace

from db.records import EpochRecord, Regime, RunRecord, RunStatus
from stream.display.protocol import ChoosingProgress, TrainingProgress
from stream.display.rows import Row, row_splits, without_tail
from stream.results.comparisons import Comparison, Proof, proof_of
from stream.results.growth import GrowthPoint
from stream.results.metrics import AccuracyMatrix
from stream.results.run_results import RunResults, TaskResult

NUM_NOTICES = 5
"""Notices a state keeps; the newest say most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CurrentArrival:
    """The arrival under way."""

    position: int
    name: str
    data: str
    """real, partial or simulated; empty where a viewer does not know it yet."""
    num_train: int | None = None
    num_labels: int | None = None
    started_at: float = 0.0
    progress: TrainingProgress | None = None
    first_step: int = 0
    """Optimiser step of the first progress that was heard of this attempt: a resumed one is not 0."""
    first_step_at: float = 0.0
    epochs: tuple[EpochRecord, ...] = ()
    """Finished epochs of the attempt under way."""
    choosing: ChoosingProgress | None = None
    """The candidate in training, where one is chosen among several."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamState:
    """A run as it is shown."""

    run: RunRecord
    started_at: float
    ended_at: float | None = None
    """When the run ended; None while it goes on."""
    tasks: tuple[TaskResult, ...] = ()
    """Learned tasks in order of arrival."""
    current: CurrentArrival | None = None
    matrix: AccuracyMatrix
    """R of the finished arrivals."""
    row: Row = ()
    """R of the arrival under way, as far as re-evaluated."""
    seen: frozenset[tuple[int, str]] = frozenset()
    """(on, split) of the arrival under way that are re-evaluated."""
    peaks: Row = ()
    """Best value of each task so far, what forgetting is measured against."""
    forgetting: float | None = None
    """Average forgetting after the last finished arrival; None before the second."""
    points: tuple[GrowthPoint, ...] = ()
    proof: Proof
    evaluation_seconds: float = 0.0
    """Total over `proof.num_done` re-evaluations."""
    notices: tuple[str, ...] = ()
    """The newest, at most NUM_NOTICES."""

    @property
    def num_tasks(self) -> int:
        """Length of the stream."""
        return len(self.run.task_names)

    @property
    def num_finished(self) -> int:
        """Arrivals whose re-evaluations are complete."""
        return len(self.matrix.rows)

    @property
    def num_arrived(self) -> int:
        """Finished arrivals and the one under way."""
        return max(self.num_finished, self.current.position + 1 if self.current else 0)


def state_from_results(results: RunResults, now: float, started_at: float | None = None) -> StreamState:
    """Return the state of a run from what the ledger holds; `started_at` is `now` unless given."""
    rows = results.matrix.rows
    last = len(rows) - 1
    seen = frozenset((c.on, c.split) for c in results.comparisons if c.after == last)
    is_partial = bool(rows) and len(seen) < row_splits(results, last)
    finished, row = (rows[:-1], rows[-1]) if is_partial else (rows, ())
    state = StreamState(
        run=results.run,
        started_at=now if started_at is None else started_at,
        tasks=results.tasks,
        matrix=AccuracyMatrix(names=results.run.task_names),
        points=results.growth.points,
        proof=results.proof,
        evaluation_seconds=sum((comparison.seconds for comparison in results.comparisons), 0.0),
    )
    for finished_row in finished:
        state = _with_row(state, finished_row)
    if is_partial:
        state = replace(state, row=without_tail(row), seen=seen)
    return replace(state, current=_unfinished_arrival(state, results, now))


def arrival_started(state: StreamState, arrival: CurrentArrival) -> StreamState:
    """Task `arrival.name` arrives; an arrival that is finished already changes nothing."""
    if arrival.position < state.num_finished:
        return state
    return replace(state, current=replace(arrival, epochs=_epochs_at(state, arrival.position)))


def training_progressed(state: StreamState, progress: TrainingProgress, now: float) -> StreamState:
    """Some steps were taken in the current arrival."""
    if progress.position < state.num_finished:
        return state
    current = _current_at(state, progress.position, now)
    known = current.progress
    if known is None or known.attempt != progress.attempt:
        current = replace(current, first_step=progress.step, first_step_at=now)
    return replace(state, current=replace(current, progress=progress))


def candidate_progressed(state: StreamState, progress: ChoosingProgress, now: float) -> StreamState:
    """A candidate begins, which starts the list of epochs anew, or has come to the end of a rung."""
    if progress.position < state.num_finished:
        return state
    current = _current_at(state, progress.position, now)
    known = current.choosing
    if known == progress:
        return state
    if known is None or (known.rung, known.label) != (progress.rung, progress.label):
        current = replace(current, progress=None, epochs=())
    return replace(state, current=replace(current, choosing=progress))


def epoch_finished(state: StreamState, epoch: EpochRecord, now: float) -> StreamState:
    """An epoch ended; a new attempt starts its list of epochs anew."""
    if epoch.position < state.num_finished:
        return state
    current = _current_at(state, epoch.position, now)
    if epoch in current.epochs:
        return state
    kept = tuple(
        known for known in current.epochs if known.attempt == epoch.attempt and known.epoch < epoch.epoch
    )
    return replace(state, current=replace(current, epochs=(*kept, epoch)))


def task_evaluated(state: StreamState, comparison: Comparison, now: float) -> StreamState:
    """One cell of the current row is known; a cell that is known already changes nothing."""
    after, on, cell = comparison.after, comparison.on, (comparison.on, comparison.split)
    if after < state.num_finished or cell in state.seen:
        return state
    row = state.row
    if comparison.is_main:
        row = (*row[:on], *(None,) * (on - len(row)), comparison.value, *row[on + 1 :])
    return replace(
        state,
        current=_current_at(state, after, now),
        row=row,
        seen=state.seen | {cell},
        proof=_with_comparison(state.proof, comparison, _num_more(state, comparison)),
        evaluation_seconds=state.evaluation_seconds + comparison.seconds,
    )


def arrival_finished(state: StreamState, task: TaskResult, point: GrowthPoint) -> StreamState:
    """The current row is complete."""
    if task.position < state.num_finished:
        return state
    row = (*state.row, *(None,) * (task.position + 1 - len(state.row)))
    known = tuple(other for other in state.tasks if other.position != task.position)
    points = tuple(other for other in state.points if other.position != point.position)
    state = replace(state, tasks=(*known, task), points=(*points, point))
    state = replace(state, row=(), seen=frozenset(), current=None)
    return _with_row(state, row)


def noticed(state: StreamState, sentence: str) -> StreamState:
    """Something the user should read."""
    return replace(state, notices=(*state.notices, sentence)[-NUM_NOTICES:])


def run_finished(state: StreamState, results: RunResults, now: float) -> StreamState:
    """The run ended, however it ended: `results.run.status` says."""
    ended = state_from_results(results, now, started_at=state.started_at)
    return replace(ended, ended_at=now, notices=state.notices)


def broken_off(state: StreamState, status: RunStatus, now: float) -> StreamState:
    """The run ends here without its last event: by Ctrl-C or an error."""
    if state.ended_at is not None:
        return state
    return replace(state, run=replace(state.run, status=status), ended_at=now)


def _unfinished_arrival(state: StreamState, results: RunResults, now: float) -> CurrentArrival | None:
    """The arrival that the ledger shows as begun: learned or with epochs, its row incomplete."""
    position = state.num_finished
    epochs = tuple(epoch for epoch in results.epochs if epoch.position == position)
    learned = next((task for task in results.tasks if task.position == position), None)
    if not epochs and learned is None:
        return None
    last_attempt = max((epoch.attempt for epoch in epochs), default=0)
    return CurrentArrival(
        position=position,
        name=_name_at(state, position),
        data=learned.data if learned else "",
        num_train=learned.num_train if learned else None,
        num_labels=learned.num_classes if learned else None,
        started_at=now,
        epochs=tuple(epoch for epoch in epochs if epoch.attempt == last_attempt),
    )


def _current_at(state: StreamState, position: int, now: float) -> CurrentArrival:
    """The current arrival, begun here where no event announced it (a viewer sees rows, not events)."""
    if state.current is not None and state.current.position == position:
        return state.current
    return CurrentArrival(position=position, name=_name_at(state, position), data="", started_at=now)


def _epochs_at(state: StreamState, position: int) -> tuple[EpochRecord, ...]:
    current = state.current
    return current.epochs if current is not None and current.position == position else ()


def _name_at(state: StreamState, position: int) -> str:
    names = state.run.task_names
    return names[position] if position < len(names) else f"task {position + 1}"


def _num_more(state: StreamState, comparison: Comparison) -> int:
    """Comparisons that this one shows to be expected beyond those that the proof expects already.

    The ledger's proof expects the whole row of a task that was learned before a resume. Otherwise the first
    comparison of a row brings one per task, and every further split of a task itself.
    """
    if comparison.after < len(state.tasks):
        return 0
    row = 0 if state.seen else _row_length(state, comparison.after)
    return row + (not comparison.is_main)


def _row_length(state: StreamState, after: int) -> int:
    """Comparisons that row `after` will hold: every task so far that was not removed."""
    if state.run.regime is Regime.SEPARATE:
        return 1
    removed = {task.position for task in state.tasks if task.removed}
    return sum(on not in removed for on in state.proof.coverage.due(after))


def _with_comparison(proof: Proof, comparison: Comparison, num_more: int) -> Proof:
    more = proof_of((comparison,), num_arrivals=0)
    return replace(
        proof,
        num_expected=proof.num_expected + num_more,
        num_equal=proof.num_equal + more.num_equal,
        num_different=proof.num_different + more.num_different,
        num_not_comparable=proof.num_not_comparable + more.num_not_comparable,
        num_changed_predictions=proof.num_changed_predictions + more.num_changed_predictions,
    )


def _with_row(state: StreamState, row: Row) -> StreamState:
    """Append a finished row: forgetting is measured against the peaks before it, then the peaks move."""
    pairs = [
        (peak, value)
        for peak, value in zip(state.peaks, row, strict=False)
        if peak is not None and value is not None
    ]
    peaks = tuple(_higher(state.peaks[on] if on < len(state.peaks) else None, v) for on, v in enumerate(row))
    return replace(
        state,
        matrix=state.matrix.with_row(len(row) - 1, row),
        peaks=peaks,
        forgetting=sum(peak - value for peak, value in pairs) / len(pairs) if pairs else None,
    )


def _higher(peak: float | None, value: float | None) -> float | None:
    if peak is None or value is None:
        return peak if value is None else value
    return max(peak, value)
