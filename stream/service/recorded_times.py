"""How long the arrivals of a recorded run took, as the service times of a simulated service."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from db.ledger import Ledger
from db.records import EpochRecord, Owner, ParametersRecord, Regime, TaskRecord
from stream.errors import UserError
from stream.results.coverage import coverage_of
from stream.service.names import Expected
from stream.service.queueing.jobs import RecordedTask

LONG_PAUSE = 1.5
"""More than so many times the time of its epochs, and an arrival was held up by something else."""
LONG_PAUSE_SECONDS = 10.0
RESUMED = 0.9
"""Less than this share of the time of its epochs, and only the time since a resume was recorded."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedTimes:
    """The arrivals of a run with their times."""

    tasks: tuple[RecordedTask, ...]
    """In order of arrival."""
    notes: tuple[str, ...]
    """What has to be known about the times."""


def recorded_times(
    ledger: Ledger, *, expected: Expected = Expected.TOKENS, with_reevaluation: bool = False
) -> RecordedTimes:
    """Return the measured time of each learned arrival, those of removed tasks included.

    Arguments:
        ledger: of a run at any stage.
        expected: what the expected time is taken from.
        with_reevaluation: add the time that evaluating all tasks took after the arrival; an arrival whose
            evaluations are not complete is left out.

    Raises:
        UserError: the run has no arrival with a time of its own, or lacks what `expected` needs.
    """
    arrivals = _arrivals(ledger, with_reevaluation)
    amounts = _amounts(ledger.run().name, arrivals, expected)
    seconds = [arrival.seconds for arrival in arrivals]
    # One factor for all: it turns tokens into seconds and leaves every order as it is.
    scale = sum(seconds) / sum(amounts)
    return RecordedTimes(
        tasks=tuple(
            RecordedTask(name=arrival.task.name, seconds=time, expected_seconds=amount * scale)
            for arrival, time, amount in zip(arrivals, seconds, amounts, strict=True)
        ),
        notes=tuple(_notes(arrivals)),
    )


_WITHOUT_TIMES: Mapping[Regime, str] = {
    Regime.JOINT: "learned all tasks at once",
    Regime.STUDY: "is a study, in which no task arrives",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Arrival:
    """What the ledger holds of one arrival."""

    task: TaskRecord
    learned: ParametersRecord
    epochs: Sequence[EpochRecord]
    evaluation_seconds: float

    @property
    def seconds(self) -> float:
        """Service time."""
        return self.learned.seconds + self.evaluation_seconds

    @property
    def num_tokens(self) -> int:
        """Tokens of the first attempt: that it would have to be repeated was not known before."""
        return sum(epoch.num_tokens for epoch in self.epochs if epoch.attempt == 0)


def _arrivals(ledger: Ledger, with_reevaluation: bool) -> list[_Arrival]:
    run = ledger.run()
    if run.regime in _WITHOUT_TIMES:
        raise UserError(
            f"the run '{run.name}' {_WITHOUT_TIMES[run.regime]}, so no task has a time of its own; "
            "choose a run that learns task by task"
        )
    waits_for_row = with_reevaluation and run.regime is Regime.STREAM
    complete = ledger.finished_arrivals(coverage_of(run).due) if waits_for_row else len(run.task_names)
    learned = {p.position: p for p in ledger.parameters(owner=Owner.OWN, include_removed=True)}
    epochs = defaultdict[int, list[EpochRecord]](list)
    for epoch in ledger.epochs():
        epochs[epoch.position].append(epoch)
    evaluated = _evaluation_seconds(ledger) if with_reevaluation else {}
    arrivals = [
        _Arrival(
            task=task,
            learned=learned[task.position],
            epochs=epochs[task.position],
            evaluation_seconds=evaluated.get(task.position, 0.0),
        )
        for task in ledger.tasks()
        if task.position in learned and task.position < complete
    ]
    if sum(arrival.seconds for arrival in arrivals) <= 0:
        raise UserError(
            f"the run '{run.name}' has no arrival with a recorded time yet; go on with it with --resume"
        )
    return arrivals


def _evaluation_seconds(ledger: Ledger) -> Mapping[int, float]:
    """Time of all evaluations after each arrival, by its position."""
    seconds = defaultdict[int, float](float)
    for row in ledger.evaluations_by_arrival():
        for evaluation in row:
            seconds[evaluation.after] += evaluation.seconds
    return seconds


def _amounts(run: str, arrivals: Sequence[_Arrival], expected: Expected) -> list[float]:
    """What is expected of each arrival, in its own unit; the sum is positive."""
    match expected:
        case Expected.TOKENS:
            amounts = [float(arrival.num_tokens) for arrival in arrivals]
        case Expected.SIZE:
            amounts = [float(arrival.task.num_train) for arrival in arrivals]
        case Expected.MEASURED:
            return [arrival.seconds for arrival in arrivals]
    if min(amounts) <= 0:
        name = arrivals[amounts.index(min(amounts))].task.name
        raise UserError(
            f"the run '{run}' recorded no training {'tokens' if expected is Expected.TOKENS else 'examples'} "
            f"for '{name}', so its time cannot be expected from them; use --expected measured"
        )
    return amounts


def _notes(arrivals: Sequence[_Arrival]) -> Iterator[str]:
    """Where the clock and the epochs tell different stories."""
    for arrival in arrivals:
        trained = sum(epoch.seconds for epoch in arrival.epochs)
        measured, name = arrival.learned.seconds, arrival.task.name
        if trained and measured > LONG_PAUSE * trained + LONG_PAUSE_SECONDS:
            yield (
                f"{name}: {measured:,.0f} s were measured, {trained:,.0f} s of them in epochs; something "
                "held it up, and the time is taken as recorded"
            )
        if measured < RESUMED * trained:
            yield (
                f"{name}: {measured:,.0f} s were recorded, but its epochs took {trained:,.0f} s; it was "
                "resumed, and only the time since then was measured"
            )
