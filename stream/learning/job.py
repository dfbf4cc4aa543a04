"""What one training is given: tensors, data and settings, and which data each of its epochs passes over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import fsum

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stream.learning.encoding import TokenSet
from stream.learning.objectives.objective import BY_ACCURACY, Scoring
from stream.learning.recipe import Recipe
from stream.model.backbone.backbone import Backbone
from stream.model.methods.method import Materialise, Site, as_trained


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TaskData:
    """One task's examples in a job."""

    train: TokenSet
    valid: TokenSet
    num_epochs: int
    scoring: Scoring = BY_ACCURACY
    """How the task is asked and judged; its main metric validates."""
    head: str = "head"
    """Name of the site of this task's head in the job."""

    def served(self, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The job's tensors as this task is served with them: its own head goes by the name of `head`."""
        if self.head == "head":
            return tensors
        own = {f"head.{leaf}": tensors[f"{self.head}.{leaf}"] for leaf in ("weight", "bias")}
        return {**tensors, **own}

    @property
    def mean_score(self) -> float | None:
        """Mean of the training scores of a regression; None of every other task. Exact sums, so portable."""
        scores = self.train.labels
        return fsum(scores.tolist()) / len(scores) if scores.is_floating_point() else None

    @property
    def loss_unit(self) -> float:
        """What the loss is divided by: of a regression the variance of the training scores, otherwise 1.

        So a loss of 1 is that of answering the mean, whatever the scale of the scores.
        """
        mean = self.mean_score
        if mean is None:
            return 1.0
        scores = self.train.labels.tolist()
        return fsum((score - mean) ** 2 for score in scores) / len(scores) or 1.0


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """What is to be trained, on what, and how."""

    backbone: Backbone
    sites: Sequence[Site]
    start: dict[str, Tensor]
    data: Sequence[TaskData]
    recipe: Recipe
    seed: int
    recipe_sha256: str
    position: int
    materialise: Materialise = as_trained

    @cached_property
    def first_values(self) -> dict[str, Tensor]:
        """`start`, where the head of a regression answers the mean of its training scores at first."""
        means = {f"{part.head}.bias": part.mean_score for part in self.data}
        return self.start | {
            name: torch.full_like(self.start[name], mean) for name, mean in means.items() if mean is not None
        }

    @cached_property
    def loss_units(self) -> tuple[float, ...]:
        """What each task's loss is divided by."""
        return tuple(part.loss_unit for part in self.data)

    @cached_property
    def num_epochs(self) -> int:
        """Epochs of the job: those of the task that has most."""
        return max(part.num_epochs for part in self.data)

    def taking_part(self, epoch: int) -> list[tuple[int, TaskData, int]]:
        """(index, data, its own epoch) of the tasks that an epoch of the job passes over.

        A task with fewer epochs than the job takes part in evenly spread ones: as many pass before its first
        as after its last, so that none is left to the end, where the rate is nearly zero.
        """
        parts: list[tuple[int, TaskData, int]] = []
        middle = self.num_epochs // 2
        for i, part in enumerate(self.data):
            before, after = ((e * part.num_epochs + middle) // self.num_epochs for e in (epoch, epoch + 1))
            if after > before:
                parts.append((i, part, before))
        return parts

    @cached_property
    def first_whole_epoch(self) -> int:
        """Epoch by whose end every task has taken part; before it some head has not been trained."""
        epochs = [{i for i, _, _ in self.taking_part(epoch)} for epoch in range(self.num_epochs)]
        return max(next(e for e, tasks in enumerate(epochs) if i in tasks) for i in range(len(self.data)))

    @cached_property
    def first_steps(self) -> tuple[int, ...]:
        """Optimiser step at which each epoch starts, and after the last one the number of all steps."""
        starts = [0]
        for epoch in range(self.num_epochs):
            sizes = (len(part.train) for _, part, _ in self.taking_part(epoch))
            starts.append(starts[-1] + sum(-(-size // self.recipe.batch_size) for size in sizes))
        return tuple(starts)


Indices = npt.NDArray[np.int64]


def epoch_batches(lengths: npt.NDArray[np.int64], *, batch_size: int, seed: int, epoch: int) -> list[Indices]:
    """Example indices of each batch of an epoch.

    Examples are shuffled, ordered by length (ties stay shuffled) and cut; the batches are then shuffled, so
    that padding is little and no epoch goes from short to long.

    Args:
        lengths: tokens of each example, [examples].
        batch_size: examples of a batch; the last one cut may have fewer.
        seed: the task's seed.
        epoch: 0-based.
    """
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(lengths))
    order = order[np.argsort(lengths[order], kind="stable")]
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    return [batches[i] for i in generator.permutation(len(batches))]


def interleaved(
    batches: Sequence[list[tuple[int, Indices]]], *, seed: int, epoch: int
) -> list[tuple[int, Indices]]:
    """Batches of several tasks in one order that the seed decides; those of one task stay as they are."""
    joined = [batch for part in batches for batch in part]
    if len(batches) < 2:
        return joined
    return [joined[i] for i in np.random.default_rng([seed, epoch, len(batches)]).permutation(len(joined))]
