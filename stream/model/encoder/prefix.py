"""Trained keys and values in front of every layer's own (prefix-tuning, Li and Liang 2021, arXiv 2101.00190).

In training they come out of a small network, which learns more steadily than the vectors themselves (section
4.3 there). Stored and served are the vectors alone.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from stream.model.backbone.architecture import Architecture, Shape
from stream.model.encoder.dropout import Dropout
from stream.model.encoder.packing import Packing

_PARTS = ("key", "value")


class Prefix(NamedTuple):
    """One layer's prefix."""

    key: Float[Tensor, "prefix hidden"]
    value: Float[Tensor, "prefix hidden"]


def prefix_shapes(architecture: Architecture, length: int) -> dict[str, Shape]:
    """Names and shapes of the stored vectors: 2 P d scalars a layer."""
    return {
        f"layer.{layer}.attention.prefix.{part}": (length, architecture.hidden_size)
        for layer in range(architecture.num_layers)
        for part in _PARTS
    }


def network_shapes(architecture: Architecture, length: int, size: int) -> dict[str, Shape]:
    """Names and shapes of the training-only network: P embeddings, then a map in, tanh and a map out."""
    d, width = architecture.hidden_size, 2 * architecture.num_layers * architecture.hidden_size
    return {
        "prefix.embedding.weight": (length, d),
        "prefix.down.weight": (size, d),
        "prefix.down.bias": (size,),
        "prefix.up.weight": (width, size),
        "prefix.up.bias": (width,),
    }


def network_scale(name: str, shape: Shape) -> float:
    """Standard deviation of a fresh tensor of the network: 1 for embeddings, else 1 / sqrt(inputs)."""
    return 1.0 if "embedding" in name else 1.0 / math.sqrt(shape[-1])


def materialise(tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Run the network once: its output, cut by layer, takes the place of its tensors."""
    served = {name: value for name, value in tensors.items() if not name.startswith("prefix.")}
    embedding = tensors["prefix.embedding.weight"]
    inner = torch.tanh(F.linear(embedding, tensors["prefix.down.weight"], tensors["prefix.down.bias"]))
    vectors = F.linear(inner, tensors["prefix.up.weight"], tensors["prefix.up.bias"])
    pieces = vectors.split(embedding.shape[1], dim=1)
    for i, piece in enumerate(pieces):
        served[f"layer.{i // 2}.attention.prefix.{_PARTS[i % 2]}"] = piece.contiguous()
    return served


def find_prefix(
    parameters: Mapping[str, Tensor], attention: str, cast: Callable[[str], Tensor]
) -> Prefix | None:
    """The prefix that a task's tensors hold for the attention of that name, or None."""
    if f"{attention}.prefix.key" not in parameters:
        return None
    return Prefix(*(cast(f"{attention}.prefix.{part}") for part in _PARTS))


def attend(
    prefix: Prefix,
    query_key_value: Float[Tensor, "tokens 3 heads width"],
    packing: Packing,
    dropout: Dropout,
    probability: float,
) -> Float[Tensor, "tokens hidden"]:
    """Softmax attention over the prefix and the row's own keys, before its output projection."""
    grid = packing.unpack(query_key_value)
    batch, length, _, heads, width = grid.shape
    query, key, value = grid.permute(2, 0, 3, 1, 4)

    def extended(own: Tensor, vectors: Tensor) -> Tensor:
        before = vectors.view(-1, heads, width).transpose(0, 1).expand(batch, -1, -1, -1)
        return torch.cat([before, own], dim=2)

    key, value = extended(key, prefix.key), extended(value, prefix.value)
    scores = (query * width**-0.5) @ key.transpose(-1, -2)
    bias = packing.bias(scores.dtype)
    if bias is not None:
        scores = scores + F.pad(bias, (len(prefix.key), 0))[:, None, None]
    weights = torch.softmax(scores, dim=-1)
    mask = dropout.mask((batch, heads, length, weights.shape[-1]), probability, like=weights)
    weights = weights if mask is None else weights * mask
    return packing.pack((weights @ value).transpose(1, 2).reshape(batch, length, heads * width))
