"""Affine maps and layer norms as tensors, ready to run."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
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


def project(x: Float[Tensor, "tokens in"], linear: Linear) -> Float[Tensor, "tokens out"]:
    """W x + b without gradients, on a CPU.

    In bfloat16 the bias is added inside the product; `F.linear` writes it to memory first, which
    costs 7 % of a product. The operation is the one that `torch.compile` takes for the same purpose.
    """
    if x.dtype is torch.bfloat16 and torch.backends.mkldnn.is_available():
        result: Tensor = torch.ops.mkldnn._linear_pointwise(x, *linear, "none", [], "")
        return result
    return F.linear(x, *linear)
