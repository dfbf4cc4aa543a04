"""One post-norm encoder layer: the fused sub-layers where they cover it, plain operations elsewhere."""

from collections.abc import Callable
from typing import NamedTuple

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from stream.model.backbone.architecture import Architecture
from stream.model.encoder import prefix as prefixes
from stream.model.encoder.adapter import BottleneckAdapter, apply_adapter
from stream.model.encoder.affine import LayerNorm, Linear, normalise
from stream.model.encoder.blocks import Finish, attention_block, covers, feed_forward_block
from stream.model.encoder.dropout import Dropout
from stream.model.encoder.fused import attention, feed_forward
from stream.model.encoder.low_rank import LowRank, apply_low_rank
from stream.model.encoder.packing import Packing


class Layer(NamedTuple):
    """Tensors of one encoder layer, ready to run."""

    query_key_value: Linear
    low_rank: LowRank | None
    prefix: prefixes.Prefix | None
    attention_output: Linear
    attention_adapter: BottleneckAdapter | None
    attention_norm: LayerNorm
    up: Linear
    down: Linear
    feed_forward_adapter: BottleneckAdapter | None
    feed_forward_norm: LayerNorm


def apply_layer(
    layer: Layer, x: Float[Tensor, "tokens hidden"], packing: Packing, a: Architecture, dropout: Dropout
) -> Float[Tensor, "tokens hidden"]:
    """One post-norm layer; each adapter sits after its sub-layer's dropout and before the residual sum."""
    x = _attention_sublayer(layer, x, packing, a, dropout)
    return _feed_forward_sublayer(layer, x, a, dropout)


def _attention_sublayer(
    layer: Layer, x: Tensor, packing: Packing, a: Architecture, dropout: Dropout
) -> Tensor:
    adapter, norm = layer.attention_adapter, layer.attention_norm
    inserted = layer.low_rank is not None or layer.prefix is not None
    if inserted or not covers(adapter, layer.query_key_value, layer.attention_output):
        y = F.linear(_attention(layer, x, packing, a, dropout), *layer.attention_output)
        y = _adapted(adapter, dropout(y, a.hidden_dropout), x)
        return normalise(x + y, norm, a.layer_norm_eps)
    weights_mask = dropout.mask(_weights_shape(packing, a), a.attention_dropout, like=x)
    mask = dropout.mask(tuple(x.shape), a.hidden_dropout, like=x)
    finish = Finish(adapter, norm, a.layer_norm_eps, mask)
    return attention_block(
        x, layer.query_key_value, layer.attention_output, finish, packing, weights_mask, a.num_heads
    )


def _feed_forward_sublayer(layer: Layer, x: Tensor, a: Architecture, dropout: Dropout) -> Tensor:
    adapter, norm = layer.feed_forward_adapter, layer.feed_forward_norm
    approximate = _GELUS.get(a.activation)
    if approximate is None or not covers(adapter, layer.up, layer.down):
        y = _adapted(adapter, dropout(_feed_forward(layer, x, a), a.hidden_dropout), x)
        return normalise(x + y, norm, a.layer_norm_eps)
    finish = Finish(adapter, norm, a.layer_norm_eps, dropout.mask(tuple(x.shape), a.hidden_dropout, like=x))
    return feed_forward_block(x, layer.up, layer.down, finish, approximate)


def _adapted(adapter: BottleneckAdapter | None, y: Tensor, x: Tensor) -> Tensor:
    return y if adapter is None else apply_adapter(adapter, y, x)


def _attention(layer: Layer, x: Tensor, packing: Packing, a: Architecture, dropout: Dropout) -> Tensor:
    """Multi-head self-attention before its output projection, [tokens, hidden]."""
    fused = F.linear(x, *layer.query_key_value)
    if layer.low_rank is not None:
        fused = fused + apply_low_rank(layer.low_rank, x)
    fused = fused.view(len(x), 3, a.num_heads, -1)
    if layer.prefix is not None:
        return prefixes.attend(layer.prefix, fused, packing, dropout, a.attention_dropout)
    if x.is_cuda and (probability := dropout.within(a.attention_dropout)) is not None:
        bias = packing.bias(x.dtype)
        assert bias is not None
        return attention_in_one(fused, bias, probability)
    mask = dropout.mask(_weights_shape(packing, a), a.attention_dropout, like=x)
    return attention(fused, packing, mask)


def attention_in_one(
    query_key_value: Float[Tensor, "tokens 3 heads width"],
    bias: Float[Tensor, "rows length"],
    probability: float,
) -> Float[Tensor, "tokens hidden"]:
    """`fused.attention` as the one kernel that a GPU has for it.

    Args:
        query_key_value: fused projections of the whole grid, padding included.
        bias: added to the scores of each key.
        probability: of dropping a weight; the kernel draws its own mask.
    """
    rows, length = bias.shape
    query, key, value = query_key_value.view(rows, length, *query_key_value.shape[1:]).permute(2, 0, 3, 1, 4)
    weighed = F.scaled_dot_product_attention(
        query, key, value, attn_mask=bias[:, None, None].expand(-1, -1, length, -1), dropout_p=probability
    )
    return weighed.transpose(1, 2).reshape(rows * length, -1)


def _weights_shape(packing: Packing, a: Architecture) -> tuple[int, ...]:
    return packing.rows, a.num_heads, packing.length, packing.length


def _feed_forward(layer: Layer, x: Tensor, a: Architecture) -> Tensor:
    approximate = _GELUS.get(a.activation)
    if approximate is not None and covers(None, layer.up, layer.down):
        return feed_forward(x, layer.up, layer.down, approximate)
    return F.linear(_ACTIVATIONS[a.activation](F.linear(x, *layer.up)), *layer.down)


def _gelu_tanh(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": _gelu_tanh,
    "relu": F.relu,
}
_GELUS = {"gelu": "none", "gelu_tanh": "tanh"}
"""Activations that the fused functions compute, and GELU's name for them."""
