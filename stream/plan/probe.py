"""Seconds of the method's own training and evaluation on synthetic tokens, and what they extrapolate to.

The steps are those of a run (`learning.training`, `learning.evaluation`); only the tokens are made up, at the
stream's mean lengths. What follows is an estimate: it leaves out reading, tokenising, storing and reading
back, and a machine that does other work is slower. On a GPU only replayed steps are timed, not the first ones
of each length.
"""

import os
import time
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import torch

from stream.learning.checkpoints import NoCheckpoints
from stream.learning.encoding import TokenSet
from stream.learning.evaluation import evaluation_rows, make_plan, predict
from stream.learning.job import TaskData, TrainingJob
from stream.learning.observer import Observer, StepProgress
from stream.learning.recipe import Recipe
from stream.learning.training import train
from stream.model.backbone.architecture import Architecture, count_parameters, tensor_shapes
from stream.model.backbone.backbone import Backbone
from stream.model.backbone.parameters import NO_PARAMETERS, TaskParameters
from stream.model.backbone.precision import device_model
from stream.model.methods.method import Method, fresh_parameters, sum_sites
from stream.plan import PROBE_SECONDS
from stream.plan.work import PlannedArrival, StreamPlan

TRAINING_SHARE = 0.6
"""Of the probe's time."""
_STEPS = 4096
"""More training steps than any machine makes in the time."""
_RATE = 1e-4
"""A learning rate at which nothing diverges in so few steps."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeLengths:
    """Mean lengths in tokens that the probe takes for the whole stream, each at least 1."""

    training: int
    evaluation: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What the probe saw."""

    training_tokens_per_second: float
    evaluation_tokens_per_second: float
    num_steps: int
    """Training steps that were timed."""
    num_texts: int
    """Texts whose evaluation was timed."""
    lengths: ProbeLengths
    seconds: float
    """Of the whole probe, its preparation included."""
    device: str
    dtype: str
    num_threads: int
    num_processors: int
    load: float | None
    """Processes that wanted to run during the last minute (`os.getloadavg`); None where nobody counts."""
    is_pretrained: bool
    """False where the weights are random ones of the same shape."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedTime:
    """Seconds by what was measured; None where the plan knows no tokens."""

    training_seconds: float | None
    evaluation_seconds: float | None

    @property
    def seconds(self) -> float | None:
        """Both together."""
        if self.training_seconds is None or self.evaluation_seconds is None:
            return None
        return self.training_seconds + self.evaluation_seconds


def expected_time(num_tokens: int | None, evaluated_tokens: float | None, measured: Measured) -> ExpectedTime:
    """The time for so many training and evaluation tokens."""
    training, evaluation = measured.training_tokens_per_second, measured.evaluation_tokens_per_second
    return ExpectedTime(
        training_seconds=None if num_tokens is None else num_tokens / training,
        evaluation_seconds=None if evaluated_tokens is None else evaluated_tokens / evaluation,
    )


def probe_lengths(plan: StreamPlan) -> ProbeLengths | None:
    """Mean tokens of the texts that are trained on, and of those evaluated; None where they are unknown.

    Time grows about linearly with a text's length, so the mean over texts stands for all of them.
    """
    if not plan.num_trained_examples or plan.num_tokens is None:
        return None
    if not plan.num_evaluated or plan.evaluated_tokens is None:
        return None
    return ProbeLengths(
        training=max(round(plan.num_tokens / plan.num_trained_examples), 1),
        evaluation=max(round(plan.evaluated_tokens / plan.num_evaluated), 1),
    )


def probe(
    backbone: Backbone,
    method: Method,
    recipe: Recipe,
    lengths: ProbeLengths,
    *,
    num_labels: int,
    is_pretrained: bool,
    seconds: float = PROBE_SECONDS,
) -> Measured:
    """Train and evaluate for about that many seconds."""
    started = time.monotonic()
    job = _job(backbone, method, recipe, lengths.training, num_labels)
    stopwatch = _Stopwatch(TRAINING_SHARE * seconds)
    num_steps, training_seconds = stopwatch.time(job)
    tensors = TaskParameters(method.materialise(job.start)).to(backbone.device)
    num_texts, evaluation_seconds = _evaluate(
        backbone, tensors, lengths.evaluation, (1 - TRAINING_SHARE) * seconds
    )
    step_tokens = recipe.batch_size * lengths.training
    return Measured(
        training_tokens_per_second=num_steps * step_tokens / training_seconds,
        evaluation_tokens_per_second=num_texts * lengths.evaluation / evaluation_seconds,
        num_steps=num_steps,
        num_texts=num_texts,
        lengths=lengths,
        seconds=time.monotonic() - started,
        device=device_model(backbone.device),
        dtype=str(backbone.dtype).removeprefix("torch."),
        num_threads=torch.get_num_threads(),
        num_processors=os.cpu_count() or 1,
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        is_pretrained=is_pretrained,
    )


def needed_bytes(
    architecture: Architecture, method: Method, recipe: Recipe, length: int, *, item_bytes: int
) -> int:
    """About the memory that the probe needs, for weights of `item_bytes` in the compute format.

    Activations by Korthikanti et al. 2022 (arXiv 2205.05198, equation 1), which counts two bytes a value.
    """
    backbone = count_parameters(tensor_shapes(architecture))
    trained = sum_sites(method.trained_sites(architecture, 2)).total
    rows, d = recipe.batch_size, architecture.hidden_size
    per_layer = rows * length * (34 * d + 5 * architecture.num_heads * length)
    activations = architecture.num_layers * per_layer * item_bytes // 2
    # float32 backbone, its copy with fused projections; start, leaves, best leaves, gradient, two moments
    return backbone * (4 + 2 * item_bytes) + trained * (6 * 4 + item_bytes) + activations


def synthetic_tokens(
    num_examples: int, length: int, *, vocab_size: int, num_labels: int, seed: int = 0
) -> TokenSet:
    """Random tokens in texts of one length."""
    generator = np.random.default_rng(seed)
    ids = generator.integers(0, vocab_size, num_examples * length, dtype=np.int32)
    return TokenSet(
        ids=torch.from_numpy(ids),
        offsets=torch.arange(num_examples + 1, dtype=torch.int64) * length,
        second=torch.full((num_examples,), length, dtype=torch.int32),
        labels=torch.arange(num_examples, dtype=torch.int64) % num_labels,
    )


class _Enough(Exception):  # noqa: N818 - the way out of a training, no error
    """The training was watched for long enough."""


class _Stopwatch:
    """Times the steps of a training from the first one that was reported on."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._seen: list[tuple[float, int]] = []

    def time(self, job: TrainingJob) -> tuple[int, float]:
        """(steps, seconds) of part of the training."""
        started = time.monotonic()
        observer = Observer(progressed=self._progressed, epoch_finished=_ignored, restarted=_ignored)
        with suppress(_Enough):
            train(job, NoCheckpoints(), observer)
        if len(self._seen) < 2:  # it came to its end before
            return job.first_steps[-1], time.monotonic() - started
        (first, first_step), (last, last_step) = self._seen[0], self._seen[-1]
        return last_step - first_step, last - first

    def _progressed(self, progress: StepProgress) -> None:
        now = time.monotonic()
        self._seen.append((now, progress.step))
        if len(self._seen) > 1 and now - self._seen[0][0] >= self._seconds:
            raise _Enough


def _ignored(_: object) -> None:
    """What happens beside the steps is not timed."""


def _job(backbone: Backbone, method: Method, recipe: Recipe, length: int, num_labels: int) -> TrainingJob:
    """A training of the method that is never finished."""
    sites = method.trained_sites(backbone.architecture, num_labels)
    vocab_size = backbone.architecture.vocab_size

    def tokens(num_examples: int) -> TokenSet:
        return synthetic_tokens(num_examples, length, vocab_size=vocab_size, num_labels=num_labels)

    return TrainingJob(
        backbone=backbone,
        sites=sites,
        start=fresh_parameters(sites, backbone, NO_PARAMETERS, seed=0),
        data=[TaskData(train=tokens(_STEPS * recipe.batch_size), valid=tokens(2), num_epochs=1)],
        recipe=replace(recipe, learning_rate=_RATE),
        seed=0,
        recipe_sha256="",
        position=0,
        materialise=method.materialise,
    )


def _evaluate(backbone: Backbone, tensors: TaskParameters, length: int, seconds: float) -> tuple[int, float]:
    """(texts, seconds) of evaluating one batch again and again, the first time apart."""
    vocab_size = backbone.architecture.vocab_size
    rows = evaluation_rows(backbone.device)
    tokens = synthetic_tokens(rows, length, vocab_size=vocab_size, num_labels=2)
    plan = make_plan(tokens, backbone)
    predict(backbone, tensors, tokens, plan)
    num_batches, started = 0, time.monotonic()
    while num_batches == 0 or time.monotonic() - started < seconds:
        predict(backbone, tensors, tokens, plan)
        num_batches += 1
    return num_batches * rows, time.monotonic() - started


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanReport:
    """One method's plan."""

    label: str
    """The method as the command line names it."""
    plan: StreamPlan
    measured: Measured | None = None
    """None without a probe."""
    remarks: tuple[str, ...] = ()
    """Sentences about what was counted or measured instead of what was asked for."""

    @property
    def time(self) -> ExpectedTime | None:
        """Of the whole stream; None without a probe."""
        if self.measured is None:
            return None
        return expected_time(self.plan.num_tokens, self.plan.evaluated_tokens, self.measured)

    def arrival_time(self, arrival: PlannedArrival) -> ExpectedTime | None:
        """Of one arrival; None without a probe."""
        if self.measured is None:
            return None
        return expected_time(arrival.num_tokens, arrival.evaluated_tokens, self.measured)
