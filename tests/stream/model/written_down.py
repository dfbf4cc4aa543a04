"""A BERT written down from the papers, one text at a time: what the encoder is compared with.

One attention head after the other, no batch, no padding, no fused products.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from stream.model.encoder.packing import Batch
from tests.stream.tiny import TINY

Adapted = Callable[[str, Tensor, Tensor], Tensor]
"""(sub-layer's name, its output, its input) to the output with what is inserted there."""
ROWS = ([2, 30, 41, 52, 3], [2, 99, 3], [2, 17, 100, 6, 9, 44, 3])
"""Token ids of three texts of different lengths."""


def padded(rows: Sequence[list[int]] = ROWS, length: int = 9) -> Batch:
    """The texts as one batch."""
    return Batch(
        token_ids=torch.tensor([row + [0] * (length - len(row)) for row in rows]),
        lengths=torch.tensor([len(row) for row in rows]),
    )


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float = TINY.layer_norm_eps) -> Tensor:
    """Layer norm over the last dimension."""
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt(centred.pow(2).mean(-1, keepdim=True) + eps) * weight + bias


def gelu(x: Tensor) -> Tensor:
    """The exact one: x times the normal distribution function of x."""
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def gelu_tanh(x: Tensor) -> Tensor:
    """Its tanh approximation."""
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def affine(tensors: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    """W x + b of the tensors of that name."""
    return x @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]


def nothing_inserted(sublayer: str, y: Tensor, x: Tensor) -> Tensor:
    """The sub-layer's output as it is."""
    return y


def one_row(tensors: Mapping[str, Tensor], ids: list[int], adapted: Adapted = nothing_inserted) -> Tensor:
    """Logits of one text in the tiny architecture, mean pooling; prefixes are used where there are any."""

    def norm(name: str, x: Tensor) -> Tensor:
        return layer_norm(x, tensors[f"{name}.weight"], tensors[f"{name}.bias"])

    x = tensors["embeddings.word"][ids] + tensors["embeddings.position"][: len(ids)]
    x = norm("embeddings.norm", x + tensors["embeddings.token_type"][0])
    for layer in ("layer.0", "layer.1"):
        attended = affine(tensors, f"{layer}.attention.output", attention(tensors, f"{layer}.attention", x))
        x = norm(f"{layer}.attention.norm", x + adapted(f"{layer}.attention", attended, x))
        inner = gelu(affine(tensors, f"{layer}.feed_forward.up", x))
        fed = affine(tensors, f"{layer}.feed_forward.down", inner)
        x = norm(f"{layer}.feed_forward.norm", x + adapted(f"{layer}.feed_forward", fed, x))
    return affine(tensors, "head", x.mean(0))


def attention(tensors: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    """Softmax attention of one text, head after head; a prefix stands before its keys and values."""
    query, key, value = (affine(tensors, f"{name}.{part}", x) for part in ("query", "key", "value"))
    if f"{name}.prefix.key" in tensors:
        key = torch.cat([tensors[f"{name}.prefix.key"], key])
        value = torch.cat([tensors[f"{name}.prefix.value"], value])
    width, heads = TINY.hidden_size // TINY.num_heads, []
    for start in range(0, TINY.hidden_size, width):
        columns = slice(start, start + width)
        scores = query[:, columns] @ key[:, columns].T / math.sqrt(width)
        heads.append(torch.softmax(scores, -1) @ value[:, columns])
    return torch.cat(heads, -1)
