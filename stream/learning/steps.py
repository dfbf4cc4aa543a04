"""The optimiser steps of one training; on a GPU those of a shape that returns are captured and replayed.

A step on a GPU is some hundred kernels of a few microseconds, and starting them one by one takes several
times as long as running them. A CUDA graph starts them all at once. What a step reads lies at one address:
the parameters, the rate, the examples' indices, the generator's seed. A replay runs the same kernels, so the
bytes are the same whether a step is replayed or not.
"""

from collections import Counter
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from stream.learning.flat import FlatParameters
from stream.learning.job import TrainingJob
from stream.learning.recipe import Recipe
from stream.model.encoder.dropout import Dropout, GeneratorDropout, MaskPool, StepDropout, seed_generator
from stream.model.encoder.encoder import assemble


class Glimpse(NamedTuple):
    """The sum as it was after a step."""

    step: int
    value: float


class LossSum:
    """Losses of batches, weighted by examples.

    Arguments:
        device: where the losses are.
    """

    def __init__(self, device: torch.device) -> None:
        self._sum = torch.zeros((), dtype=torch.float64, device=device)
        self._copy = torch.zeros((), dtype=torch.float64, pin_memory=device.type == "cuda")
        self._asked: tuple[int, torch.cuda.Event] | None = None

    def add(self, loss: Float[Tensor, ""], num_examples: int) -> None:
        """Add a batch's mean loss."""
        self._sum += loss * num_examples

    def set(self, value: float) -> None:
        """Begin again from a value."""
        self._sum.fill_(value)
        self._asked = None

    def value(self) -> float:
        """The sum now; on a GPU this waits for all that is under way."""
        return float(self._sum)

    def glimpse(self, step: int) -> Glimpse | None:
        """The sum after `step`, the last one that was taken.

        A GPU may not have come so far. There one call asks for the sum and has None, and so have the
        next ones, until the device has come there; then one has it.
        """
        if self._sum.device.type == "cpu":
            return Glimpse(step, self.value())
        if self._asked is None:
            self._copy.copy_(self._sum, non_blocking=True)
            arrival = torch.cuda.Event()
            arrival.record()
            self._asked = step, arrival
            return None
        step, arrival = self._asked
        if not arrival.query():
            return None
        self._asked = None
        return Glimpse(step, float(self._copy))


CAPTURE_AT = 3
"""Which step of a shape is captured, 2 or later: the first makes what all steps share."""
MOST_CAPTURED = 64
"""Shapes of a training that are captured; each graph holds memory of the device."""
LENGTH_STEP = 16
"""Batches to be captured are padded to multiples of this many tokens, so that few shapes are."""


class TrainingBatch(NamedTuple):
    """The examples of one batch."""

    part: int
    """Task that they are of."""
    indices: Int[Tensor, " batch"]
    """On the device."""
    length: int
    """Tokens that each is padded to."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """What the kernels of a step depend on."""
        return self.part, len(self.indices), self.length


def padded_length(longest: int, device: torch.device, most: int) -> int:
    """Tokens, `most` at most, that a batch is padded to: on a CPU those of its longest text."""
    return min(-(-longest // LENGTH_STEP) * LENGTH_STEP, most) if device.type == "cuda" else longest


class _Steps:
    """What the steps of a training have in common.

    Arguments:
        job: what is trained, and on what.
        flat: its parameters.
        recipe: of the attempt.
        loss_sum: where losses are added up.
    """

    def __init__(self, job: TrainingJob, flat: FlatParameters, recipe: Recipe, loss_sum: LossSum) -> None:
        self._job, self._flat, self._recipe, self._loss_sum = job, flat, recipe, loss_sum
        self._train = [part.train.to(job.backbone.device) for part in job.data]
        self.optimiser = flat.optimiser(recipe.weight_decay)

    def _run(self, batch: TrainingBatch, dropout: Dropout) -> None:
        job, part = self._job, batch.part
        train, data = self._train[part], job.data[part]
        tokens = train.batch(batch.indices, batch.length)
        encoder = assemble(job.backbone, data.served(job.materialise(self._flat.tensors())))
        objective = data.scoring.objective
        loss = objective.loss(objective.outputs(encoder, tokens, dropout), train.labels[batch.indices])
        loss = loss / job.loss_units[part]
        loss.backward()
        self._flat.collect_gradients()
        torch.nn.utils.clip_grad_norm_(self._flat.leaves, self._recipe.clip_norm)
        self.optimiser.step()
        self._loss_sum.add(loss.detach(), len(batch.indices))


class PlainSteps(_Steps):
    """Kernel by kernel, on a CPU."""

    def __init__(self, job: TrainingJob, flat: FlatParameters, recipe: Recipe, loss_sum: LossSum) -> None:
        super().__init__(job, flat, recipe, loss_sum)
        backbone = job.backbone
        probabilities = {backbone.architecture.hidden_dropout, backbone.architecture.attention_dropout}
        self._pools = {
            probability: MaskPool(job.seed, probability, device=backbone.device, dtype=backbone.dtype)
            for probability in probabilities - {0.0}
        }

    def take(self, batch: TrainingBatch, step: int, rate: float) -> None:
        """One step of the optimiser."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self._run(batch, StepDropout(self._pools, step))


class _Captured(NamedTuple):
    graph: torch.cuda.CUDAGraph
    indices: Tensor
    """Where it reads which examples to take."""


class ReplayedSteps(_Steps):
    """On a GPU: each shape's first steps kernel by kernel, the others as replays."""

    def __init__(self, job: TrainingJob, flat: FlatParameters, recipe: Recipe, loss_sum: LossSum) -> None:
        super().__init__(job, flat, recipe, loss_sum)
        self._num_taken: Counter[tuple[int, int, int]] = Counter()
        self._captured: dict[tuple[int, int, int], _Captured] = {}
        self._memory = torch.cuda.graph_pool_handle()

    def take(self, batch: TrainingBatch, step: int, rate: float) -> None:
        """One step of the optimiser; the host does not wait for it."""
        for group in self.optimiser.param_groups:
            group["lr"].fill_(rate)
        self._num_taken[batch.shape] += 1
        if self._num_taken[batch.shape] == CAPTURE_AT and len(self._captured) < MOST_CAPTURED:
            self._captured[batch.shape] = self._capture(batch)
        seed_generator(self._job.backbone.device, self._job.seed, step)
        captured = self._captured.get(batch.shape)
        if captured is None:
            self._run(batch, GeneratorDropout())
        else:
            captured.indices.copy_(batch.indices)
            captured.graph.replay()

    def _capture(self, batch: TrainingBatch) -> _Captured:
        """Record a step without taking it."""
        graph, indices = torch.cuda.CUDAGraph(), batch.indices.clone()
        with torch.cuda.graph(graph, pool=self._memory):
            self._run(batch._replace(indices=indices), GeneratorDropout())
        return _Captured(graph, indices)


Steps = PlainSteps | ReplayedSteps


def open_steps(job: TrainingJob, flat: FlatParameters, recipe: Recipe, loss_sum: LossSum) -> Steps:
    """The steps of a training in the way of the job's device."""
    kind = ReplayedSteps if job.backbone.device.type == "cuda" else PlainSteps
    return kind(job, flat, recipe, loss_sum)
