"""THE loop: tasks arrive, each is learned and recorded, and every earlier one is evaluated again.

Nothing is evaluated before it is committed, and nothing is served from memory: each cell R[after, on] is
computed from bytes that the ledger read and hashed for it.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from db import Ledger, write_file_durably
from db.records import (
    CheckpointRecord,
    EpochRecord,
    EvaluationRecord,
    Owner,
    ParametersRecord,
    PlanRecord,
    RunStatus,
    TaskRecord,
)
from stream.display.protocol import Display, TrainingProgress
from stream.growth import GrowthCounter, StoredTask
from stream.learning.encoding import TokenSet
from stream.learning.evaluation import EvaluationPlan
from stream.learning.learner import Learned, Learner, PreparedTask
from stream.learning.training import Observer, StepProgress
from stream.metrics import Evaluation, num_changed
from stream.model.methods import count_tensors
from stream.model.parameters import NO_PARAMETERS, TaskParameters
from stream.results import RunResults, comparison, load_results, task_result
from stream.scheduler import Arrival, TaskStream

_HEARTBEAT_SECONDS = 5.0


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
    removed = {task.position for task in ledger.tasks() if task.removed_at is not None}
    num_finished = ledger.finished_arrivals()
    for arrival in stream:
        if arrival.position in removed:
            continue
        if arrival.position >= num_finished:
            if not ledger.has_parameters(arrival.position):
                learn_arrival(arrival, learner, ledger, display)
            for on in range(arrival.position + 1):
                if on not in removed and not ledger.has_evaluation(after=arrival.position, on=on):
                    record = reevaluate(learner, ledger, after=arrival.position, on=on)
                    display.task_evaluated(comparison(record, _learned(ledger, on)))
        stored = _stored(ledger, arrival)
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
    ledger.record_task(_task_record(arrival, prepared))
    ledger.record_test_set(arrival.position, "test", prepared.test.tokens.to_bytes())
    learned = learner.learn(
        arrival,
        prepared,
        shared=_shared(ledger, before=arrival.position),
        checkpoints=LedgerCheckpoints(ledger, arrival.position),
        observer=_observer(arrival.position, ledger, display),
    )
    ledger.record_plan(_plan_record(learned.plan))
    ledger.record_parameters(
        [
            _parameters_record(arrival, owner, tensors, learned, learner)
            for owner, tensors in ((Owner.OWN, learned.own), (Owner.SHARED, learned.shared))
            if tensors
        ],
        learned.evaluation.predictions,
    )


def reevaluate(learner: Learner, ledger: Ledger, *, after: int, on: int) -> EvaluationRecord:
    """Evaluate task `on` as it is served after arrival `after`, from the ledger's bytes; record the cell."""
    evaluation, plan = evaluate_stored(learner, ledger, after=after, on=on)
    learned = _learned(ledger, on)
    changed = 0
    if evaluation.predictions_sha256 != learned.learned_predictions_sha256:
        changed = num_changed(ledger.predictions(learned.learned_predictions_sha256), evaluation.predictions)
    record = EvaluationRecord(
        after=after,
        on=on,
        split="test",
        metric=evaluation.metric,
        value=evaluation.value,
        logits_sha256=evaluation.logits_sha256,
        predictions_sha256=evaluation.predictions_sha256,
        plan_sha256=evaluation.plan_sha256,
        changed_predictions=changed,
        num_examples=evaluation.num_examples,
        seconds=evaluation.seconds,
    )
    if evaluation.plan_sha256 != learned.plan_sha256:
        ledger.record_plan(_plan_record(plan))
    ledger.record_evaluation(record, evaluation.predictions)
    return record


def evaluate_stored(
    learner: Learner, ledger: Ledger, *, after: int, on: int
) -> tuple[Evaluation, EvaluationPlan]:
    """Evaluate own(on) over shared(after) over the backbone, everything read from the ledger and hashed.

    Raises:
        DamageError: stored bytes are missing or changed.
    """
    parameters = TaskParameters.from_bytes(ledger.parameters_content(on)).over(
        _shared(ledger, before=after + 1)
    )
    tokens = TokenSet.from_bytes(ledger.test_set(on))
    return learner.evaluate(tokens, parameters, metric=ledger.task(on).metric)


@dataclass(frozen=True, slots=True)
class LedgerCheckpoints:
    """Checkpoints of one arrival as files beside the database."""

    ledger: Ledger
    position: int

    def load(self) -> bytes | None:
        """The newest checkpoint whose bytes are intact, or None: then the arrival starts again."""
        record = self.ledger.checkpoint(self.position)
        if record is None or not Path(record.path).is_file():
            return None
        content = Path(record.path).read_bytes()
        return content if hashlib.sha256(content).hexdigest() == record.sha256 else None

    def save(self, step: int, content: bytes) -> None:
        """Write the file durably, then let its row replace the last one's."""
        path = self.ledger.checkpoint_folder() / f"{self.position:05d}-{step:09d}.safetensors"
        write_file_durably(path, content)
        self.ledger.record_checkpoint(
            CheckpointRecord(
                position=self.position,
                step=step,
                path=str(path),
                sha256=hashlib.sha256(content).hexdigest(),
                num_bytes=len(content),
            )
        )


def _shared(ledger: Ledger, *, before: int) -> TaskParameters:
    newest = ledger.shared_content(before)
    return NO_PARAMETERS if newest is None else TaskParameters.from_bytes(newest[1])


def _learned(ledger: Ledger, position: int) -> ParametersRecord:
    return ledger.parameters(position, Owner.OWN)[0]


def _stored(ledger: Ledger, arrival: Arrival) -> StoredTask:
    records = {record.owner: record for record in ledger.parameters(arrival.position)}
    return StoredTask(name=arrival.name, own=records[Owner.OWN], shared=records.get(Owner.SHARED))


def _observer(position: int, ledger: Ledger, display: Display) -> Observer:
    def progressed(progress: StepProgress) -> None:
        beat()
        display.training_progressed(TrainingProgress(position=position, **asdict(progress)))

    def epoch_finished(epoch: EpochRecord) -> None:
        ledger.record_epoch(epoch)
        display.epoch_finished(epoch)

    beat = _every(_HEARTBEAT_SECONDS, ledger.heartbeat)
    return Observer(progressed=progressed, epoch_finished=epoch_finished, restarted=display.notice)


def _every(seconds: float, call: Callable[[], object]) -> Callable[[], None]:
    """`call`, at most once per so many seconds."""
    last = -seconds

    def limited() -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= seconds:
            last = now
            call()

    return limited


def _task_record(arrival: Arrival, prepared: PreparedTask) -> TaskRecord:
    task = prepared.task
    return TaskRecord(
        position=arrival.position,
        name=task.name,
        title=task.title,
        data=task.data.value,
        labels=task.labels,
        num_train=len(task.train),
        num_valid=len(task.valid),
        num_test=len(task.test),
        fingerprint=task.fingerprint,
        truncated_fraction=prepared.truncated_fraction,
        metric=task.metric,
        paper_adapters=task.paper.adapters if task.paper else None,
        paper_fine_tuning=task.paper.fine_tuning if task.paper else None,
        paper_no_bert=task.paper.no_bert if task.paper else None,
        paper_variable_fine_tuning=task.paper.variable_fine_tuning if task.paper else None,
        bayes_accuracy=task.bayes_accuracy,
        notes=task.notes,
        seed=arrival.seed,
    )


def _parameters_record(
    arrival: Arrival, owner: Owner, tensors: TaskParameters, learned: Learned, learner: Learner
) -> tuple[ParametersRecord, bytes]:
    content = tensors.to_bytes()
    record = ParametersRecord(
        position=arrival.position,
        owner=owner,
        sha256=hashlib.sha256(content).hexdigest(),
        recipe_sha256=learned.recipe_sha256,
        counts=count_tensors(TaskParameters.from_bytes(content), learner.sites(len(arrival.task.labels))),
        num_bytes=len(content),
        reads_backbone=learner.method.reads_backbone(learner.backbone.architecture),
        best_epoch=learned.best_epoch,
        valid=learned.valid,
        learned_value=learned.evaluation.value,
        learned_logits_sha256=learned.evaluation.logits_sha256,
        learned_predictions_sha256=learned.evaluation.predictions_sha256,
        plan_sha256=learned.evaluation.plan_sha256,
        seconds=learned.seconds,
        num_trained=learned.num_trained,
        notes=learned.notes,
    )
    return record, content


def _plan_record(plan: EvaluationPlan) -> PlanRecord:
    return PlanRecord(sha256=plan.sha256, content=asdict(plan))
