"""db.records.arrivals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

MAIN_SPLIT = "test"
"""The test split whose metric is R[after, on]."""


class Owner(StrEnum):
    """Who owns stored tensors: one task, or the whole stream (the newest version counts)."""

    OWN = "own"
    SHARED = "shared"


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskRecord:
    """One task at its position in the stream."""

    position: int
    name: str
    title: str
    data: str
    """real, partial or simulated."""
    labels: tuple[str, ...]
    num_train: int
    num_valid: int
    num_test: int
    fingerprint: str
    truncated_fraction: float
    """Share of training texts cut at the maximal length."""
    metric: str
    paper_adapters: float | None
    paper_fine_tuning: float | None
    bayes_accuracy: float | None
    notes: tuple[str, ...]
    seed: int
    """Seed of the arrival, derived from the run's seed and the task's name."""
    removed_at: datetime | None = None
    paper_no_bert: float | None = None
    """The paper's best pipeline without BERT (Table 2); None as well where it was not recorded yet."""
    paper_variable_fine_tuning: float | None = None
    kind: str = "classification"
    """What is predicted; older records of pair tasks say classification, which is judged alike."""
    secondary: tuple[str, ...] = ()
    """Names of further metrics."""
    published: Mapping[str, Any] = field(default_factory=dict)
    """Figures of others on another model or test set; JSON-serialisable, empty where there are none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochRecord:
    """One epoch of training of one arrival."""

    position: int
    attempt: int
    """0, or 1 after a restart at a lower rate."""
    epoch: int
    """0-based."""
    train_loss: float
    """Mean loss: cross-entropy in nats, or squared error."""
    valid: float | None
    """Validation metric; None where it is undefined."""
    learning_rate: float
    """At the end of the epoch."""
    num_tokens: int
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ParameterCounts:
    """Numbers of parameters by kind; they sum to the task's total."""

    adapter: int = 0
    layer_norm: int = 0
    head: int = 0
    other: int = 0

    @property
    def total(self) -> int:
        """All kinds together."""
        return self.adapter + self.layer_norm + self.head + self.other


@dataclass(frozen=True, kw_only=True, slots=True)
class ParametersRecord:
    """Stored tensors of one arrival for one owner, and what they gave in memory right after training."""

    position: int
    owner: Owner
    sha256: str
    """Hash of the blob's bytes."""
    recipe_sha256: str
    counts: ParameterCounts
    num_bytes: int
    """Bytes of the stored blob."""
    reads_backbone: bool
    """Whether a task served with these tensors still reads any tensor of the backbone."""
    best_epoch: int
    valid: float | None
    """Validation metric of the best epoch; None where it is undefined."""
    learned_value: float | None
    """Test metric of the parameters in memory right after training; None where it is undefined."""
    learned_logits_sha256: str
    learned_predictions_sha256: str
    plan_sha256: str
    seconds: float
    """Training time."""
    num_trained: int
    """Number of parameters that were trained (own and shared)."""
    notes: tuple[str, ...] = ()
    removed_at: datetime | None = None
    """When the task was removed; the tensors are gone then, and the row is kept as evidence."""

    @property
    def main_split(self) -> "LearnedSplit":
        """What the main test split gave in memory."""
        return LearnedSplit(
            position=self.position,
            split=MAIN_SPLIT,
            value=self.learned_value,
            logits_sha256=self.learned_logits_sha256,
            predictions_sha256=self.learned_predictions_sha256,
            plan_sha256=self.plan_sha256,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class LearnedSplit:
    """What one test split of a task gave in memory right after training.

    That of the main split stands in the row of the own parameters, those of further splits in rows of their
    own.
    """

    position: int
    split: str
    value: float | None
    logits_sha256: str
    predictions_sha256: str
    plan_sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HashedBytes:
    """Stored bytes that were read and hashed just now."""

    sha256: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointRecord:
    """A training checkpoint: a file beside the database."""

    position: int
    step: int
    path: str
    sha256: str
    num_bytes: int
