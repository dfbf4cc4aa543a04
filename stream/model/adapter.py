"""The bottleneck adapter of Houlsby et al. 2019, section 2.1, as shapes and as a function."""

from typing import NamedTuple

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from stream.model.architecture import Shape


class BottleneckAdapter(NamedTuple):
    """Tensors of one adapter: down-projection to the bottleneck, non-linearity, up-projection."""

    down_weight: Float[Tensor, "bottleneck hidden"]
    down_bias: Float[Tensor, " bottleneck"]
    up_weight: Float[Tensor, "hidden bottleneck"]
    up_bias: Float[Tensor, " hidden"]


def adapter_shapes(site: str, hidden_size: int, size: int) -> dict[str, Shape]:
    """Names and shapes of an adapter's tensors: 2md + m + d scalars (section 2.1)."""
    return {
        f"{site}.down.weight": (size, hidden_size),
        f"{site}.down.bias": (size,),
        f"{site}.up.weight": (hidden_size, size),
        f"{site}.up.bias": (hidden_size,),
    }


def apply_adapter(
    adapter: BottleneckAdapter, x: Float[Tensor, "*batch hidden"]
) -> Float[Tensor, "*batch hidden"]:
    """Apply the adapter with its inner skip connection: x + W_up gelu(W_down x + b_down) + b_up.

    GELU is the tanh approximation, as in the paper's code (modeling.py, `gelu`).
    """
    inner = F.gelu(F.linear(x, adapter.down_weight, adapter.down_bias), approximate="tanh")
    return x + F.linear(inner, adapter.up_weight, adapter.up_bias)
