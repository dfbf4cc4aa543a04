"""Training of one arrival: only the method's tensors learn, and every step can be repeated exactly.

AdamW with linear warm-up and decay over batches of similar length; the epoch that is best on validation is
kept. The training can stop at any step and go on from a checkpoint with the same bytes.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from db.records import EpochRecord
from stream.errors import TrainingError
from stream.learning.batching import Indices, epoch_batches
from stream.learning.checkpoints import Checkpoints, TrainingState
from stream.learning.encoding import TokenSet
from stream.learning.evaluation import make_plan, mean_loss, predict
from stream.learning.flat import FlatParameters
from stream.learning.recipe import Recipe
from stream.metrics import METRICS
from stream.model.backbone import Backbone
from stream.model.dropout import MaskPool, StepDropout
from stream.model.encoder import assemble, logits
from stream.model.methods import Site
from stream.model.parameters import TaskParameters

CHECKPOINT_SECONDS = 30.0
"""Least time between two checkpoints; what a kill can cost."""
RESTART_RATE = 0.1
"""Factor on the learning rate after a loss that was not finite."""
PROGRESS_SECONDS = 0.25
"""Least time between two reports of progress; each reads the loss back from the device."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepProgress:
    """Where a training stands."""

    attempt: int
    epoch: int
    num_epochs: int
    step: int
    num_steps: int
    learning_rate: float
    train_loss: float
    tokens_per_second: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Observer:
    """Who is told of a training; nothing it does changes the result."""

    progressed: Callable[[StepProgress], None]
    epoch_finished: Callable[[EpochRecord], None]
    restarted: Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Trained:
    """What a training gave."""

    values: TaskParameters
    """All trained tensors at the best epoch, on the compute device."""
    best_epoch: int
    valid: float
    num_trained: int
    restarted: bool


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TrainingJob:
    """What is to be trained, on what, and how."""

    backbone: Backbone
    sites: Sequence[Site]
    start: dict[str, Tensor]
    train: TokenSet
    valid: TokenSet
    recipe: Recipe
    num_epochs: int
    seed: int
    recipe_sha256: str
    position: int
    metric: str = "accuracy"
    """Validation metric, a name in `METRICS`."""


def train(job: TrainingJob, checkpoints: Checkpoints, observer: Observer) -> Trained:
    """Train, restarting once at a lower rate where the loss is not finite.

    Raises:
        TrainingError: the loss was not finite at the lower rate either.
    """
    saved = checkpoints.load()
    state = None if saved is None else TrainingState.from_bytes(saved, job.recipe_sha256)
    for attempt in range(0 if state is None else state.attempt, 2):
        training = _Training(job, attempt, state if state is not None and state.attempt == attempt else None)
        if training.run(checkpoints, observer):
            return training.result()
        rate = training.recipe.learning_rate
        if attempt == 0:
            observer.restarted(
                f"the loss was not finite at learning rate {rate:g}; "
                f"the arrival starts again at {rate * RESTART_RATE:g}"
            )
    raise TrainingError(
        f"The loss was not finite at learning rate {job.recipe.learning_rate:g} nor at "
        f"{job.recipe.learning_rate * RESTART_RATE:g}; choose a lower --learning-rate."
    )


class _Training:
    """One attempt: the mutable state between two steps."""

    def __init__(self, job: TrainingJob, attempt: int, state: TrainingState | None) -> None:
        self._job = job
        self._attempt = attempt
        factor = RESTART_RATE if attempt else 1.0
        self.recipe = replace(job.recipe, learning_rate=job.recipe.learning_rate * factor)
        device = job.backbone.device
        self._flat = FlatParameters(job.sites, job.start, device)
        self._optimiser = torch.optim.AdamW(
            [
                {"params": [self._flat.leaves[0]], "weight_decay": self.recipe.weight_decay},
                {"params": [self._flat.leaves[1]], "weight_decay": 0.0},
            ],
            lr=0.0,
            eps=1e-6,  # the paper's code, optimization.py
            fused=True,
        )
        architecture = job.backbone.architecture
        self._pools = {
            probability: MaskPool(job.seed, probability, device=device, dtype=job.backbone.dtype)
            for probability in {architecture.hidden_dropout, architecture.attention_dropout} - {0.0}
        }
        self._lengths = job.train.lengths.numpy()
        self._train = job.train.to(device)
        self._plan = make_plan(job.valid, job.backbone)
        self._steps_per_epoch = -(-len(job.train) // self.recipe.batch_size)
        self._num_steps = self._steps_per_epoch * job.num_epochs
        self._step = 0
        self._loss_sum = torch.zeros((), dtype=torch.float64, device=device)
        self._epochs: list[EpochRecord] = []
        self._best_epoch, self._best_loss = -1, math.inf
        self._best_leaves = self._flat.snapshot()
        if state is not None:
            self._resume(state)

    def run(self, checkpoints: Checkpoints, observer: Observer) -> bool:
        """Train to the end; False where the loss was not finite."""
        saved_at = told_at = time.monotonic()
        while len(self._epochs) < self._job.num_epochs and not self._out_of_patience():
            epoch, first_step, started = len(self._epochs), self._step, time.monotonic()
            for batch in self._remaining_batches(epoch):
                self._take_step(batch)
                now = time.monotonic()
                if now - saved_at >= CHECKPOINT_SECONDS:
                    checkpoints.save(self._step, self._state().to_bytes(self._job.recipe_sha256))
                    saved_at = now
                if now - told_at >= PROGRESS_SECONDS:
                    self._tell(observer, epoch, (self._step - first_step) / max(now - started, 1e-9))
                    told_at = now
            finite = math.isfinite(float(self._loss_sum))
            if not (finite and self._finish_epoch(epoch, time.monotonic() - started, observer)):
                return False
        return True

    def result(self) -> Trained:
        """The best epoch's values."""
        return Trained(
            values=self._flat.values(self._best_leaves),
            best_epoch=self._best_epoch,
            valid=self._epochs[self._best_epoch].valid,
            num_trained=sum(leaf.numel() for leaf in self._flat.leaves),
            restarted=self._attempt > 0,
        )

    def _remaining_batches(self, epoch: int) -> list[Indices]:
        batches = epoch_batches(
            self._lengths, batch_size=self.recipe.batch_size, seed=self._job.seed, epoch=epoch
        )
        return batches[self._step - epoch * self._steps_per_epoch :]

    def _take_step(self, examples: Indices) -> None:
        rate = self.recipe.rate(self._step, self._num_steps)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        length = int(self._lengths[examples].max())
        chosen = torch.from_numpy(examples).to(self._train.ids.device)
        batch = self._train.batch(chosen, length)
        dropout = StepDropout(self._pools, self._step)
        encoder = assemble(self._job.backbone, self._flat.tensors(self._job.backbone.dtype))
        loss = F.cross_entropy(logits(encoder, batch, dropout), self._train.labels[chosen])
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._flat.leaves, self.recipe.clip_norm)
        self._optimiser.step()
        self._loss_sum += loss.detach() * len(examples)
        self._step += 1

    def _finish_epoch(self, epoch: int, seconds: float, observer: Observer) -> bool:
        """Validate and record; False where the validation loss is not finite: the last step may spoil it."""
        valid = self._job.valid
        outputs = predict(self._job.backbone, self._flat.values(), valid, self._plan)
        loss = mean_loss(outputs, valid)
        if not math.isfinite(loss):
            return False
        value = METRICS[self._job.metric](outputs.argmax(1).numpy(), valid.labels.numpy())
        record = EpochRecord(
            position=self._job.position,
            attempt=self._attempt,
            epoch=epoch,
            train_loss=float(self._loss_sum) / len(self._job.train),
            valid=value,
            learning_rate=self.recipe.rate(self._step - 1, self._num_steps),
            num_tokens=self._job.train.num_tokens,
            seconds=seconds,
        )
        best = -math.inf if self._best_epoch < 0 else self._epochs[self._best_epoch].valid
        if (value, -loss) > (best, -self._best_loss):
            self._best_epoch, self._best_loss, self._best_leaves = epoch, loss, self._flat.snapshot()
        self._epochs.append(record)
        self._loss_sum.zero_()
        observer.epoch_finished(record)
        return True

    def _out_of_patience(self) -> bool:
        patience = self.recipe.patience
        return patience is not None and len(self._epochs) - 1 - self._best_epoch >= patience

    def _tell(self, observer: Observer, epoch: int, steps_per_second: float) -> None:
        done = self._step - epoch * self._steps_per_epoch
        observer.progressed(
            StepProgress(
                attempt=self._attempt,
                epoch=epoch,
                num_epochs=self._job.num_epochs,
                step=self._step,
                num_steps=self._num_steps,
                learning_rate=self.recipe.rate(self._step - 1, self._num_steps),
                train_loss=float(self._loss_sum) / (done * self.recipe.batch_size),
                tokens_per_second=steps_per_second * self._job.train.num_tokens / self._steps_per_epoch,
            )
        )

    def _state(self) -> TrainingState:
        moments: list[Tensor] = []
        for leaf in self._flat.leaves:
            entry = self._optimiser.state[leaf]
            moments += [entry["exp_avg"], entry["exp_avg_sq"]]
        return TrainingState(
            attempt=self._attempt,
            step=self._step,
            loss_sum=float(self._loss_sum),
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
        self._loss_sum.fill_(state.loss_sum)
        self._epochs = list(state.epochs)
        self._best_epoch, self._best_loss = state.best_epoch, state.best_loss
        self._best_leaves = [leaf.to(device) for leaf in state.best_leaves]
        for i, leaf in enumerate(self._flat.leaves):
            first, second = state.moments[2 * i : 2 * i + 2]
            self._optimiser.state[leaf] = {
                "step": torch.tensor(float(state.step), device=device),
                "exp_avg": first.to(device),
                "exp_avg_sq": second.to(device),
            }
