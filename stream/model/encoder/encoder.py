"""The encoder: a pure function from frozen backbone, one task's tensors and a token batch to logits.

`assemble` lays a task's tensors over the backbone's and fuses the query, key and value projections; `encode`
runs the result. A tensor of the task that has a backbone tensor's name replaces it; tensors at the sites of
adapters, low-rank updates or prefixes insert these; the head reads the pooled output. There is no other
state: no modules, hooks or modes. Between the embeddings and the pooling there is no padding
(`stream.model.encoder.packing`).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from stream.model.backbone.architecture import Architecture
from stream.model.backbone.backbone import Backbone
from stream.model.encoder.adapter import find_adapter
from stream.model.encoder.affine import LayerNorm, Linear, normalise
from stream.model.encoder.dropout import NO_DROPOUT, Dropout
from stream.model.encoder.layer import Layer, apply_layer
from stream.model.encoder.low_rank import find_low_rank
from stream.model.encoder.packing import Batch, Packing, pack
from stream.model.encoder.prefix import find_prefix

ARITHMETIC = MappingProxyType({"cpu": 3, "cuda": 4})
"""By kind of device; raised with each change after which equal tensors and tokens give other bits."""


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
            prefix=find_prefix(parameters, f"{at}.attention", tensor),
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
    packing = pack(batch)
    pooled = pool(encoder, _last_states(encoder, batch, packing, dropout), packing)
    pooled = dropout(pooled, encoder.architecture.hidden_dropout)
    return _through_head(pooled, encoder.head)


def token_logits(
    encoder: Encoder, batch: Batch, dropout: Dropout = NO_DROPOUT
) -> Float[Tensor, "batch length labels"]:
    """Float32 logits of every token: head over the last hidden state; -inf at padding."""
    packing = pack(batch)
    return _each_token(encoder, _last_states(encoder, batch, packing, dropout), packing)


def hidden_states(
    encoder: Encoder, batch: Batch, dropout: Dropout = NO_DROPOUT
) -> Float[Tensor, "batch length hidden"]:
    """Last hidden state; positions beyond a row's length hold values that nothing may read."""
    packing = pack(batch)
    return packing.unpack(_last_states(encoder, batch, packing, dropout))


def _last_states(encoder: Encoder, batch: Batch, packing: Packing, dropout: Dropout) -> Tensor:
    return through_layers(encoder, embedded(encoder, batch, packing, dropout), packing, dropout)


def embedded(
    encoder: Encoder, batch: Batch, packing: Packing, dropout: Dropout = NO_DROPOUT
) -> Float[Tensor, "tokens hidden"]:
    """What the first layer reads."""
    a = encoder.architecture
    x = F.embedding(packing.pack(batch.token_ids), encoder.word)
    x = x + F.embedding(packing.positions + a.first_position, encoder.position)
    if encoder.token_type is not None:
        types = None if batch.token_types is None else packing.pack(batch.token_types)
        x = x + (encoder.token_type[0] if types is None else F.embedding(types, encoder.token_type))
    x = dropout(normalise(x, encoder.embedding_norm, a.layer_norm_eps), a.hidden_dropout)
    return x if encoder.projection is None else F.linear(x, *encoder.projection)


def through_layers(
    encoder: Encoder,
    x: Float[Tensor, "tokens hidden"],
    packing: Packing,
    dropout: Dropout = NO_DROPOUT,
    layers: slice = slice(None),
) -> Float[Tensor, "tokens hidden"]:
    """Hidden state `x` after these layers; all of them unless some are chosen."""
    for layer in encoder.layers[layers]:
        x = apply_layer(layer, x, packing, encoder.architecture, dropout)
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
    packing = pack(batch)
    x = through_layers(encoder, embedded(encoder, batch, packing), packing, layers=slice(level))
    return pool(encoder, x, packing) if level > len(encoder.layers) else x


def logits_above(encoder: Encoder, x: Tensor, batch: Batch, level: int) -> Float[Tensor, "batch labels"]:
    """Float32 logits from what `states_below` gave, by the same operations as `logits`."""
    if level <= len(encoder.layers):
        packing = pack(batch)
        x = pool(encoder, through_layers(encoder, x, packing, layers=slice(level, None)), packing)
    return _through_head(x, encoder.head)


def token_logits_above(
    encoder: Encoder, x: Tensor, batch: Batch, level: int
) -> Float[Tensor, "batch length labels"]:
    """The same for every token, by the operations of `token_logits`; `x` may not be pooled."""
    packing = pack(batch)
    return _each_token(encoder, through_layers(encoder, x, packing, layers=slice(level, None)), packing)


def _each_token(
    encoder: Encoder, states: Float[Tensor, "tokens hidden"], packing: Packing
) -> Float[Tensor, "batch length labels"]:
    found = packing.unpack(F.linear(states.float(), *encoder.head))
    return found.masked_fill(~packing.inside.unsqueeze(-1), -torch.inf)


def _through_head(pooled: Float[Tensor, "batch hidden"], head: Linear) -> Float[Tensor, "batch labels"]:
    """The head's outputs; a single one is summed row by row.

    As a product of matrices it would be one with a vector, whose bits depend on the number of rows (law 9).
    """
    if len(head.bias) > 1:
        return F.linear(pooled, *head)
    return (pooled * head.weight[0]).sum(-1, keepdim=True) + head.bias


def pool(
    encoder: Encoder, hidden: Float[Tensor, "tokens hidden"], packing: Packing
) -> Float[Tensor, "batch hidden"]:
    """One float32 vector a row: the mean over its tokens, the first token, or BERT's tanh pooler."""
    grid = packing.unpack(hidden)
    match encoder.architecture.pooling:
        case "mean":
            summed = torch.where(packing.inside.unsqueeze(-1), grid.float(), 0.0).sum(1)
            return summed / packing.lengths.unsqueeze(-1)
        case "cls":
            return grid[:, 0].float()
        case "pooler":
            assert encoder.pooler is not None
            return torch.tanh(F.linear(grid[:, 0], *encoder.pooler)).float()
