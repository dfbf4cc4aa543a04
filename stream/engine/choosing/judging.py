"""Candidates judged on the validation split, and on nothing else."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from stream.learning.encoding import TokenSet
from stream.learning.evaluation import EvaluationPlan, evaluate, make_plan
from stream.learning.objectives.objective import CLASSES, SCORES, Scoring
from stream.model.backbone.backbone import Backbone
from stream.model.backbone.parameters import TaskParameters
from stream.results.estimates import Examples, Judged
from stream.results.metrics import Evaluation

_ITEM_BYTES = 4
"""Of a prediction of classes or scores."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Judge:
    """A task's validation split, and how it is judged."""

    backbone: Backbone
    valid: TokenSet
    scoring: Scoring

    @property
    def num_examples(self) -> int:
        """What the metric is a mean over."""
        return self.valid.num_examples

    def evaluate(self, own: TaskParameters) -> tuple[Evaluation, EvaluationPlan]:
        """Evaluate a candidate's tensors, with the plan that was used."""
        plan = make_plan(self.valid, self.backbone)
        placed = own.to(self.backbone.device)
        return evaluate(self.backbone, placed, self.valid, scoring=self.scoring, plan=plan), plan

    def judged(self, predictions: bytes) -> Judged:
        """What predictions are worth, example by example where the metric is a share of examples.

        Answers to questions, which lie in windows, are judged as a whole: only equal scores tie.
        """
        metric, objective = self.scoring.metric, self.scoring.objective
        if objective not in (CLASSES, SCORES):
            whole = _defined(objective.measure(metric, predictions, self.valid))
            return Judged(hits=None, num_examples=self.num_examples, score=lambda _: whole)
        labels = self.valid.labels
        items = np.frombuffer(predictions, f"V{_ITEM_BYTES}")

        def score(examples: Examples) -> float:
            drawn = replace(self.valid, labels=labels[torch.from_numpy(examples)])
            return _defined(objective.measure(metric, items[examples].tobytes(), drawn))

        hits = None
        if metric == "accuracy":
            hits = np.frombuffer(predictions, "<i4") == labels.numpy()
        return Judged(hits=hits, num_examples=len(labels), score=score)


def _defined(value: float | None) -> float:
    return math.nan if value is None else value
