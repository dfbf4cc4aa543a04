"""db.records.evaluations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationRecord:
    """R[after, on]: task `on` re-evaluated from the ledger after arrival `after`."""

    after: int
    on: int
    split: str
    metric: str
    value: float | None
    """None where the metric is undefined."""
    logits_sha256: str
    predictions_sha256: str
    plan_sha256: str
    changed_predictions: int
    """Predictions that differ from those right after the task was learned."""
    num_examples: int
    seconds: float
    secondary: Mapping[str, float | None] = field(default_factory=dict)
    """Further metrics by name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanRecord:
    """An evaluation plan: what a logits digest depends on besides parameters and tokens."""

    sha256: str
    content: Mapping[str, Any]
