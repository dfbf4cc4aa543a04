"""Attention and feed-forward as single autograd steps that work through a batch in pieces that fit the cache.

On a CPU the matrix products of an encoder layer take less time than the passes over memory between them. Both
functions here keep what lies between two products in the cache, and store for the backward pass only what
cannot be had again cheaply. They compute what the plain operations compute; tests compare them.
"""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

PIECE_BYTES = 1 << 22
"""Largest intermediate of a piece: a few megabytes stay in the second- and third-level caches."""


def attention(
    query_key_value: Float[Tensor, "batch length 3 heads width"],
    bias: Float[Tensor, "batch 1 1 length"] | None,
    mask: Float[Tensor, "batch heads length length"] | None,
) -> Float[Tensor, "batch length hidden"]:
    """Softmax attention before its output projection.

    Args:
        query_key_value: fused projections.
        bias: added to the scores; None where no key is padding.
        mask: dropout's multipliers of the attention weights; None without dropout.
    """
    result: Tensor = _Attention.apply(query_key_value, bias, mask)  # type: ignore[no-untyped-call]
    return result


def feed_forward(
    x: Float[Tensor, "batch length hidden"],
    up: tuple[Tensor, Tensor],
    down: tuple[Tensor, Tensor],
    approximate: str,
) -> Float[Tensor, "batch length hidden"]:
    """down(gelu(up(x))) with frozen (weight, bias) pairs: only `x` gets a gradient."""
    result: Tensor = _FeedForward.apply(x, *up, *down, approximate)  # type: ignore[no-untyped-call]
    return result


def _pieces(count: int, bytes_each: int, device: torch.device) -> Iterator[slice]:
    """Slices over `count` rows of so many bytes; one slice on a GPU, where launches cost more than memory."""
    step = count if device.type != "cpu" else min(max(PIECE_BYTES // max(bytes_each, 1), 1), max(count, 1))
    return (slice(start, start + step) for start in range(0, count, step))


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, fused: Tensor, bias: Tensor | None, mask: Tensor | None) -> Tensor:
        batch, length, _, heads, width = fused.shape
        result = fused.new_empty(batch, length, heads * width)
        weights = fused.new_empty(batch, heads, length, length) if ctx.needs_input_grad[0] else None
        for piece in _attention_pieces(fused):
            query, key, value = _heads(fused[piece])
            scores = torch.bmm(query.mul_(width**-0.5), key.transpose(1, 2)).view(-1, heads, length, length)
            if bias is not None:
                scores.add_(bias[piece])
            probabilities = torch.softmax(scores, dim=-1)
            if weights is not None:
                weights[piece] = probabilities
            if mask is not None:
                probabilities = probabilities.mul_(mask[piece])
            context = torch.bmm(probabilities.view(-1, length, length), value)
            result[piece].view(-1, length, heads, width).copy_(
                context.view(-1, heads, length, width).transpose(1, 2)
            )
        ctx.save_for_backward(fused, weights, mask)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        fused, weights, mask = ctx.saved_tensors
        _, length, _, heads, width = fused.shape
        result = torch.empty_like(fused)
        for piece in _attention_pieces(fused):
            query, key, value = _heads(fused[piece])
            query.mul_(width**-0.5)
            probabilities = weights[piece]
            dropped = probabilities if mask is None else probabilities * mask[piece]
            outward = gradients[0][piece].view(-1, length, heads, width).transpose(1, 2)
            outward = outward.reshape(-1, length, width)
            by_weight = torch.bmm(outward, value.transpose(1, 2)).view_as(probabilities)
            if mask is not None:
                by_weight.mul_(mask[piece])
            by_score = torch.ops.aten._softmax_backward_data(by_weight, probabilities, -1, fused.dtype)
            by_score = by_score.view(-1, length, length)
            parts = (
                torch.bmm(by_score, key).mul_(width**-0.5),
                torch.bmm(by_score.transpose(1, 2), query),
                torch.bmm(dropped.view(-1, length, length).transpose(1, 2), outward),
            )
            for i, part in enumerate(parts):
                result[piece, :, i].copy_(part.view(-1, heads, length, width).transpose(1, 2))
        return result, None, None


def _attention_pieces(fused: Tensor) -> Iterator[slice]:
    batch, length, _, heads, _ = fused.shape
    return _pieces(batch, heads * length * length * fused.element_size(), fused.device)


def _heads(fused: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Query, key and value copied to [rows * heads, length, width]; the caller may write to them."""
    _, length, _, _, width = fused.shape
    # `contiguous` would hand out the projections themselves for a single row of one token
    apart = fused.permute(2, 0, 3, 1, 4).clone(memory_format=torch.contiguous_format)
    apart = apart.view(3, -1, length, width)
    return apart[0], apart[1], apart[2]


class _FeedForward(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, up: Tensor, up_bias: Tensor, down: Tensor, down_bias: Tensor, approximate: str
    ) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        result = torch.empty_like(rows)
        inner = rows.new_empty(len(rows), len(up)) if ctx.needs_input_grad[0] else None
        for piece in _row_pieces(rows, up):
            wide = F.linear(rows[piece], up, up_bias)
            if inner is not None:
                inner[piece] = wide
            torch.addmm(down_bias, F.gelu(wide, approximate=approximate), down.t(), out=result[piece])
        ctx.save_for_backward(inner, up, down)
        ctx.approximate = approximate
        return result.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        inner, up, down = ctx.saved_tensors
        outward = gradients[0].reshape(-1, down.shape[0])
        result = torch.empty_like(outward)
        for piece in _row_pieces(outward, up):
            by_wide = torch.ops.aten.gelu_backward(
                torch.mm(outward[piece], down), inner[piece], approximate=ctx.approximate
            )
            torch.mm(by_wide, up, out=result[piece])
        return result.view_as(gradients[0]), None, None, None, None, None


def _row_pieces(rows: Tensor, up: Tensor) -> Iterator[slice]:
    return _pieces(len(rows), len(up) * rows.element_size(), rows.device)
