"""One candidate for one arrival: taken over from another run, or trained on from where it stopped.

Each step is recorded as a trial before the next begins, so a choice that was killed goes on where it stood.
"""

import hashlib
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from db import Ledger
from db.records.trials import FoundTraining, TrialCheckpoint, TrialRecord, TrialStatus
from stream.display.protocol import Display
from stream.engine.choosing.candidates import Candidate
from stream.engine.choosing.judging import Judge
from stream.engine.recording import TrialCheckpoints, trial_observer
from stream.engine.scheduler import Arrival
from stream.errors import TrainingError
from stream.learning.learner import PreparedTask
from stream.learning.training import Trained, train
from stream.model.backbone.parameters import TaskParameters
from stream.results.estimates import score_error


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Sitting:
    """The choice for one arrival: what each of its steps needs."""

    arrival: Arrival
    prepared: PreparedTask
    ledger: Ledger
    display: Display
    judge: Judge
    reuse: bool
    """Whether what another run of the database trained is taken over."""

    @property
    def position(self) -> int:
        """Of the arrival."""
        return self.arrival.position

    def trial(self, candidate: Candidate) -> TrialRecord:
        """The candidate as it stands in the ledger."""
        trials = self.ledger.trials(self.position)
        return next(one for one in trials if one.recipe_sha256 == candidate.recipe_sha256)


def waiting_trial(arrival: Arrival, number: int, candidate: Candidate) -> TrialRecord:
    """A candidate before anything of it was trained."""
    return TrialRecord(
        position=arrival.position,
        recipe_sha256=candidate.recipe_sha256,
        number=number,
        seed=arrival.seed,
        method=candidate.method,
        options=dict(candidate.learner.method.options),
        learning_rate=candidate.learning_rate,
        num_epochs=candidate.num_epochs,
        num_params=candidate.num_params,
    )


def advanced(sitting: Sitting, candidate: Candidate, num_epochs: int, rung: int) -> TrialRecord:
    """The trial with so many epochs done, recorded: as it stands, taken over, or trained on.

    Raises:
        DamageError: the tensors to be taken over are damaged.
    """
    trial = sitting.trial(candidate)
    if not trial.status.has_ended and len(trial.history) < num_epochs:
        found = _found(sitting, candidate) if sitting.reuse else None
        if found is not None:
            return _taken_over(sitting, candidate, replace(trial, rung=rung), found)
        return _trained_on(sitting, candidate, replace(trial, rung=rung), num_epochs)
    if trial.rung is None or trial.rung < rung:
        trial = replace(trial, rung=rung)
        sitting.ledger.record_trial(trial)
    return trial


def _found(sitting: Sitting, candidate: Candidate) -> FoundTraining | None:
    recipe = candidate.recipe_sha256
    return sitting.ledger.find_trial(recipe) or sitting.ledger.find_arrival(recipe)


def _taken_over(
    sitting: Sitting, candidate: Candidate, trial: TrialRecord, training: FoundTraining
) -> TrialRecord:
    content = sitting.ledger.found_content(training)
    found = training.found
    history = tuple(replace(epoch, position=sitting.position) for epoch in training.history)
    num_tokens = sum(epoch.num_tokens for epoch in history)
    trial = replace(
        trial,
        status=TrialStatus.FINISHED,
        history=history,
        best_epoch=found.best_epoch,
        valid=found.valid,
        num_trained=found.num_trained,
        num_steps=_num_steps(sitting, candidate, len(history)),
        num_tokens=num_tokens,
        seconds=found.seconds,
        reused_tokens=num_tokens,
        reused_seconds=found.seconds,
        source=training.run,
        notes=found.notes if isinstance(found, TrialRecord) else (),
    )
    return _judged(sitting, trial, TaskParameters.from_bytes(content), content)


def _trained_on(sitting: Sitting, candidate: Candidate, trial: TrialRecord, num_epochs: int) -> TrialRecord:
    trial, inherited = _with_inheritance(sitting, candidate, trial)
    trial = replace(trial, status=TrialStatus.RUNNING)
    sitting.ledger.record_trial(trial)
    started = time.perf_counter()
    try:
        trained = train(
            candidate.learner.job(
                sitting.prepared, seed=sitting.arrival.seed, position=sitting.arrival.position
            ),
            TrialCheckpoints(sitting.ledger, sitting.position, candidate.recipe_sha256, inherited),
            trial_observer(sitting.position, sitting.ledger, sitting.display),
            stop_after=num_epochs,
        )
    except TrainingError as error:
        trial = replace(trial, status=TrialStatus.FAILED, notes=(str(error),))
        sitting.ledger.record_trial(trial)
        return trial
    trial = replace(trial, seconds=trial.seconds + time.perf_counter() - started)
    return _recorded(sitting, candidate, trial, trained)


def _with_inheritance(
    sitting: Sitting, candidate: Candidate, trial: TrialRecord
) -> tuple[TrialRecord, TrialCheckpoint | None]:
    """Where another run stopped this training, for a trial that was not begun here."""
    found = sitting.ledger.find_stopped(candidate.recipe_sha256) if sitting.reuse else None
    if found is None or trial.history:
        return trial, None
    run, other, checkpoint = found
    if not Path(checkpoint.path).is_file():
        return trial, None
    if trial.status is TrialStatus.WAITING:
        reused: dict[str, Any] = {"reused_tokens": other.num_tokens, "reused_seconds": other.seconds}
        trial = replace(trial, seconds=other.seconds, source=run, **reused)
    return trial, checkpoint


def _recorded(sitting: Sitting, candidate: Candidate, trial: TrialRecord, trained: Trained) -> TrialRecord:
    sites = candidate.learner.sites(sitting.prepared.num_outputs)
    own = TaskParameters({site.name: trained.values[site.name] for site in sites})
    trial = replace(
        trial,
        status=TrialStatus.FINISHED if trained.finished else TrialStatus.STOPPED,
        history=trained.epochs,
        best_epoch=trained.best_epoch,
        valid=trained.valid,
        num_trained=trained.num_trained,
        num_steps=_num_steps(sitting, candidate, len(trained.epochs)),
        num_tokens=sum(epoch.num_tokens for epoch in trained.epochs),
        notes=("restarted at a lower learning rate",) if trained.restarted else (),
    )
    return _judged(sitting, trial, own, own.to_bytes() if trained.finished else None)


def _judged(sitting: Sitting, trial: TrialRecord, own: TaskParameters, content: bytes | None) -> TrialRecord:
    """Judge the tensors on the validation split, and record the trial with them."""
    evaluation, plan = sitting.judge.evaluate(own)
    trial = replace(
        trial,
        standard_error=score_error(sitting.judge.judged(evaluation.predictions)),
        predictions_sha256=evaluation.predictions_sha256,
        logits_sha256=evaluation.logits_sha256,
        plan_sha256=plan.sha256,
        sha256=None if content is None else hashlib.sha256(content).hexdigest(),
    )
    sitting.ledger.record_trial(trial, content=content, predictions=evaluation.predictions)
    return trial


def _num_steps(sitting: Sitting, candidate: Candidate, num_epochs: int) -> int:
    batch = candidate.learner.recipe.for_task(sitting.prepared.task).batch_size
    return -(-len(sitting.prepared.train.tokens) // batch) * num_epochs
