"""THE loop: tasks arrive, each is learned and recorded, and every earlier one is evaluated again.

Nothing is evaluated before it is committed, and nothing is served from memory: each cell R[after, on] is
computed from bytes that the ledger read and hashed for it.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from db import Ledger
from db.records import EvaluationRecord, Owner, ParametersRecord, RunStatus
from stream.display.protocol import Display
from stream.growth import GrowthCounter, StoredTask
from stream.learning.learner import Learner
from stream.metrics import num_changed
from stream.model.parameters import NO_PARAMETERS, TaskParameters
from stream.recording import (
    LedgerCheckpoints,
    evaluation_record,
    observer,
    plan_record,
    record_learned,
    task_record,
)
from stream.results import RunResults, comparison, load_results, task_result
from stream.scheduler import Arrival, TaskStream
from stream.serving import TaskServer

COMMIT_SECONDS = 0.2
"""Evaluations are committed together that were made within about this time: what a kill can cost of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One R[after, on] that is measured and not committed yet."""

    record: EvaluationRecord
    predictions: bytes
    learned: ParametersRecord
    """What the task gave right after it was learned."""


def simulate(stream: TaskStream, learner: Learner, ledger: Ledger, display: Display) -> RunResults:
    """Run the stream to its end, going on where the ledger stands; return what it showed.

    Raises:
        TrainingError: an arrival's loss was not finite twice.
        LedgerError: something could not be stored or read back; what was committed stays.
    """
    display.run_started(load_results(ledger))
    growth = GrowthCounter(
        backbone_params=ledger.run().backbone_params, backbone_bytes=ledger.run().backbone_bytes
    )
    server = TaskServer(learner, ledger)
    removed = {task.position for task in ledger.tasks() if task.removed_at is not None}
    num_finished = ledger.finished_arrivals()
    for arrival in stream:
        if arrival.position in removed:
            continue
        if arrival.position >= num_finished:
            if not ledger.has_parameters(arrival.position):
                learn_arrival(arrival, learner, ledger, display)
            served = [on for on in range(arrival.position + 1) if on not in removed]
            reevaluate(server, ledger, display, after=arrival.position, served=served)
        stored = stored_task(ledger, arrival)
        point = growth.add(stored)
        if arrival.position >= num_finished:
            value = ledger.evaluations(after=arrival.position, on=arrival.position)[0].value
            display.arrival_finished(task_result(ledger.task(arrival.position), stored, value), point)
    ledger.set_status(RunStatus.FINISHED)
    return load_results(ledger)


def learn_arrival(arrival: Arrival, learner: Learner, ledger: Ledger, display: Display) -> None:
    """Learn one arrival and commit its parameters; what it gave in memory is recorded beside them."""
    task = arrival.task
    display.arrival_started(arrival.position, task.name, task.data.value, len(task.train), len(task.labels))
    prepared = learner.prepare(task)
    ledger.record_task(task_record(arrival, prepared.truncated_fraction))
    ledger.record_test_set(arrival.position, "test", prepared.test.tokens.to_bytes())
    learned = learner.learn(
        arrival,
        prepared,
        shared=_shared(ledger, before=arrival.position),
        checkpoints=LedgerCheckpoints(ledger, arrival.position),
        observer=observer(arrival.position, ledger, display),
    )
    record_learned(arrival, learned, learner, ledger)


def reevaluate(
    server: TaskServer, ledger: Ledger, display: Display, *, after: int, served: Sequence[int]
) -> None:
    """Evaluate tasks as they are served after an arrival, from the ledger's bytes, and record the cells.

    Cells that are recorded already are left alone. A display hears of a cell once it is committed.
    """
    known = ledger.evaluated(after)
    cells = (evaluated_cell(server, ledger, after=after, on=on) for on in served if on not in known)
    for together in in_time(cells, COMMIT_SECONDS):
        ledger.record_evaluations([(cell.record, cell.predictions) for cell in together])
        for cell in together:
            display.task_evaluated(comparison(cell.record, cell.learned))


def evaluated_cell(server: TaskServer, ledger: Ledger, *, after: int, on: int) -> Cell:
    """Evaluate task `on` as it is served after arrival `after`, beside what it gave when it was learned."""
    evaluation, plan = server.evaluate(after=after, on=on)
    learned = learned_record(ledger, on)
    changed = 0
    if evaluation.predictions_sha256 != learned.learned_predictions_sha256:
        changed = num_changed(ledger.predictions(learned.learned_predictions_sha256), evaluation.predictions)
    if evaluation.plan_sha256 != learned.plan_sha256:
        ledger.record_plan(plan_record(plan))
    return Cell(
        record=evaluation_record(evaluation, after=after, on=on, num_changed=changed),
        predictions=evaluation.predictions,
        learned=learned,
    )


def in_time(cells: Iterable[Cell], seconds: float) -> Iterator[list[Cell]]:
    """Group cells that were evaluated within so many seconds; a slow one does not wait for the next.

    A commit costs as much as evaluating a small test split; one for many of these costs them nothing.
    """
    waiting: list[Cell] = []
    since = time.monotonic()
    for cell in cells:
        waiting.append(cell)
        if time.monotonic() - since >= seconds:
            yield waiting
            waiting, since = [], time.monotonic()
    if waiting:
        yield waiting


def _shared(ledger: Ledger, *, before: int) -> TaskParameters:
    newest = ledger.shared_content(before)
    return NO_PARAMETERS if newest is None else TaskParameters.from_bytes(newest[1])


def learned_record(ledger: Ledger, position: int) -> ParametersRecord:
    """What the task at a position stored, with what that gave in memory."""
    return ledger.parameters(position, Owner.OWN)[0]


def stored_task(ledger: Ledger, arrival: Arrival) -> StoredTask:
    """What an arrival stored, as the count of growth takes it."""
    records = {record.owner: record for record in ledger.parameters(arrival.position)}
    return StoredTask(name=arrival.name, own=records[Owner.OWN], shared=records.get(Owner.SHARED))
