"""Evaluation under a plan, and the digest that proves two evaluations equal bit for bit.

The digest is SHA-256 over the float32 logits, little-endian, C order [num_examples, num_labels], in example
order; of a span task [num_tokens, 2], over the tokens of all windows in order. It is comparable only under
one `EvaluationPlan`: the same padded shapes, number format, device, instruction set, threads and library
versions.
"""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from stream.learning.encoding import TokenSet
from stream.learning.objectives.objective import CLASSES, Objective, Scoring
from stream.model.backbone.backbone import Backbone
from stream.model.backbone.precision import cpu_capability, device_model
from stream.model.encoder.encoder import ARITHMETIC, Encoder, assemble, states_below
from stream.model.encoder.packing import Batch
from stream.results.metrics import Evaluation


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FrozenStates:
    """Hidden or pooled states of the batches of one token set."""

    level: int
    """Layers that lie below; more than there are where the states are pooled."""
    states: tuple[Tensor, ...]

    @property
    def num_bytes(self) -> int:
        """Bytes of all states."""
        return sum(state.nbytes for state in self.states)


EVALUATION_ROWS = MappingProxyType({"cpu": 64, "cuda": 256})
"""Rows of an evaluation batch by kind of device; a GPU takes hardly longer for some hundred short ones."""
LENGTH_STEP = 8
"""Padded lengths are multiples of this many tokens."""
MINIMUM_ROWS = 2
"""Rows of the smallest batch that is evaluated: one row takes another matrix kernel."""
ROW_IS_A_ROW_FROM = 16
"""From this batch size up an example's logits depend on nothing but the example (law 9, CPUs with AVX-512).

In float32 neither neighbours, place, batch size nor padding change a bit. In bfloat16 the same holds among
padded lengths that are multiples of 32, as long as no piece of the feed-forward (`encoder.fused`) has 33
to 383 tokens (padding does not count), for which its second product rounds differently on Intel with AMX; so
does attention at other lengths. Adapter sizes are multiples of 8 (`encoder.packing`). With fewer rows
the head's float32 product takes another kernel on some processors. No evaluation relies on it: a plan fixes
the shapes.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationPlan:
    """Everything besides parameters and tokens that the bits of the logits depend on."""

    shapes: tuple[tuple[int, int], ...]
    """(rows, padded length) of each batch; examples are taken in order of length, then position."""
    dtype: str
    device: str
    """Kind and model of the device."""
    cpu_capability: str
    num_threads: int
    torch_version: str
    arithmetic: int
    """`ARITHMETIC` of the encoder."""

    @property
    def sha256(self) -> str:
        """Identity of the plan: hash of its canonical JSON."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def make_plan(tokens: TokenSet, backbone: Backbone) -> EvaluationPlan:
    """The plan for evaluating a token set on this backbone, here and now."""
    return EvaluationPlan(
        shapes=batch_shapes(sorted(tokens.lengths.tolist()), rows=evaluation_rows(backbone.device)),
        dtype=str(backbone.dtype).removeprefix("torch."),
        device=device_model(backbone.device),
        cpu_capability=cpu_capability(),
        num_threads=torch.get_num_threads(),
        torch_version=torch.__version__,
        arithmetic=ARITHMETIC[backbone.device.type],
    )


def evaluation_rows(device: torch.device) -> int:
    """Rows of an evaluation batch on a device."""
    return EVALUATION_ROWS[device.type]


def batch_shapes(
    sorted_lengths: list[int], *, rows: int = EVALUATION_ROWS["cpu"]
) -> tuple[tuple[int, int], ...]:
    """(rows, padded length) of batches over examples in order of length.

    Every batch has `MINIMUM_ROWS` rows or more; a single example is evaluated beside a copy of itself.
    """
    starts = list(range(0, len(sorted_lengths), rows))
    if len(starts) > 1 and len(sorted_lengths) - starts[-1] < MINIMUM_ROWS:
        starts.pop()
    ends = [*starts, len(sorted_lengths)][1:]
    return tuple(
        (max(end - start, MINIMUM_ROWS), -(-sorted_lengths[end - 1] // LENGTH_STEP) * LENGTH_STEP)
        for start, end in zip(starts, ends, strict=True)
    )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class EvaluationSet:
    """A token set laid out for its plan, so that evaluating it again neither sorts nor pads."""

    tokens: TokenSet
    plan: EvaluationPlan
    plan_sha256: str
    order: Int[Tensor, " examples"]
    """Examples in the order of the batches' rows."""
    batches: tuple[Batch, ...]
    """On the backbone's device, one per shape of the plan."""

    @property
    def num_bytes(self) -> int:
        """Bytes of tokens and padded batches."""
        tokens, batches = self.tokens, self.batches
        tensors = [tokens.ids, tokens.offsets, tokens.second, tokens.labels, self.order]
        tensors += [t for b in batches for t in (b.token_ids, b.lengths, b.token_types) if t is not None]
        return sum(tensor.nbytes for tensor in tensors)


def lay_out(tokens: TokenSet, plan: EvaluationPlan, backbone: Backbone) -> EvaluationSet:
    """Sort and pad a token set as its plan says."""
    order = torch.argsort(tokens.lengths, stable=True)
    batches: list[Batch] = []
    start = 0
    for rows, length in plan.shapes:
        examples = order[start : start + rows]
        start += rows
        padded = examples if len(examples) == rows else examples.repeat(rows)[:rows]
        batch = tokens.batch(padded, min(length, backbone.architecture.max_positions))
        batches.append(batch.to(backbone.device))
    return EvaluationSet(
        tokens=tokens, plan=plan, plan_sha256=plan.sha256, order=order, batches=tuple(batches)
    )


def predict(
    backbone: Backbone,
    parameters: Mapping[str, Tensor],
    tokens: TokenSet,
    plan: EvaluationPlan,
    objective: Objective = CLASSES,
) -> Float[Tensor, "examples ..."]:
    """Float32 outputs of the head on the CPU, in example order."""
    return predict_set(assemble(backbone, parameters), lay_out(tokens, plan, backbone), objective=objective)


@torch.inference_mode()
def predict_set(
    encoder: Encoder,
    laid_out: EvaluationSet,
    below: FrozenStates | None = None,
    *,
    objective: Objective = CLASSES,
) -> Float[Tensor, "examples ..."]:
    """Float32 outputs on the CPU, in example order; `below` spares the layers that are frozen."""
    if below is None:
        outputs = [objective.outputs(encoder, batch) for batch in laid_out.batches]
    else:
        outputs = [
            objective.outputs_above(encoder, x, batch, below.level)
            for x, batch in zip(below.states, laid_out.batches, strict=True)
        ]
    return in_example_order(outputs, laid_out) if outputs else torch.zeros(0, len(encoder.head.bias))


def in_example_order(outputs: Sequence[Tensor], laid_out: EvaluationSet) -> Float[Tensor, "examples ..."]:
    """The outputs of all batches of a set, one or more, in the order of its examples."""
    outputs = [batch.cpu() for batch in outputs]  # all are under way before the first is waited for
    in_order = _joined(outputs)[: len(laid_out.tokens)]  # a single example is followed by its copy
    result = torch.empty_like(in_order)
    result[laid_out.order] = in_order
    return result


def _joined(outputs: Sequence[Tensor]) -> Tensor:
    """The outputs of all batches; those of tokens are padded to one length, with -inf as at padding."""
    if outputs[0].ndim == 2:
        return torch.cat(list(outputs))
    longest = max(batch.shape[1] for batch in outputs)
    padded = [F.pad(batch, (0, 0, 0, longest - batch.shape[1]), value=-torch.inf) for batch in outputs]
    return torch.cat(padded)


def evaluate(
    backbone: Backbone,
    parameters: Mapping[str, Tensor],
    tokens: TokenSet,
    *,
    scoring: Scoring,
    plan: EvaluationPlan,
) -> Evaluation:
    """Metrics, predictions and digest of one task's tensors on a token set."""
    return evaluate_set(assemble(backbone, parameters), lay_out(tokens, plan, backbone), scoring=scoring)


def evaluate_set(
    encoder: Encoder, laid_out: EvaluationSet, *, scoring: Scoring, below: FrozenStates | None = None
) -> Evaluation:
    """The same for an assembled encoder and a token set that is laid out."""
    started = time.perf_counter()
    outputs = predict_set(encoder, laid_out, below, objective=scoring.objective)
    return judged(outputs, laid_out, scoring=scoring, started=started)


def judged(
    outputs: Float[Tensor, "examples ..."], laid_out: EvaluationSet, *, scoring: Scoring, started: float
) -> Evaluation:
    """Metrics, predictions and digest of outputs in example order.

    `started` is the moment of `time.perf_counter` from which the evaluation is timed.
    """
    content = scoring.objective.predictions(outputs, laid_out.tokens)
    value, secondary = scoring.values(content, laid_out.tokens)
    return Evaluation(
        metric=scoring.metric,
        value=value,
        secondary=secondary,
        num_examples=laid_out.tokens.num_examples,
        logits_sha256=logits_digest(_without_padding(outputs, laid_out.tokens)),
        predictions_sha256=hashlib.sha256(content).hexdigest(),
        predictions=content,
        plan_sha256=laid_out.plan_sha256,
        seconds=time.perf_counter() - started,
    )


def _without_padding(outputs: Tensor, tokens: TokenSet) -> Float[Tensor, "rows outputs"]:
    """Outputs of examples, or of the tokens of all windows: padding has no logits."""
    if outputs.ndim == 2:
        return outputs
    return outputs[torch.arange(outputs.shape[1]) < tokens.lengths.unsqueeze(-1)]


def logits_digest(outputs: Float[Tensor, "rows outputs"]) -> str:
    """SHA-256 (hex) over float32 logits, little-endian, C order."""
    return hashlib.sha256(outputs.contiguous().numpy().astype("<f4").tobytes()).hexdigest()


@torch.inference_mode()
def frozen_states(encoder: Encoder, batches: Sequence[Batch], level: int) -> FrozenStates:
    """The states below `level` in the shapes they are used in: other shapes may give other bits."""
    return FrozenStates(level=level, states=tuple(states_below(encoder, batch, level) for batch in batches))
