"""What learning and evaluating gave, as the records that the ledger takes.

The loop and the baselines beside it record in the same words.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from db import Ledger
from db.records import (
    CheckpointRecord,
    EpochRecord,
    EvaluationRecord,
    LearnedSplit,
    Owner,
    ParametersRecord,
    PlanRecord,
    TaskRecord,
)
from db.records.trials import TrialCheckpoint
from stream.display.protocol import Display, TrainingProgress
from stream.engine.scheduler import Arrival
from stream.learning.encoding import TokenSet
from stream.learning.evaluation import EvaluationPlan
from stream.learning.learner import Learned, Learner, PreparedTask
from stream.learning.objectives.objective import scoring_of
from stream.learning.observer import Observer, StepProgress
from stream.model.backbone.parameters import TaskParameters
from stream.model.methods.method import count_tensors
from stream.results.metrics import Evaluation
from tasks.task import MAIN_SPLIT

_HEARTBEAT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class LedgerCheckpoints:
    """Checkpoints of one arrival as files beside the database."""

    ledger: Ledger
    position: int

    def load(self) -> bytes | None:
        """The newest checkpoint whose bytes are intact, or None: then the arrival starts again."""
        return _intact(self.ledger.checkpoint(self.position))

    def save(self, step: int, content: bytes) -> None:
        """Write the file durably, then let its row replace the last one's."""
        path = self.ledger.checkpoint_folder() / f"{self.position:05d}-{step:09d}.safetensors"
        self.ledger.write_beside(path, content)
        self.ledger.record_checkpoint(
            CheckpointRecord(
                position=self.position,
                step=step,
                path=str(path),
                sha256=hashlib.sha256(content).hexdigest(),
                num_bytes=len(content),
            )
        )


@dataclass(frozen=True, slots=True)
class TrialCheckpoints:
    """Checkpoints of one trial; it may begin where another run's stopped."""

    ledger: Ledger
    position: int
    recipe_sha256: str
    inherited: TrialCheckpoint | None = None
    """Of another run, for a trial that has none of its own."""

    def load(self) -> bytes | None:
        """The newest checkpoint whose bytes are intact, or None."""
        own = self.ledger.trial_checkpoint(self.position, self.recipe_sha256)
        return next((found for one in (own, self.inherited) if (found := _intact(one)) is not None), None)

    def save(self, step: int, content: bytes) -> None:
        """Write the file durably, then let its row replace the last one's."""
        name = f"{self.position:05d}-{self.recipe_sha256[:16]}-{step:09d}.safetensors"
        path = self.ledger.trial_folder() / name
        self.ledger.write_beside(path, content)
        self.ledger.record_trial_checkpoint(
            TrialCheckpoint(
                position=self.position,
                recipe_sha256=self.recipe_sha256,
                step=step,
                path=str(path),
                sha256=hashlib.sha256(content).hexdigest(),
                num_bytes=len(content),
            )
        )


def _intact(record: CheckpointRecord | TrialCheckpoint | None) -> bytes | None:
    if record is None or not Path(record.path).is_file():
        return None
    content = Path(record.path).read_bytes()
    return content if hashlib.sha256(content).hexdigest() == record.sha256 else None


def trial_observer(position: int, ledger: Ledger, display: Display) -> Observer:
    """Who is told of a trial: the display; its epochs are recorded with the trial."""
    return replace(observer(position, ledger, display), epoch_finished=display.epoch_finished)


def observer(position: int, ledger: Ledger, display: Display) -> Observer:
    """Who is told of a training: the ledger of its epochs, the display of its progress."""

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


def task_record(arrival: Arrival, truncated_fraction: float) -> TaskRecord:
    """The task of an arrival as it is stored."""
    task = arrival.task
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
        truncated_fraction=truncated_fraction,
        metric=task.metric,
        kind=task.kind.value,
        secondary=task.secondary,
        published={} if task.published is None else asdict(task.published),
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
    """Tensors that an arrival learned as they are stored: their record and their bytes."""
    content = tensors.to_bytes()
    num_outputs = scoring_of(arrival.task).objective.num_outputs(len(arrival.task.labels))
    record = ParametersRecord(
        position=arrival.position,
        owner=owner,
        sha256=hashlib.sha256(content).hexdigest(),
        recipe_sha256=learned.recipe_sha256,
        counts=count_tensors(TaskParameters.from_bytes(content), learner.sites(num_outputs)),
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


def begin_arrival(arrival: Arrival, learner: Learner, ledger: Ledger, display: Display) -> PreparedTask:
    """Announce a task, tokenise it and record it with its test splits."""
    task = arrival.task
    display.arrival_started(arrival.position, task.name, task.data.value, len(task.train), task.num_classes)
    prepared = learner.prepare(task)
    ledger.record_task(task_record(arrival, prepared.truncated_fraction))
    record_test_sets(arrival.position, prepared.tests, ledger)
    return prepared


def record_learned(arrival: Arrival, learned: Learned, learner: Learner, ledger: Ledger) -> None:
    """Commit what an arrival learned: its plans, its tensors and the predictions they gave in memory."""
    for found in learned.tests.values():
        ledger.record_plan(plan_record(found.plan))
    ledger.record_parameters(
        [
            _parameters_record(arrival, owner, tensors, learned, learner)
            for owner, tensors in ((Owner.OWN, learned.own), (Owner.SHARED, learned.shared))
            if tensors
        ],
        learned.evaluation.predictions,
        further_splits(arrival.position, {name: one.evaluation for name, one in learned.tests.items()}),
    )


def record_test_sets(position: int, tests: Mapping[str, TokenSet], ledger: Ledger) -> None:
    """Commit the tokens and gold answers of every test split."""
    for name, tokens in tests.items():
        ledger.record_test_set(position, name, tokens.to_bytes())


def further_splits(position: int, tests: Mapping[str, Evaluation]) -> list[tuple[LearnedSplit, bytes]]:
    """What test splits beside the main one gave in memory, as it is stored."""
    return [
        (learned_split(position, name, evaluation), evaluation.predictions)
        for name, evaluation in tests.items()
        if name != MAIN_SPLIT
    ]


def learned_split(position: int, name: str, evaluation: Evaluation) -> LearnedSplit:
    """What one test split gave in memory."""
    return LearnedSplit(
        position=position,
        split=name,
        value=evaluation.value,
        logits_sha256=evaluation.logits_sha256,
        predictions_sha256=evaluation.predictions_sha256,
        plan_sha256=evaluation.plan_sha256,
    )


def evaluation_record(
    evaluation: Evaluation, *, after: int, on: int, num_changed: int, split: str = MAIN_SPLIT
) -> EvaluationRecord:
    """One cell R[after, on] of a split as it is stored."""
    return EvaluationRecord(
        after=after,
        on=on,
        split=split,
        metric=evaluation.metric,
        value=evaluation.value,
        logits_sha256=evaluation.logits_sha256,
        predictions_sha256=evaluation.predictions_sha256,
        plan_sha256=evaluation.plan_sha256,
        changed_predictions=num_changed,
        num_examples=evaluation.num_examples,
        seconds=evaluation.seconds,
        secondary=evaluation.secondary,
    )


def plan_record(plan: EvaluationPlan) -> PlanRecord:
    """A plan as it is stored."""
    return PlanRecord(sha256=plan.sha256, content=asdict(plan))
