"""Training of one arrival: only the method's tensors learn, and every step can be repeated exactly.

AdamW with linear warm-up and decay over batches of similar length; the epoch that is best on validation is
kept. The training can stop at any step and go on from a checkpoint with the same bytes. A job may hold the
data of several tasks (joint training): each batch comes from one of them and goes to that one's head.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from db.records import EpochRecord
from stream.errors import TrainingError
from stream.learning.checkpoints import Checkpoints, TrainingState
from stream.learning.evaluation import lay_out, make_plan, predict_set
from stream.learning.flat import FlatParameters
from stream.learning.job import TrainingJob, epoch_batches, interleaved
from stream.learning.observer import Observer, StepProgress
from stream.learning.steps import LossSum, TrainingBatch, open_steps, padded_length
from stream.model.backbone.parameters import TaskParameters
from stream.model.encoder.encoder import assemble

CHECKPOINT_SECONDS = 30.0
"""Least time between two checkpoints; what a kill can cost."""
RESTART_RATE = 0.1
"""Factor on the learning rate after a loss that was not finite."""
PROGRESS_SECONDS = 0.25
"""Least time between two reports of progress."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Trained:
    """What a training gave."""

    values: TaskParameters
    """All tensors to be stored, as at the best epoch, on the compute device."""
    best_epoch: int
    valid: float | None
    num_trained: int
    restarted: bool
    epochs: tuple[EpochRecord, ...]
    finished: bool
    """False where it was told to stop and can go on."""


def train(
    job: TrainingJob, checkpoints: Checkpoints, observer: Observer, *, stop_after: int | None = None
) -> Trained:
    """Train, restarting once at a lower rate where the loss is not finite.

    With `stop_after` it leaves a checkpoint after so many epochs, under the schedule over all of the job's.

    Raises:
        TrainingError: the loss was not finite at the lower rate either.
    """
    saved = checkpoints.load()
    state = None if saved is None else TrainingState.from_bytes(saved, job.recipe_sha256)
    for attempt in range(0 if state is None else state.attempt, 2):
        training = _Training(job, attempt, state if state is not None and state.attempt == attempt else None)
        if training.run(checkpoints, observer, job.num_epochs if stop_after is None else stop_after):
            return training.result()
        if attempt == 0:
            rate = training.recipe.peak_rate
            again = f"the arrival starts again at {rate * RESTART_RATE:g}"
            observer.restarted(f"the loss was not finite at learning rate {rate:g}; {again}")
    raise TrainingError(
        f"The loss was not finite at learning rate {job.recipe.peak_rate:g} nor at "
        f"{job.recipe.peak_rate * RESTART_RATE:g}; choose a lower --learning-rate."
    )


class _Training:
    """One attempt: the mutable state between two steps."""

    def __init__(self, job: TrainingJob, attempt: int, state: TrainingState | None) -> None:
        self._job = job
        self._attempt = attempt
        factor = RESTART_RATE if attempt else 1.0
        self.recipe = replace(job.recipe, learning_rate=job.recipe.peak_rate * factor)
        device = job.backbone.device
        self._flat = FlatParameters(job.sites, job.first_values, device, job.backbone.dtype)
        self._loss_sum = LossSum(device)
        self._steps = open_steps(job, self._flat, self.recipe, self._loss_sum)
        self._lengths = [part.train.lengths.numpy() for part in job.data]
        self._valid = [
            lay_out(part.valid, make_plan(part.valid, job.backbone), job.backbone) for part in job.data
        ]
        self._num_steps = job.first_steps[-1]
        self._step = 0
        self._epochs: list[EpochRecord] = []
        self._best_epoch, self._best_loss = -1, math.inf
        self._best_leaves = self._flat.snapshot()
        if state is not None:
            self._resume(state)

    def run(self, checkpoints: Checkpoints, observer: Observer, end: int) -> bool:
        """Train until `end` epochs are done; False where the loss was not finite."""
        saved_at = told_at = time.monotonic()
        resumed_at = self._step
        while len(self._epochs) < end and not self._finished():
            epoch, first_step, started = len(self._epochs), self._step, time.monotonic()
            for batch in self._remaining_batches(epoch):
                self._take_step(batch)
                now = time.monotonic()
                if now - saved_at >= CHECKPOINT_SECONDS:
                    checkpoints.save(self._step, self._state().to_bytes(self._job.recipe_sha256))
                    saved_at = now
                is_due = now - told_at >= PROGRESS_SECONDS
                if is_due and self._tell(observer, epoch, first_step, now - started):
                    told_at = now
            finite = math.isfinite(self._loss_sum.value())
            if not (finite and self._finish_epoch(epoch, time.monotonic() - started, observer)):
                return False
        if not self._finished() and self._step > resumed_at:
            checkpoints.save(self._step, self._state().to_bytes(self._job.recipe_sha256))
        return True

    def result(self) -> Trained:
        """The best epoch's values."""
        return Trained(
            values=self._stored(self._best_leaves),
            best_epoch=self._best_epoch,
            valid=self._epochs[self._best_epoch].valid,
            num_trained=sum(leaf.numel() for leaf in self._flat.leaves),
            restarted=self._attempt > 0,
            epochs=tuple(self._epochs),
            finished=self._finished(),
        )

    def _stored(self, leaves: Sequence[Tensor] | None = None) -> TaskParameters:
        """What would be stored of these leaves, or of the current ones."""
        return TaskParameters(self._job.materialise(self._flat.values(leaves)))

    def _remaining_batches(self, epoch: int) -> list[TrainingBatch]:
        """The epoch's batches from the current step on, on the device already, so that no step waits."""
        job = self._job
        batches = [
            [
                (i, batch)
                for batch in epoch_batches(
                    self._lengths[i], batch_size=self.recipe.batch_size, seed=job.seed, epoch=own_epoch
                )
            ]
            for i, _, own_epoch in job.taking_part(epoch)
        ]
        rest = interleaved(batches, seed=job.seed, epoch=epoch)[self._step - job.first_steps[epoch] :]
        together = torch.from_numpy(np.concatenate([np.empty(0, np.int64), *(batch for _, batch in rest)]))
        chosen = together.to(job.backbone.device).split([len(batch) for _, batch in rest])
        lengths = [int(self._lengths[part][batch].max()) for part, batch in rest]
        most = job.backbone.architecture.max_positions
        return [
            TrainingBatch(
                part=part, indices=indices, length=padded_length(longest, job.backbone.device, most)
            )
            for (part, _), indices, longest in zip(rest, chosen, lengths, strict=True)
        ]

    def _take_step(self, batch: TrainingBatch) -> None:
        self._steps.take(batch, self._step, self.recipe.rate(self._step, self._num_steps))
        self._step += 1

    def _finish_epoch(self, epoch: int, seconds: float, observer: Observer) -> bool:
        """Validate and record; False where the validation loss is not finite: the last step may spoil it."""
        value, loss = self._validate()
        if not math.isfinite(loss):
            return False
        parts = [part for _, part, _ in self._job.taking_part(epoch)]
        record = EpochRecord(
            position=self._job.position,
            attempt=self._attempt,
            epoch=epoch,
            train_loss=self._loss_sum.value() / sum(len(part.train) for part in parts),
            valid=value,
            learning_rate=self.recipe.rate(self._step - 1, self._num_steps),
            num_tokens=sum(part.train.num_tokens for part in parts),
            seconds=seconds,
        )
        best = None if self._best_epoch < 0 else self._epochs[self._best_epoch].valid
        is_better = (_rank(value), -loss) > (_rank(best), -self._best_loss)
        if epoch >= self._job.first_whole_epoch and is_better:
            self._best_epoch, self._best_loss, self._best_leaves = epoch, loss, self._flat.snapshot()
        self._epochs.append(record)
        self._loss_sum.set(0.0)
        observer.epoch_finished(record)
        return True

    def _validate(self) -> tuple[float | None, float]:
        """Metric and loss on the validation splits, averaged over the tasks; the metric may be undefined."""
        tensors = self._stored()
        values: list[float | None] = []
        losses: list[float] = []
        for part, laid_out, unit in zip(self._job.data, self._valid, self._job.loss_units, strict=True):
            objective = part.scoring.objective
            encoder = assemble(self._job.backbone, part.served(tensors))
            outputs = predict_set(encoder, laid_out, objective=objective)
            losses.append(float(objective.loss(outputs, part.valid.labels)) / unit)
            predictions = objective.predictions(outputs, part.valid)
            values.append(objective.measure(part.scoring.metric, predictions, part.valid))
        known = [value for value in values if value is not None]
        mean = sum(known) / len(known) if len(known) == len(values) else None
        return mean, sum(losses) / len(losses)

    def _finished(self) -> bool:
        """Whether all epochs are done, or patience is at its end."""
        patience = self.recipe.patience
        since = max(self._best_epoch, self._job.first_whole_epoch)
        out_of_patience = patience is not None and len(self._epochs) - 1 - since >= patience
        return out_of_patience or len(self._epochs) >= self._job.num_epochs

    def _tell(self, observer: Observer, epoch: int, resumed_at: int, seconds: float) -> bool:
        """Tell of the progress since an epoch was begun or resumed at a step; False: none is known."""
        first, end = self._job.first_steps[epoch : epoch + 2]
        seen = self._loss_sum.glimpse(self._step)
        if seen is None:
            return False
        steps_per_second = (seen.step - resumed_at) / max(seconds, 1e-9)
        num_tokens = sum(part.train.num_tokens for _, part, _ in self._job.taking_part(epoch))
        observer.progressed(
            StepProgress(
                attempt=self._attempt,
                epoch=epoch,
                num_epochs=self._job.num_epochs,
                step=seen.step,
                num_steps=self._num_steps,
                learning_rate=self.recipe.rate(seen.step - 1, self._num_steps),
                train_loss=seen.value / ((seen.step - first) * self.recipe.batch_size),
                tokens_per_second=steps_per_second * num_tokens / (end - first),
            )
        )
        return True

    def _state(self) -> TrainingState:
        moments: list[Tensor] = []
        for leaf in self._flat.leaves:
            entry = self._steps.optimiser.state[leaf]
            moments += [entry["exp_avg"], entry["exp_avg_sq"]]
        return TrainingState(
            attempt=self._attempt,
            step=self._step,
            loss_sum=self._loss_sum.value(),
            epochs=tuple(self._epochs),
            best_epoch=self._best_epoch,
            best_loss=self._best_loss,
            leaves=self._flat.snapshot(),
            best_leaves=self._best_leaves,
            moments=moments,
        )

    def _resume(self, state: TrainingState) -> None:
        device = self._job.backbone.device
        self._flat.restore([leaf.to(device) for leaf in state.leaves])
        self._step = state.step
        self._loss_sum.set(state.loss_sum)
        self._epochs = [replace(epoch, position=self._job.position) for epoch in state.epochs]
        self._best_epoch, self._best_loss = state.best_epoch, state.best_loss
        self._best_leaves = [leaf.to(device) for leaf in state.best_leaves]
        for i, leaf in enumerate(self._flat.leaves):
            first, second = state.moments[2 * i : 2 * i + 2]
            self._steps.optimiser.state[leaf] = {
                "step": torch.tensor(float(state.step), device=device),
                "exp_avg": first.to(device),
                "exp_avg_sq": second.to(device),
            }


def _rank(value: float | None) -> float:
    """An undefined metric is worse than any other; among undefined ones the loss decides."""
    return -math.inf if value is None else value
