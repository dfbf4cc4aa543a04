"""Whole sub-layers with frozen products as single autograd steps.

A sub-layer is attention or the feed-forward with what follows it: dropout, the bottleneck adapter, the
residual sum, the layer norm. Only the adapter's and the layer norm's tensors and the input get gradients,
written out by hand: no operation is recorded, and sums ride on the matrix products beside them. `covers` says
which sub-layers are computed here; any other takes the plain operations of `encoder.layer`, which tests
compare with these. A GPU takes those too: what is saved here costs nothing there once a step is captured.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from stream.model.encoder.adapter import BottleneckAdapter
from stream.model.encoder.affine import LayerNorm, Linear, project
from stream.model.encoder.fused import Attended, attend, attend_backward, widen, widen_backward
from stream.model.encoder.packing import Packing

_NO_ADAPTER = (None, None, None, None)


class Finish(NamedTuple):
    """What follows a sub-layer's product."""

    adapter: BottleneckAdapter | None
    norm: LayerNorm
    eps: float
    mask: Tensor | None
    """Dropout's multipliers, [tokens, hidden]."""

    @property
    def tensors(self) -> tuple[Tensor | None, ...]:
        """What gets gradients: the adapter's four tensors and the layer norm's two."""
        adapter = _NO_ADAPTER if self.adapter is None else self.adapter[:4]
        return (*adapter, *self.norm)


def covers(adapter: BottleneckAdapter | None, *frozen: Linear) -> bool:
    """Whether a sub-layer of these parts is computed here: on a CPU, frozen, no adapter or a plain one."""
    elsewhere = any(tensor.requires_grad or tensor.is_cuda for linear in frozen for tensor in linear)
    return not elsewhere and (adapter is None or adapter.is_plain)


def attention_block(
    x: Float[Tensor, "tokens hidden"],
    query_key_value: Linear,
    output: Linear,
    finish: Finish,
    packing: Packing,
    weights_mask: Float[Tensor, "rows heads length length"] | None,
    num_heads: int,
) -> Float[Tensor, "tokens hidden"]:
    """Self-attention with its output projection and what follows."""
    result: Tensor = _AttentionBlock.apply(  # type: ignore[no-untyped-call]
        x, *finish.tensors, query_key_value, output, finish, packing, weights_mask, num_heads
    )
    return result


def feed_forward_block(
    x: Float[Tensor, "tokens hidden"], up: Linear, down: Linear, finish: Finish, approximate: str
) -> Float[Tensor, "tokens hidden"]:
    """The feed-forward sub-layer and what follows."""
    result: Tensor = _FeedForwardBlock.apply(  # type: ignore[no-untyped-call]
        x, *finish.tensors, up, down, finish, approximate
    )
    return result


def _finish(finish: Finish, y: Tensor, x: Tensor) -> tuple[Tensor, tuple[Tensor | None, ...]]:
    """Layer norm of `x` + adapter(mask * `y`), and what its backward pass needs; `y` is overwritten."""
    adapter, norm, eps, mask = finish
    if mask is not None:
        y.mul_(mask)
    if adapter is None:
        before = inner = None
        total = y.add_(x)
    else:
        before = project(y, Linear(adapter.down_weight, adapter.down_bias))
        inner = F.gelu(before, approximate="tanh")
        total = project(inner, Linear(adapter.up_weight, adapter.up_bias)).add_(y).add_(x)
    result, mean, rstd = torch.native_layer_norm(total, norm.weight.shape, *norm, eps)
    own = finish.tensors
    return result, (own[0], own[2], own[4], own[5], mask, y, before, inner, total, mean, rstd)


def _finish_backward(
    by_result: Tensor, kept: Sequence[Any], needed: Sequence[bool]
) -> tuple[Tensor, Tensor, tuple[Tensor | None, ...]]:
    """Gradients of the sub-layer's product, of the residual sum, and of the block's own six tensors.

    The first may be the second; both may be overwritten once the first has been read.
    """
    down, up, weight, bias, mask, y, before, inner, total, mean, rstd = kept
    by_sum, *by_norm = torch.ops.aten.native_layer_norm_backward(
        by_result.contiguous(),
        total,
        total.shape[-1:],
        mean,
        rstd,
        weight,
        bias,
        [True, needed[5], needed[6]],
    )
    if down is None:
        return (by_sum if mask is None else by_sum * mask), by_sum, (*_NO_ADAPTER, *by_norm)
    by_before = torch.ops.aten.gelu_backward(torch.mm(by_sum, up), before, approximate="tanh")
    by_adapter = (
        torch.mm(by_before.t(), y),
        by_before.sum(0),
        torch.mm(inner.t(), by_sum).t(),  # faster than its transpose
        by_sum.sum(0),
    )
    by_output = torch.addmm(by_sum, by_before, down)
    return (by_output if mask is None else by_output.mul_(mask)), by_sum, (*by_adapter, *by_norm)


class _AttentionBlock(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, *rest: Any) -> Tensor:
        query_key_value, output, finish, packing, mask, heads = rest[6:]
        fused = project(x, query_key_value).view(len(x), 3, heads, -1)
        attended = attend(fused, packing, mask, keep=ctx.needs_input_grad[0])
        result, kept = _finish(finish, project(attended.context, output), x)
        ctx.save_for_backward(attended.apart, attended.weights, mask, *kept)
        ctx.others = query_key_value.weight, output.weight, packing
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        apart, weights, mask, *saved = ctx.saved_tensors
        query_key_value, output, packing = ctx.others
        by_output, by_sum, by_own = _finish_backward(gradients[0], saved, ctx.needs_input_grad)
        if not ctx.needs_input_grad[0]:
            return None, *by_own, *[None] * 6
        by_context = torch.mm(by_output, output)
        by_fused = attend_backward(by_context, Attended(by_context, apart, weights), packing, mask)
        by_x = by_sum.addmm_(by_fused.flatten(1), query_key_value)
        return by_x, *by_own, *[None] * 6


class _FeedForwardBlock(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, *rest: Any) -> Tensor:
        up, down, finish, approximate = rest[6:]
        y, inner = widen(x, up, down, approximate, keep=ctx.needs_input_grad[0])
        result, kept = _finish(finish, y, x)
        ctx.save_for_backward(*kept, *inner)
        ctx.others = up.weight, down.weight, approximate, len(kept)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        up, down, approximate, num_kept = ctx.others
        saved, inner = ctx.saved_tensors[:num_kept], ctx.saved_tensors[num_kept:]
        by_output, by_sum, by_own = _finish_backward(gradients[0], saved, ctx.needs_input_grad)
        if not ctx.needs_input_grad[0]:
            return None, *by_own, *[None] * 4
        by_x = widen_backward(by_output, inner, up, down, approximate, into=by_sum)
        return by_x, *by_own, *[None] * 4
