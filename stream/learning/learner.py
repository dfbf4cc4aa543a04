"""The learner: a backbone, a method and a recipe. It turns an arrival into parameters and evaluates them.

It knows neither the ledger nor the loop: text and tensors go in, tensors and evaluations come out.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from db.records import Owner
from stream.learning.checkpoints import Checkpoints
from stream.learning.encoding import EncodedSplit, TokenSet
from stream.learning.evaluation import EvaluationPlan, evaluate, make_plan
from stream.learning.job import TaskData, TrainingJob
from stream.learning.objectives.objective import Scoring, scoring_of
from stream.learning.observer import Observer
from stream.learning.recipe import Recipe, recipe_sha256
from stream.learning.training import train
from stream.model.backbone.backbone import Backbone
from stream.model.backbone.parameters import NO_PARAMETERS, TaskParameters, fingerprint
from stream.model.methods.method import Method, Site, fresh_parameters
from stream.results.metrics import Evaluation
from tasks.task import MAIN_SPLIT, Split, Task, TaskKind


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PreparedTask:
    """A task as tokens."""

    task: Task
    scoring: Scoring
    train: EncodedSplit
    valid: EncodedSplit
    tests: Mapping[str, TokenSet]
    """All test splits by name, the main one first."""

    @property
    def num_outputs(self) -> int:
        """Outputs of the task's head."""
        return self.scoring.objective.num_outputs(len(self.task.labels))

    @property
    def truncated_fraction(self) -> float:
        """Share of the training texts that were cut at the maximal length; of questions, see `windows`."""
        return self.train.num_truncated / self.train.tokens.num_examples


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Learned:
    """What learning one arrival gave."""

    own: TaskParameters
    shared: TaskParameters
    """A new version of the stream's tensors; empty for isolated methods."""
    tests: Mapping[str, "InMemory"]
    """Each test split with the tensors in memory right after training, the main split first."""
    recipe_sha256: str
    best_epoch: int
    valid: float | None
    """Main metric on the validation split; None where it is undefined."""
    num_trained: int
    seconds: float
    notes: tuple[str, ...]

    @property
    def evaluation(self) -> Evaluation:
        """That of the main test split."""
        return self.tests[MAIN_SPLIT].evaluation


@dataclass(frozen=True, kw_only=True, slots=True)
class InMemory:
    """What a test split gave, and under which plan."""

    evaluation: Evaluation
    plan: EvaluationPlan


@dataclass(frozen=True, kw_only=True, slots=True)
class Learner:
    """How tasks are learned."""

    backbone: Backbone
    backbone_sha256: str
    method: Method
    recipe: Recipe

    def prepare(self, task: Task) -> PreparedTask:
        """Tokenise the splits of a task.

        Raises:
            UserError: a metric does not fit the task's classes.
        """
        scoring, max_length = scoring_of(task), self.max_length(task)

        def encoded(split: Split) -> EncodedSplit:
            return scoring.objective.encode(self.backbone.tokenizer, split, max_length=max_length)

        return PreparedTask(
            task=task,
            scoring=scoring,
            train=encoded(task.train),
            valid=encoded(task.valid),
            tests={name: encoded(split).tokens for name, split in task.tests.items()},
        )

    def max_length(self, task: Task) -> int:
        """Tokens of a text or window: the recipe's for the kind, bounded by the backbone's positions."""
        return min(self.recipe.for_task(task).max_length, self.backbone.architecture.max_positions)

    def sites(self, num_outputs: int) -> tuple[Site, ...]:
        """The stored tensors of a task whose head has that many outputs."""
        return self.method.sites(self.backbone.architecture, num_outputs)

    def learn(
        self,
        prepared: PreparedTask,
        *,
        seed: int,
        position: int,
        shared: TaskParameters,
        checkpoints: Checkpoints,
        observer: Observer,
    ) -> Learned:
        """Train a task's own tensors (and a new version of the shared ones) and evaluate them.

        Raises:
            TrainingError: the loss was not finite twice.
        """
        started = time.perf_counter()
        job = self.job(prepared, seed=seed, position=position, shared=shared)
        trained = train(job, checkpoints, observer)
        seconds = time.perf_counter() - started
        sites = self.sites(prepared.num_outputs)
        own, new_shared = (
            TaskParameters({s.name: trained.values[s.name] for s in sites if s.owner is owner})
            for owner in (Owner.OWN, Owner.SHARED)
        )
        return Learned(
            own=own,
            shared=new_shared,
            tests=self.in_memory(prepared, trained.values),
            recipe_sha256=job.recipe_sha256,
            best_epoch=trained.best_epoch,
            valid=trained.valid,
            num_trained=trained.num_trained,
            seconds=seconds,
            notes=("restarted at a lower learning rate",) if trained.restarted else (),
        )

    def job(
        self,
        prepared: PreparedTask,
        *,
        seed: int,
        position: int,
        shared: TaskParameters = NO_PARAMETERS,
    ) -> TrainingJob:
        """The training of an arrival; nothing of its test split is in it."""
        trained_sites = self.method.trained_sites(self.backbone.architecture, prepared.num_outputs)
        return TrainingJob(
            backbone=self.backbone,
            sites=trained_sites,
            start=fresh_parameters(trained_sites, self.backbone, shared, seed),
            data=[self.task_data(prepared)],
            recipe=self.recipe.for_task(prepared.task),
            seed=seed,
            recipe_sha256=self.recipe_identity(prepared.task, seed, shared),
            position=position,
            materialise=self.method.materialise,
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
            scoring=prepared.scoring,
            head=head,
        )

    def in_memory(self, prepared: PreparedTask, values: Mapping[str, Tensor]) -> dict[str, InMemory]:
        """Evaluate every test split with tensors at hand."""
        found: dict[str, InMemory] = {}
        for name, tokens in prepared.tests.items():
            plan = make_plan(tokens, self.backbone)
            evaluation = evaluate(self.backbone, values, tokens, scoring=prepared.scoring, plan=plan)
            found[name] = InMemory(evaluation=evaluation, plan=plan)
        return found

    def recipe_identity(self, task: Task, seed: int, shared: TaskParameters = NO_PARAMETERS) -> str:
        """`recipe_sha256` of learning this task with this seed; covers what is shared so far."""
        method: Mapping[str, Any] = {"name": self.method.name, **self.method.options}
        return recipe_sha256(
            self.recipe.for_task(task),
            task=task.fingerprint,
            **({} if task.metric == "accuracy" else {"metric": task.metric}),
            **_loss_form(task.kind),
            **({"device": "cuda"} if self.backbone.device.type == "cuda" else {}),
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


def _loss_form(kind: TaskKind) -> dict[str, str]:
    """What tells a kind's training from that of earlier versions of this program."""
    forms = {TaskKind.REGRESSION: "over variance", TaskKind.SPAN: "both ends in one mean"}
    return {"loss": forms[kind]} if kind in forms else {}
