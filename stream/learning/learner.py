"""The learner: a backbone, a method and a recipe. It turns an arrival into parameters and evaluates them.

It knows neither the ledger nor the loop: text and tensors go in, tensors and evaluations come out.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from db.records import Owner
from stream.learning.checkpoints import Checkpoints
from stream.learning.encoding import EncodedSplit, encode_split
from stream.learning.evaluation import EvaluationPlan, evaluate, make_plan
from stream.learning.job import TaskData, TrainingJob
from stream.learning.recipe import Recipe, recipe_sha256
from stream.learning.training import Observer, train
from stream.metrics import Evaluation
from stream.model.backbone import Backbone
from stream.model.methods import Method, Site, fresh_parameters
from stream.model.parameters import NO_PARAMETERS, TaskParameters, fingerprint
from stream.scheduler import Arrival
from tasks.task import Task


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PreparedTask:
    """A task as tokens."""

    task: Task
    train: EncodedSplit
    valid: EncodedSplit
    test: EncodedSplit

    @property
    def truncated_fraction(self) -> float:
        """Share of the training texts that were cut at the maximal length."""
        return self.train.num_truncated / len(self.train.tokens)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Learned:
    """What learning one arrival gave."""

    own: TaskParameters
    shared: TaskParameters
    """A new version of the stream's tensors; empty for isolated methods."""
    evaluation: Evaluation
    """On the test split, with the tensors in memory right after training."""
    plan: EvaluationPlan
    recipe_sha256: str
    best_epoch: int
    valid: float
    num_trained: int
    seconds: float
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Learner:
    """How tasks are learned."""

    backbone: Backbone
    backbone_sha256: str
    method: Method
    recipe: Recipe

    def prepare(self, task: Task) -> PreparedTask:
        """Tokenise the three splits of a task."""

        def encoded(split: Any) -> EncodedSplit:
            return encode_split(self.backbone.tokenizer, split, max_length=self.max_length)

        return PreparedTask(
            task=task, train=encoded(task.train), valid=encoded(task.valid), test=encoded(task.test)
        )

    @property
    def max_length(self) -> int:
        """Tokens of a text: the recipe's, bounded by the backbone's positions."""
        return min(self.recipe.max_length, self.backbone.architecture.max_positions)

    def sites(self, num_labels: int) -> tuple[Site, ...]:
        """The stored tensors of a task with that many classes."""
        return self.method.sites(self.backbone.architecture, num_labels)

    def learn(
        self,
        arrival: Arrival,
        prepared: PreparedTask,
        *,
        shared: TaskParameters,
        checkpoints: Checkpoints,
        observer: Observer,
    ) -> Learned:
        """Train the arrival's own tensors (and a new version of the shared ones) and evaluate them.

        Raises:
            TrainingError: the loss was not finite twice.
        """
        started = time.perf_counter()
        task, num_labels = prepared.task, len(prepared.task.labels)
        trained_sites = self.method.trained_sites(self.backbone.architecture, num_labels)
        identity = self.recipe_identity(task, arrival.seed, shared)
        job = TrainingJob(
            backbone=self.backbone,
            sites=trained_sites,
            start=fresh_parameters(trained_sites, self.backbone, shared, arrival.seed),
            data=[self.task_data(prepared)],
            recipe=self.recipe.for_task(task),
            seed=arrival.seed,
            recipe_sha256=identity,
            position=arrival.position,
            materialise=self.method.materialise,
        )
        trained = train(job, checkpoints, observer)
        seconds = time.perf_counter() - started
        sites = self.sites(num_labels)
        own, new_shared = (
            TaskParameters({s.name: trained.values[s.name] for s in sites if s.owner is owner})
            for owner in (Owner.OWN, Owner.SHARED)
        )
        plan = make_plan(prepared.test.tokens, self.backbone)
        return Learned(
            own=own,
            shared=new_shared,
            evaluation=evaluate(
                self.backbone, trained.values, prepared.test.tokens, metric=prepared.task.metric, plan=plan
            ),
            plan=plan,
            recipe_sha256=identity,
            best_epoch=trained.best_epoch,
            valid=trained.valid,
            num_trained=trained.num_trained,
            seconds=seconds,
            notes=("restarted at a lower learning rate",) if trained.restarted else (),
        )

    def task_data(self, prepared: PreparedTask, *, head: str = "head") -> TaskData:
        """A task's part of a training job, with the epochs that the recipe gives it."""
        tokens = prepared.train.tokens
        return TaskData(
            train=tokens,
            valid=prepared.valid.tokens,
            num_epochs=self.recipe.for_task(prepared.task).epochs_for(
                prepared.task, tokens.num_tokens, self.method.paper_epochs
            ),
            metric=prepared.task.metric,
            head=head,
        )

    def recipe_identity(self, task: Task, seed: int, shared: TaskParameters = NO_PARAMETERS) -> str:
        """`recipe_sha256` of learning this task with this seed; covers what is shared so far."""
        method: Mapping[str, Any] = {"name": self.method.name, **self.method.options}
        return recipe_sha256(
            self.recipe.for_task(task),
            task=task.fingerprint,
            paper_epochs=self._paper_epochs(task),
            seed=seed,
            method=method,
            backbone=self.backbone_sha256,
            shared=fingerprint(shared) if shared else "",
            dtype=str(self.backbone.dtype),
            num_threads=torch.get_num_threads(),
        )

    def _paper_epochs(self, task: Task) -> int:
        """Epochs of the paper's Table 4 where they are asked for and the task has some; 0 otherwise."""
        if not self.recipe.paper_epochs or task.paper is None:
            return 0
        return task.paper.epochs(self.method.paper_epochs)
