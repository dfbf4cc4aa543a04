"""THE loop: tasks arrive, each is learned and recorded, and every earlier one is evaluated again.

Nothing is evaluated before it is committed, and nothing is served from memory: each cell R[after, on] is
computed from bytes that the ledger read and hashed for it.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from db import Ledger
from db.records import EvaluationRecord, LearnedSplit, Owner, RunStatus
from stream.display.protocol import Display
from stream.engine.recording import (
    LedgerCheckpoints,
    begin_arrival,
    evaluation_record,
    observer,
    plan_record,
    record_learned,
)
from stream.engine.scheduler import Arrival, TaskStream
from stream.engine.serving import TaskServer
from stream.learning.learner import Learner
from stream.learning.objectives.objective import OBJECTIVES
from stream.model.backbone.parameters import NO_PARAMETERS, TaskParameters
from stream.results.comparisons import comparison
from stream.results.coverage import coverage_of
from stream.results.growth import GrowthCounter, StoredTask
from stream.results.run_results import RunResults, load_results, task_result
from tasks.task import TaskKind

Learn = Callable[[Arrival, Learner, Ledger, Display], None]
"""A way to learn one arrival and commit its parameters."""
COMMIT_SECONDS = 0.2
"""Evaluations are committed together that were made within about this time: what a kill can cost of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One R[after, on] of a test split that is measured and not committed yet."""

    record: EvaluationRecord
    predictions: bytes
    learned: LearnedSplit
    """What the split gave right after its task was learned."""


def simulate(
    stream: TaskStream, learner: Learner, ledger: Ledger, display: Display, learn: Learn | None = None
) -> RunResults:
    """Run the stream to its end, going on where the ledger stands; return what it showed.

    `learn` learns one arrival and commits it; `learn_arrival` unless given.

    Raises:
        TrainingError: an arrival's loss was not finite twice.
        LedgerError: something could not be stored or read back; what was committed stays.
    """
    learn = learn or learn_arrival
    display.run_started(load_results(ledger))
    growth = GrowthCounter(
        backbone_params=ledger.run().backbone_params, backbone_bytes=ledger.run().backbone_bytes
    )
    server = TaskServer(learner, ledger)
    removed = {task.position for task in ledger.tasks() if task.removed_at is not None}
    coverage = coverage_of(ledger.run())
    num_finished = ledger.finished_arrivals(coverage.due)
    learned = list(ledger.learned_splits())
    for arrival in stream:
        if arrival.position in removed:
            continue
        if arrival.position >= num_finished:
            if not ledger.has_parameters(arrival.position):
                learn(arrival, learner, ledger, display)
                learned += ledger.learned_splits(arrival.position)
            splits = [one for one in learned if one.position not in removed]
            due = coverage.due(arrival.position)
            reevaluate(server, ledger, display, after=arrival.position, splits=splits, due=due)
        stored = stored_task(ledger, arrival)
        point = growth.add(stored)
        if arrival.position >= num_finished:
            diagonal = ledger.evaluations(after=arrival.position, on=arrival.position)
            display.arrival_finished(task_result(ledger.task(arrival.position), stored, diagonal), point)
    ledger.set_status(RunStatus.FINISHED)
    return load_results(ledger)


def learn_arrival(arrival: Arrival, learner: Learner, ledger: Ledger, display: Display) -> None:
    """Learn one arrival and commit its parameters; what it gave in memory is recorded beside them."""
    prepared = begin_arrival(arrival, learner, ledger, display)
    learned = learner.learn(
        prepared,
        seed=arrival.seed,
        position=arrival.position,
        shared=_shared(ledger, before=arrival.position),
        checkpoints=LedgerCheckpoints(ledger, arrival.position),
        observer=observer(arrival.position, ledger, display),
    )
    record_learned(arrival, learned, learner, ledger)


def reevaluate(
    server: TaskServer,
    ledger: Ledger,
    display: Display,
    *,
    after: int,
    splits: Sequence[LearnedSplit],
    due: Collection[int],
) -> None:
    """Evaluate test splits as they are served after an arrival, from the ledger's bytes; record the cells.

    Cells that are recorded already are left alone. A display hears of a cell once it is committed.

    Args:
        server: of the run.
        ledger: the run.
        display: who hears of the cells.
        after: the arrival.
        splits: of all tasks served, in order of position.
        due: positions that are evaluated; of the others the stored bytes are read and hashed. The arrival's
            own comes last, so once its cell is recorded everything before it is done.
    """
    known = ledger.evaluated(after)
    cells = _cells(server, ledger, after, [one for one in splits if one.position <= after], due, known)
    for together in in_time(cells, COMMIT_SECONDS):
        ledger.record_evaluations([(cell.record, cell.predictions) for cell in together])
        for cell in together:
            display.task_evaluated(comparison(cell.record, cell.learned))


def _cells(
    server: TaskServer,
    ledger: Ledger,
    after: int,
    splits: Sequence[LearnedSplit],
    due: Collection[int],
    known: Collection[tuple[int, str]],
) -> Iterator[Cell]:
    for one in splits:
        if one.position not in due:
            ledger.read_served(one.position, one.split)
        elif (one.position, one.split) not in known:
            yield evaluated_cell(server, ledger, after=after, learned=one)


def evaluated_cell(server: TaskServer, ledger: Ledger, *, after: int, learned: LearnedSplit) -> Cell:
    """Evaluate a split of a task as it is served after an arrival, beside what it gave when learned."""
    on, split = learned.position, learned.split
    evaluation, plan = server.evaluate(after=after, on=on, split=split)
    changed = 0
    if evaluation.predictions_sha256 != learned.predictions_sha256:
        objective = OBJECTIVES[TaskKind(ledger.task(on).kind)]
        changed = objective.num_changed(
            ledger.predictions(learned.predictions_sha256), evaluation.predictions
        )
    if evaluation.plan_sha256 != learned.plan_sha256:
        ledger.record_plan(plan_record(plan))
    return Cell(
        record=evaluation_record(evaluation, after=after, on=on, num_changed=changed, split=split),
        predictions=evaluation.predictions,
        learned=learned,
    )


def in_time(cells: Iterable[Cell], seconds: float) -> Iterator[list[Cell]]:
    """Group cells that were evaluated within so many seconds; a slow one does not wait for the next.

    A commit costs as much as evaluating a small test split; one for many of these costs them nothing. What
    was evaluated before an error or Ctrl-C is given before that goes on its way.
    """
    waiting: list[Cell] = []
    since = time.monotonic()
    try:
        for cell in cells:
            waiting.append(cell)
            if time.monotonic() - since >= seconds:
                yield waiting
                waiting, since = [], time.monotonic()
    except GeneratorExit:  # whoever takes the cells has ended; there is nobody to give any more to
        raise
    except BaseException:
        if waiting:
            yield waiting
        raise
    if waiting:
        yield waiting


def _shared(ledger: Ledger, *, before: int) -> TaskParameters:
    newest = ledger.shared_content(before)
    return NO_PARAMETERS if newest is None else TaskParameters.from_bytes(newest[1])


def stored_task(ledger: Ledger, arrival: Arrival) -> StoredTask:
    """What an arrival stored, as the count of growth takes it."""
    records = {record.owner: record for record in ledger.parameters(arrival.position)}
    return StoredTask(name=arrival.name, own=records[Owner.OWN], shared=records.get(Owner.SHARED))
