"""Tiny trainings: what is trained, who watches, and where checkpoints go."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from db.records import EpochRecord
from stream.learning.encoding import TokenSet, encode_split
from stream.learning.job import TaskData, TrainingJob
from stream.learning.observer import Observer, StepProgress
from stream.learning.recipe import Recipe
from stream.model.backbone.backbone import Backbone
from stream.model.backbone.parameters import NO_PARAMETERS, TaskParameters
from stream.model.methods.bottleneck import houlsby
from stream.model.methods.method import Method, fresh_parameters
from tasks.task import Split, Task
from tests.stream.tiny import tiny_backbone, tiny_task

RECIPE = Recipe(learning_rate=1e-2, batch_size=8, max_length=16)


def tokens_of(backbone: Backbone, split: Split) -> TokenSet:
    return encode_split(backbone.tokenizer, split, max_length=16).tokens


def tiny_job(
    *,
    num_epochs: int = 2,
    backbone: Backbone | None = None,
    method: Method | None = None,
    task: Task | None = None,
    recipe: Recipe = RECIPE,
    shared: TaskParameters = NO_PARAMETERS,
    seed: int = 0,
) -> TrainingJob:
    """24 examples in three steps an epoch."""
    backbone, task, method = backbone or tiny_backbone(), task or tiny_task(), method or houlsby(4)
    sites = method.trained_sites(backbone.architecture, len(task.labels))
    return TrainingJob(
        backbone=backbone,
        sites=sites,
        start=fresh_parameters(sites, backbone, shared, seed),
        data=[
            TaskData(
                train=tokens_of(backbone, task.train),
                valid=tokens_of(backbone, task.valid),
                num_epochs=num_epochs,
            )
        ],
        recipe=recipe,
        seed=seed,
        recipe_sha256="recipe",
        position=0,
        materialise=method.materialise,
    )


@dataclass
class Watcher:
    """Keeps what an observer is told."""

    progress: list[StepProgress] = field(default_factory=list)
    epochs: list[EpochRecord] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    on_epoch: Callable[[EpochRecord], None] | None = None
    """Called after an epoch is kept; it may raise, as a kill would."""

    @property
    def observer(self) -> Observer:
        """What a training is handed."""
        return Observer(
            progressed=self.progress.append, epoch_finished=self._epoch, restarted=self.notices.append
        )

    def _epoch(self, record: EpochRecord) -> None:
        self.epochs.append(record)
        if self.on_epoch is not None:
            self.on_epoch(record)

    @property
    def timeless(self) -> list[EpochRecord]:
        """The epochs without their clock times."""
        return [replace(epoch, seconds=0.0) for epoch in self.epochs]


class Stopped(Exception):  # noqa: N818 - a stand-in for a kill, not an error
    """The training was ended from outside."""


@dataclass
class KeptCheckpoints:
    """The newest checkpoint in memory; the training is stopped after `stop_after` of them were kept."""

    content: bytes | None = None
    num_saved: int = 0
    stop_after: int | None = None

    def load(self) -> bytes | None:
        """The newest checkpoint."""
        return self.content

    def save(self, step: int, content: bytes) -> None:
        """Keep it, and stop the training where that is due."""
        self.content = content
        self.num_saved += 1
        if self.num_saved == self.stop_after:
            raise Stopped
