"""Attention and feed-forward as single autograd steps that work through a batch in pieces that fit the cache.

On a CPU the passes over memory between an encoder layer's matrix products take a good part of its time. Both
functions here keep what lies between two products in the cache, and store for the backward pass only what
cannot be had again cheaply. They compute what the plain operations compute; tests compare them.
`stream.model.encoder.blocks` builds whole sub-layers of them.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from stream.model.encoder.affine import Linear, project
from stream.model.encoder.packing import Packing

PIECE_BYTES = 1 << 22
"""Largest intermediate of a piece: a few megabytes stay in the second- and third-level caches."""


def attention(
    query_key_value: Float[Tensor, "tokens 3 heads width"],
    packing: Packing,
    mask: Float[Tensor, "rows heads length length"] | None,
) -> Float[Tensor, "tokens hidden"]:
    """Softmax attention before its output projection.

    Args:
        query_key_value: fused projections.
        packing: which tokens form a row.
        mask: dropout's multipliers of the attention weights, [row, head, key, query]; None without dropout.
    """
    result: Tensor = _Attention.apply(query_key_value, packing, mask)  # type: ignore[no-untyped-call]
    return result


def feed_forward(
    x: Float[Tensor, "tokens hidden"],
    up: Linear,
    down: Linear,
    approximate: str,
) -> Float[Tensor, "tokens hidden"]:
    """down(gelu(up(x))) with frozen maps: only `x` gets a gradient."""
    result: Tensor = _FeedForward.apply(x, *up, *down, approximate)  # type: ignore[no-untyped-call]
    return result


class Attended(NamedTuple):
    """What attention gives, and what its backward pass needs."""

    context: Float[Tensor, "tokens hidden"]
    apart: Float[Tensor, "3 rows heads length width"]
    """Query (scaled), key and value of each head."""
    weights: Float[Tensor, "rows heads length length"] | None
    """Softmax of the scores, [row, head, key, query]; None where no gradient is wanted."""


def attend(query_key_value: Tensor, packing: Packing, mask: Tensor | None, *, keep: bool) -> Attended:
    """Forward pass of `attention`; `keep` says whether a backward pass follows.

    Scores are laid out [key, query]: the softmax then runs over columns, which for short texts takes half the
    time of one over rows.
    """
    apart = packing.to_heads(query_key_value)
    _, rows, heads, length, width = apart.shape
    apart[0].mul_(width**-0.5)
    bias = packing.bias(apart.dtype)
    context = torch.empty_like(apart[0])
    weights = apart.new_empty(rows, heads, length, length) if keep else None
    for piece in _attention_pieces(apart):
        query, key, value = (part[piece].flatten(0, 1) for part in apart)
        scores = torch.bmm(key, query.transpose(1, 2)).view(-1, heads, length, length)
        if bias is not None:
            scores.add_(bias[piece, None, :, None])
        into = scores if weights is None else weights[piece]
        torch.softmax(scores, -2, out=into)
        dropped = into if mask is None else into * mask[piece]
        torch.bmm(dropped.flatten(0, 1).transpose(1, 2), value, out=context[piece].flatten(0, 1))
    return Attended(packing.from_heads(context[None]).flatten(1), apart, weights)


def attend_backward(
    outward: Float[Tensor, "tokens hidden"], attended: Attended, packing: Packing, mask: Tensor | None
) -> Float[Tensor, "tokens 3 heads width"]:
    """Gradient of the fused projections, from that of the context."""
    apart, weights = attended.apart, attended.weights
    assert weights is not None
    heads, width = apart.shape[2], apart.shape[4]
    by_context = packing.to_heads(outward.view(-1, 1, heads, width))[0]
    result = torch.empty_like(apart)
    for piece in _attention_pieces(apart):
        query, key, value = (part[piece].flatten(0, 1) for part in apart)
        by_query, by_key, by_value = (part[piece].flatten(0, 1) for part in result)
        probabilities, out = weights[piece], by_context[piece].flatten(0, 1)
        dropped = probabilities if mask is None else probabilities * mask[piece]
        torch.bmm(dropped.flatten(0, 1), out, out=by_value)
        by_weight = torch.bmm(value, out.transpose(1, 2)).view_as(probabilities)
        if mask is not None:
            by_weight.mul_(mask[piece])
        by_score = torch.ops.aten._softmax_backward_data(by_weight, probabilities, -2, apart.dtype)
        by_score = by_score.flatten(0, 1)
        torch.bmm(by_score.transpose(1, 2), key, out=by_query)
        torch.bmm(by_score, query, out=by_key)
    result[0].mul_(width**-0.5)
    return packing.from_heads(result)


def widen(
    x: Float[Tensor, "tokens hidden"], up: Linear, down: Linear, approximate: str, *, keep: bool
) -> tuple[Float[Tensor, "tokens hidden"], list[Tensor]]:
    """Forward pass of `feed_forward`, and (with `keep`) what GELU was given, piece by piece."""
    results: list[Tensor] = []
    inner: list[Tensor] = []
    for piece in _row_pieces(x, up.weight):
        wide = project(x[piece], up)
        results.append(project(F.gelu(wide, approximate=approximate), down))
        inner += [wide] * keep
    return results[0] if len(results) == 1 else torch.cat(results), inner


def widen_backward(
    outward: Float[Tensor, "tokens hidden"],
    inner: Sequence[Tensor],
    up: Tensor,
    down: Tensor,
    approximate: str,
    *,
    into: Tensor | None = None,
) -> Float[Tensor, "tokens hidden"]:
    """Gradient of `x`, from that of the result; added to `into` if that is given, which may be `outward`."""
    result = torch.empty_like(outward) if into is None else into
    for piece, wide in zip(_row_pieces(outward, up), inner, strict=True):
        by_wide = torch.mm(outward[piece], down)
        torch.ops.aten.gelu_backward.grad_input(by_wide, wide, approximate=approximate, grad_input=by_wide)
        result[piece].addmm_(by_wide, up, beta=0.0 if into is None else 1.0)
    return result


def _pieces(count: int, bytes_each: int, device: torch.device) -> Iterator[slice]:
    """Slices of nearly equal size over `count` rows of so many bytes; a single one on a GPU.

    Launches cost more than memory there. Equal sizes leave no small last piece, whose products would be slow
    and may round differently.
    """
    most = max(PIECE_BYTES // max(bytes_each, 1), 1) if device.type == "cpu" else count
    num_pieces = -(-count // most) if count else 0
    return (slice(i * count // num_pieces, (i + 1) * count // num_pieces) for i in range(num_pieces))


def _attention_pieces(apart: Tensor) -> Iterator[slice]:
    _, rows, heads, length, _ = apart.shape
    return _pieces(rows, heads * length * length * apart.element_size(), apart.device)


def _row_pieces(rows: Tensor, up: Tensor) -> Iterator[slice]:
    return _pieces(len(rows), len(up) * rows.element_size(), rows.device)


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, fused: Tensor, packing: Packing, mask: Tensor | None) -> Tensor:
        attended = attend(fused, packing, mask, keep=ctx.needs_input_grad[0])
        ctx.save_for_backward(attended.apart, attended.weights, mask)
        ctx.packing = packing
        return attended.context

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        apart, weights, mask = ctx.saved_tensors
        outward = gradients[0].contiguous()
        return attend_backward(outward, Attended(outward, apart, weights), ctx.packing, mask), None, None


class _FeedForward(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, up: Tensor, up_bias: Tensor, down: Tensor, down_bias: Tensor, approximate: str
    ) -> Tensor:
        pairs = Linear(up, up_bias), Linear(down, down_bias)
        result, inner = widen(x, *pairs, approximate, keep=ctx.needs_input_grad[0])
        ctx.save_for_backward(up, down, *inner)
        ctx.approximate = approximate
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        up, down, *inner = ctx.saved_tensors
        by_x = widen_backward(gradients[0], inner, up, down, ctx.approximate)
        return by_x, None, None, None, None, None
