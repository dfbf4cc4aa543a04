"""Answers as spans of a context: what the head is asked for and how the answers are judged.

Two outputs a token, over the last hidden state: start and end (Devlin et al. 2019, section 4.2). No dropout
before the head, as in run_squad.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Int32
from torch import Tensor

from stream.learning.encoding import EncodedSplit, TokenSet
from stream.learning.objectives.answer_metrics import squad_exact_match, squad_f1
from stream.learning.objectives.best_span import best_spans
from stream.learning.objectives.windows import WindowSet, encode_windows
from stream.model.encoder.dropout import NO_DROPOUT, Dropout
from stream.model.encoder.encoder import Encoder, token_logits, token_logits_above
from stream.model.encoder.packing import Batch
from tasks.task import Split

SPAN_METRICS: Mapping[str, Callable[[Sequence[str], Sequence[Sequence[str]]], float]] = MappingProxyType(
    {"squad_f1": squad_f1, "squad_exact_match": squad_exact_match}
)
"""Metrics of answers by name; each takes (answers, gold answers of each question)."""
NUM_OUTPUTS = 2
"""Start and end."""


class Spans:
    """One span of the context: mean cross-entropy of its two ends over a window's tokens, in nats."""

    metrics: Collection[str] = SPAN_METRICS.keys()
    pools = False

    def num_outputs(self, num_labels: int) -> int:
        """Start and end."""
        return NUM_OUTPUTS

    def encode(self, tokenizer: Any, split: Split, *, max_length: int) -> EncodedSplit:
        """Windows over question and context."""
        return encode_windows(tokenizer, split, max_length=max_length)

    def restore(self, content: bytes) -> TokenSet:
        """The windows of a stored blob."""
        return WindowSet.from_bytes(content)

    def outputs(
        self, encoder: Encoder, batch: Batch, dropout: Dropout = NO_DROPOUT
    ) -> Float[Tensor, "batch length 2"]:
        """The head over every token, -inf at padding."""
        return token_logits(encoder, batch, dropout)

    def outputs_above(
        self, encoder: Encoder, x: Tensor, batch: Batch, level: int
    ) -> Float[Tensor, "batch length 2"]:
        """The same from what `states_below` gave."""
        return token_logits_above(encoder, x, batch, level)

    def loss(
        self, outputs: Float[Tensor, "windows length 2"], labels: Int[Tensor, "windows 2"]
    ) -> Float[Tensor, ""]:
        """Mean over windows of the mean of both ends' cross-entropy."""
        return F.cross_entropy(outputs.transpose(1, 2).flatten(0, 1), labels.flatten())

    def predictions(self, outputs: Float[Tensor, "windows length 2"], tokens: TokenSet) -> bytes:
        """Characters at which each question's best answer begins and ends, int32 pairs, little-endian."""
        assert isinstance(tokens, WindowSet)
        spans = best_spans(
            outputs.numpy(),
            _padded_chars(tokens, outputs.shape[1]),
            tokens.question.numpy(),
            num_questions=tokens.num_examples,
        )
        return spans.astype("<i4").tobytes()

    def measure(self, metric: str, predictions: bytes, tokens: TokenSet) -> float | None:
        """A metric of the answers' texts."""
        assert isinstance(tokens, WindowSet)
        return SPAN_METRICS[metric](answer_texts(predictions, tokens), tokens.questions.answers)

    def num_changed(self, before: bytes, now: bytes) -> int:
        """Number of questions with another span."""
        old, new = _spans(before), _spans(now)
        if len(old) != len(new):
            raise ValueError(f"got {len(old)} and {len(new)} predictions; both must be of the same split")
        return int(np.count_nonzero((old != new).any(1)))


def answer_texts(predictions: bytes, tokens: WindowSet) -> list[str]:
    """The answers that stored predictions stand for."""
    spans = zip(tokens.questions.contexts, _spans(predictions).tolist(), strict=True)
    return [context[begin:end] for context, (begin, end) in spans]


def _spans(predictions: bytes) -> Int32[np.ndarray, "questions 2"]:
    return np.frombuffer(predictions, "<i4").reshape(-1, 2)


def _padded_chars(tokens: WindowSet, length: int) -> Int32[np.ndarray, "windows length 2"]:
    """Characters of each window's tokens, -1 at padding."""
    padded = torch.full((len(tokens), length, 2), -1, dtype=torch.int32)
    inside = torch.arange(length) < tokens.lengths.unsqueeze(-1)
    padded[inside] = tokens.chars
    return padded.numpy()
