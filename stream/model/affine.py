"""Affine maps and layer norms as tensors, ready to run."""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor


class LayerNorm(NamedTuple):
    """Affine tensors of a layer norm."""

    weight: Tensor
    bias: Tensor


class Linear(NamedTuple):
    """Tensors of an affine map; weight is [out, in]."""

    weight: Tensor
    bias: Tensor


def normalise(x: Tensor, norm: LayerNorm, eps: float) -> Tensor:
    """Layer norm over the last dimension."""
    return F.layer_norm(x, norm.weight.shape, norm.weight, norm.bias, eps)
