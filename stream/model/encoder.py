"""The encoder: a pure function from frozen backbone, one task's tensors and a token batch to logits.

`assemble` lays a task's tensors over the backbone's and fuses the query, key and value projections; `encode`
runs the result. A tensor of the task that has a backbone tensor's name replaces it; tensors at the sites of
adapters, low-rank updates or prefixes insert these; the head reads the pooled output. There is no other
state: no modules, hooks or modes.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from stream.model import prefix as prefixes
from stream.model.adapter import BottleneckAdapter, apply_adapter, find_adapter
from stream.model.affine import LayerNorm, Linear, normalise
from stream.model.architecture import Architecture
from stream.model.backbone import Backbone
from stream.model.batch import Batch
from stream.model.dropout import NO_DROPOUT, Dropout
from stream.model.fused import attention, feed_forward
from stream.model.low_rank import LowRank, apply_low_rank, find_low_rank


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


class Encoder(NamedTuple):
    """Everything one forward pass reads."""

    architecture: Architecture
    word: Tensor
    position: Tensor
    token_type: Tensor | None
    embedding_norm: LayerNorm
    projection: Linear | None
    layers: tuple[Layer, ...]
    pooler: Linear | None
    head: Linear


def assemble(backbone: Backbone, parameters: Mapping[str, Tensor]) -> Encoder:
    """Lay a task's tensors over the backbone's, in the compute format (the head stays float32)."""
    dtype, architecture = backbone.dtype, backbone.architecture

    def tensor(name: str) -> Tensor:
        own = parameters.get(name)
        return backbone.compute[name] if own is None else own.to(dtype)

    def linear(name: str) -> Linear:
        return Linear(tensor(f"{name}.weight"), tensor(f"{name}.bias"))

    def norm(name: str) -> LayerNorm:
        return LayerNorm(tensor(f"{name}.weight"), tensor(f"{name}.bias"))

    def query_key_value(at: str) -> Linear:
        names = [f"{at}.{part}" for part in ("query", "key", "value")]
        if not any(f"{name}.{leaf}" in parameters for name in names for leaf in ("weight", "bias")):
            return Linear(*(backbone.compute[f"{at}.query_key_value.{leaf}"] for leaf in ("weight", "bias")))
        parts = [linear(name) for name in names]
        return Linear(torch.cat([p.weight for p in parts]), torch.cat([p.bias for p in parts]))

    def layer(at: str) -> Layer:
        return Layer(
            query_key_value=query_key_value(f"{at}.attention"),
            low_rank=find_low_rank(parameters, f"{at}.attention", tensor),
            prefix=prefixes.find_prefix(parameters, f"{at}.attention", tensor),
            attention_output=linear(f"{at}.attention.output"),
            attention_adapter=find_adapter(parameters, f"{at}.attention", tensor),
            attention_norm=norm(f"{at}.attention.norm"),
            up=linear(f"{at}.feed_forward.up"),
            down=linear(f"{at}.feed_forward.down"),
            feed_forward_adapter=find_adapter(parameters, f"{at}.feed_forward", tensor),
            feed_forward_norm=norm(f"{at}.feed_forward.norm"),
        )

    return Encoder(
        architecture=architecture,
        word=tensor("embeddings.word"),
        position=tensor("embeddings.position"),
        token_type=tensor("embeddings.token_type") if architecture.num_token_types else None,
        embedding_norm=norm("embeddings.norm"),
        projection=linear("embeddings.projection") if architecture.projects_embeddings else None,
        layers=tuple(layer(f"layer.{i}") for i in range(architecture.num_layers)),
        pooler=linear("pooler") if architecture.pooling == "pooler" else None,
        head=Linear(parameters["head.weight"], parameters["head.bias"]),
    )


def encode(
    backbone: Backbone, parameters: Mapping[str, Tensor], batch: Batch, dropout: Dropout = NO_DROPOUT
) -> Float[Tensor, "batch labels"]:
    """Float32 logits of a batch under one task's tensors."""
    return logits(assemble(backbone, parameters), batch, dropout)


def logits(encoder: Encoder, batch: Batch, dropout: Dropout = NO_DROPOUT) -> Float[Tensor, "batch labels"]:
    """Float32 logits: head over the pooled last hidden state, with the paper code's dropout before it."""
    pooled = pool(encoder, hidden_states(encoder, batch, dropout), batch)
    pooled = dropout(pooled, encoder.architecture.hidden_dropout)
    return F.linear(pooled, *encoder.head)


def token_logits(
    encoder: Encoder, batch: Batch, dropout: Dropout = NO_DROPOUT
) -> Float[Tensor, "batch length labels"]:
    """Float32 logits of every token: head over the last hidden state; -inf at padding."""
    found = F.linear(hidden_states(encoder, batch, dropout).float(), encoder.head.weight, encoder.head.bias)
    return found.masked_fill(~_inside(batch).unsqueeze(-1), -torch.inf)


def hidden_states(
    encoder: Encoder, batch: Batch, dropout: Dropout = NO_DROPOUT
) -> Float[Tensor, "batch length hidden"]:
    """Last hidden state; positions beyond a row's length hold values that nothing may read."""
    return through_layers(encoder, embedded(encoder, batch, dropout), batch, dropout)


def embedded(
    encoder: Encoder, batch: Batch, dropout: Dropout = NO_DROPOUT
) -> Float[Tensor, "batch length hidden"]:
    """What the first layer reads."""
    a = encoder.architecture
    length = batch.token_ids.shape[1]
    x = (
        F.embedding(batch.token_ids, encoder.word)
        + encoder.position[a.first_position : a.first_position + length]
    )
    if encoder.token_type is not None:
        types = batch.token_types
        x = x + (encoder.token_type[0] if types is None else F.embedding(types, encoder.token_type))
    x = dropout(normalise(x, encoder.embedding_norm, a.layer_norm_eps), a.hidden_dropout)
    return x if encoder.projection is None else F.linear(x, *encoder.projection)


def through_layers(
    encoder: Encoder,
    x: Float[Tensor, "batch length hidden"],
    batch: Batch,
    dropout: Dropout = NO_DROPOUT,
    layers: slice = slice(None),
) -> Float[Tensor, "batch length hidden"]:
    """Hidden state `x` after these layers; all of them unless some are chosen."""
    bias = _attention_bias(batch, x.dtype)
    for layer in encoder.layers[layers]:
        x = _layer(layer, x, bias, encoder.architecture, dropout)
    return x


def first_own_level(parameters: Mapping[str, Tensor], architecture: Architecture) -> int:
    """How many layers lie below everything that the task's tensors replace or insert.

    0 where an embedding is among them; one more than there are layers where only the head is.
    """
    names = [name for name in parameters if not name.startswith("head.")]
    if any(name.startswith("embeddings.") for name in names):
        return 0
    layers = [int(name.split(".")[1]) for name in names if name.startswith("layer.")]
    own_pooler = any(name.startswith("pooler.") for name in names)
    return min([*layers, architecture.num_layers + (not own_pooler)])


def states_below(encoder: Encoder, batch: Batch, level: int) -> Tensor:
    """What the layers below `level` give: a hidden state, or the pooled one where all layers lie below."""
    x = through_layers(encoder, embedded(encoder, batch), batch, layers=slice(level))
    return pool(encoder, x, batch) if level > len(encoder.layers) else x


def logits_above(encoder: Encoder, x: Tensor, batch: Batch, level: int) -> Float[Tensor, "batch labels"]:
    """Float32 logits from what `states_below` gave, by the same operations as `logits`."""
    if level <= len(encoder.layers):
        x = pool(encoder, through_layers(encoder, x, batch, layers=slice(level, None)), batch)
    return F.linear(x, *encoder.head)


def pool(
    encoder: Encoder, hidden: Float[Tensor, "batch length hidden"], batch: Batch
) -> Float[Tensor, "batch hidden"]:
    """One float32 vector a row: the mean over its tokens, the first token, or BERT's tanh pooler."""
    match encoder.architecture.pooling:
        case "mean":
            inside = _inside(batch).unsqueeze(-1)
            summed = torch.where(inside, hidden.float(), 0.0).sum(1)
            return summed / batch.lengths.unsqueeze(-1)
        case "cls":
            return hidden[:, 0].float()
        case "pooler":
            assert encoder.pooler is not None
            return torch.tanh(F.linear(hidden[:, 0], *encoder.pooler)).float()


def _layer(layer: Layer, x: Tensor, bias: Tensor | None, a: Architecture, dropout: Dropout) -> Tensor:
    """One post-norm layer; each adapter sits after its sub-layer's dropout and before the residual sum."""
    y = F.linear(_attention(layer, x, bias, a, dropout), *layer.attention_output)
    y = _adapted(layer.attention_adapter, dropout(y, a.hidden_dropout), x)
    x = normalise(x + y, layer.attention_norm, a.layer_norm_eps)
    y = _adapted(layer.feed_forward_adapter, dropout(_feed_forward(layer, x, a), a.hidden_dropout), x)
    return normalise(x + y, layer.feed_forward_norm, a.layer_norm_eps)


def _adapted(adapter: BottleneckAdapter | None, y: Tensor, x: Tensor) -> Tensor:
    return y if adapter is None else apply_adapter(adapter, y, x)


def _attention(layer: Layer, x: Tensor, bias: Tensor | None, a: Architecture, dropout: Dropout) -> Tensor:
    """Multi-head self-attention before its output projection, [batch, length, hidden]."""
    batch, length, _ = x.shape
    fused = F.linear(x, *layer.query_key_value)
    if layer.low_rank is not None:
        fused = fused + apply_low_rank(layer.low_rank, x)
    fused = fused.view(batch, length, 3, a.num_heads, -1)
    if layer.prefix is not None:
        return prefixes.attend(layer.prefix, fused, bias, dropout, a.attention_dropout)
    mask = dropout.mask((batch, a.num_heads, length, length), a.attention_dropout, like=x)
    return attention(fused, bias, mask)


def _feed_forward(layer: Layer, x: Tensor, a: Architecture) -> Tensor:
    frozen = not any(tensor.requires_grad for tensor in (*layer.up, *layer.down))
    if frozen and a.activation != "relu":
        return feed_forward(x, layer.up, layer.down, "tanh" if a.activation == "gelu_tanh" else "none")
    return F.linear(_ACTIVATIONS[a.activation](F.linear(x, *layer.up)), *layer.down)


def _attention_bias(batch: Batch, dtype: torch.dtype) -> Tensor | None:
    """0 where a key is a token and the format's minimum where it is padding, [batch, 1, 1, length]."""
    inside = _inside(batch)
    if inside.device.type == "cpu" and bool(inside.all()):
        return None  # nothing to hide; a GPU is not asked, since the answer would wait for it
    lowest = torch.finfo(dtype).min
    return torch.zeros(inside.shape, dtype=dtype, device=inside.device).masked_fill_(~inside, lowest)[
        :, None, None
    ]


def _inside(batch: Batch) -> Tensor:
    positions = torch.arange(batch.token_ids.shape[1], device=batch.token_ids.device)
    return positions < batch.lengths.unsqueeze(-1)


def _gelu_tanh(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": _gelu_tanh,
    "relu": F.relu,
}
