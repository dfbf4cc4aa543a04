"""What a kind of task asks of its head, and how the answers are judged: one `Objective` per kind.

The loop, the ledger, the proof and the reports know predictions only as bytes and metrics only by name, so a
new kind of task is a new objective and nothing else. A token set is what an objective is evaluated on: it
holds tokens, gold answers and whatever else the objective needs to judge from the database alone.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch.nn.functional as F
from jaxtyping import Float, Real
from torch import Tensor

from stream.errors import UserError
from stream.learning.encoding import EncodedSplit, TokenSet, encode_split
from stream.learning.objectives.spans import Spans
from stream.learning.objectives.task_metrics import CLASS_METRICS, SCORE_METRICS
from stream.model.encoder.dropout import NO_DROPOUT, Dropout
from stream.model.encoder.encoder import Encoder, logits, logits_above
from stream.model.encoder.packing import Batch
from tasks import did_you_mean
from tasks.reading.labels import misfit_of_f1
from tasks.task import Split, Task, TaskKind


@runtime_checkable
class Objective(Protocol):
    """One way of asking and judging; stateless."""

    @property
    def metrics(self) -> Collection[str]:
        """Names of the metrics there are."""

    @property
    def pools(self) -> bool:
        """Whether the head reads one pooled vector an example, not every token."""

    def num_outputs(self, num_labels: int) -> int:
        """Outputs of the head for a task with that many classes (0 where it has none)."""

    def encode(self, tokenizer: Any, split: Split, *, max_length: int) -> EncodedSplit:
        """Tokenise a split."""

    def restore(self, content: bytes) -> TokenSet:
        """The token set of a blob that its `to_bytes` wrote."""

    def outputs(self, encoder: Encoder, batch: Batch, dropout: Dropout = NO_DROPOUT) -> Tensor:
        """Float32 outputs of the head, the batch's rows first."""

    def outputs_above(self, encoder: Encoder, x: Tensor, batch: Batch, level: int) -> Tensor:
        """The same from what `states_below` gave, by the same operations."""

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Mean training loss of examples; also the validation loss, over a whole split."""

    def predictions(self, outputs: Tensor, tokens: TokenSet) -> bytes:
        """What is predicted, in the form that is hashed and stored; equal predictions give equal bytes."""

    def measure(self, metric: str, predictions: bytes, tokens: TokenSet) -> float | None:
        """A metric of predictions against the token set's gold answers; None where it is undefined."""

    def num_changed(self, before: bytes, now: bytes) -> int:
        """Number of examples whose prediction differs."""


class _OneVector:
    """What classes and scores have in common: one output vector per text, from the pooled state."""

    pools = True

    def encode(self, tokenizer: Any, split: Split, *, max_length: int) -> EncodedSplit:
        """Tokenise a split."""
        return encode_split(tokenizer, split, max_length=max_length)

    def restore(self, content: bytes) -> TokenSet:
        """The token set of a stored blob."""
        return TokenSet.from_bytes(content)

    def outputs(
        self, encoder: Encoder, batch: Batch, dropout: Dropout = NO_DROPOUT
    ) -> Float[Tensor, "batch outputs"]:
        """The head over the pooled state."""
        return logits(encoder, batch, dropout)

    def outputs_above(
        self, encoder: Encoder, x: Tensor, batch: Batch, level: int
    ) -> Float[Tensor, "batch outputs"]:
        """The same from what `states_below` gave."""
        return logits_above(encoder, x, batch, level)


class Classes(_OneVector):
    """One class of several: cross-entropy in nats; the class of the largest logit, as int32."""

    metrics: Collection[str] = CLASS_METRICS.keys()

    def num_outputs(self, num_labels: int) -> int:
        """One per class."""
        return num_labels

    def loss(
        self, outputs: Float[Tensor, "examples outputs"], labels: Real[Tensor, " examples"]
    ) -> Float[Tensor, ""]:
        """Mean cross-entropy."""
        return F.cross_entropy(outputs, labels)

    def predictions(self, outputs: Float[Tensor, "examples outputs"], tokens: TokenSet) -> bytes:
        """Class indices, int32, little-endian."""
        return outputs.argmax(1).numpy().astype("<i4").tobytes()

    def measure(self, metric: str, predictions: bytes, tokens: TokenSet) -> float | None:
        """A metric of predicted classes."""
        return CLASS_METRICS[metric](np.frombuffer(predictions, "<i4"), tokens.labels.numpy())

    def num_changed(self, before: bytes, now: bytes) -> int:
        """Number of other classes."""
        return _num_different(before, now, "<i4")


class Scores(_OneVector):
    """One number: mean squared error; the output itself, on the task's own scale, as float32."""

    metrics: Collection[str] = SCORE_METRICS.keys()

    def num_outputs(self, num_labels: int) -> int:
        """One."""
        return 1

    def loss(
        self, outputs: Float[Tensor, "examples 1"], labels: Real[Tensor, " examples"]
    ) -> Float[Tensor, ""]:
        """Mean squared error."""
        return F.mse_loss(outputs[:, 0], labels)

    def predictions(self, outputs: Float[Tensor, "examples 1"], tokens: TokenSet) -> bytes:
        """Scores, float32, little-endian."""
        return outputs[:, 0].numpy().astype("<f4").tobytes()

    def measure(self, metric: str, predictions: bytes, tokens: TokenSet) -> float | None:
        """A correlation of predicted scores; None where they do not vary."""
        return SCORE_METRICS[metric](np.frombuffer(predictions, "<f4"), tokens.labels.numpy())

    def num_changed(self, before: bytes, now: bytes) -> int:
        """Number of scores that differ in a bit."""
        return _num_different(before, now, "<u4")


def _num_different(before: bytes, now: bytes, form: str) -> int:
    old, new = np.frombuffer(before, form), np.frombuffer(now, form)
    if len(old) != len(new):
        raise ValueError(f"got {len(old)} and {len(new)} predictions; both must be of the same split")
    return int(np.count_nonzero(old != new))


CLASSES, SCORES, SPANS = Classes(), Scores(), Spans()
OBJECTIVES: Mapping[TaskKind, Objective] = MappingProxyType(
    {
        TaskKind.CLASSIFICATION: CLASSES,
        TaskKind.PAIR: CLASSES,
        TaskKind.REGRESSION: SCORES,
        TaskKind.SPAN: SPANS,
    }
)
"""The objective of each kind of task."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scoring:
    """How one task is judged."""

    objective: Objective = CLASSES
    metric: str = "accuracy"
    """The main metric."""
    secondary: tuple[str, ...] = ()

    @classmethod
    def of(cls, kind: str, metric: str, secondary: Sequence[str] = ()) -> "Scoring":
        """The scoring of a kind of task, as a card or the ledger names it."""
        return cls(objective=OBJECTIVES[TaskKind(kind)], metric=metric, secondary=tuple(secondary))

    def values(self, predictions: bytes, tokens: TokenSet) -> tuple[float | None, dict[str, float | None]]:
        """The main metric, and the others by name."""
        measure = self.objective.measure
        further = {name: measure(name, predictions, tokens) for name in self.secondary}
        return measure(self.metric, predictions, tokens), further


BY_ACCURACY = Scoring()
"""The scoring of most classifications."""


def scoring_of(task: Task) -> Scoring:
    """The scoring of a loaded task.

    Raises:
        UserError: F1 is asked of a task that has not two classes.
    """
    misfit = misfit_of_f1(task.name, len(task.labels), (task.metric, *task.secondary))
    if misfit is not None:
        raise UserError(misfit)
    return Scoring.of(task.kind, task.metric, task.secondary)


def check_metrics(name: str, kind: TaskKind, metrics: Sequence[str]) -> None:
    """Every metric is one that the kind of task has.

    Raises:
        UserError: one is not.
    """
    objective = OBJECTIVES.get(kind)
    if objective is None:
        raise UserError(f"Task '{name}' is a {kind}, which cannot be learned; leave it out with --tasks.")
    known = objective.metrics
    for metric in metrics:
        if metric not in known:
            raise UserError(f"Task '{name}' has the metric '{metric}'; {did_you_mean(metric, list(known))}")
