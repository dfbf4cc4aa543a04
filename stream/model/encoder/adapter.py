"""The bottleneck adapter of Houlsby et al. 2019, section 2.1, and the variants its section 3.6 tried.

What an adapter computes can be read off its tensors: the site's name says where it sits, which non-linearity
it has and whether it runs beside its sub-layer; a `norm` or a `hidden` tensor says that it has one.
"""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from stream.model.backbone.architecture import Shape
from stream.model.encoder.affine import LayerNorm, Linear, normalise

NORM_EPS = 1e-5
"""Epsilon of a layer norm inside an adapter (torch's default; the paper gives none)."""


class BottleneckAdapter(NamedTuple):
    """Tensors of one adapter: down-projection to the bottleneck, non-linearity, up-projection."""

    down_weight: Float[Tensor, "bottleneck hidden"]
    down_bias: Float[Tensor, " bottleneck"]
    up_weight: Float[Tensor, "hidden bottleneck"]
    up_bias: Float[Tensor, " hidden"]
    hidden: Linear | None = None
    """A second map inside the bottleneck, [bottleneck, bottleneck]."""
    norm: LayerNorm | None = None
    """A layer norm over the adapter's input."""
    activation: str = "gelu"
    parallel: bool = False
    """It reads the sub-layer's input instead of its output."""

    @property
    def is_plain(self) -> bool:
        """Whether it is the paper's: one map in, GELU, one map out, on the sub-layer's output."""
        others = self.hidden is not None or self.norm is not None or self.parallel
        return self.activation == "gelu" and not others


@dataclass(frozen=True, kw_only=True, slots=True)
class AdapterForm:
    """What the name of an adapter's site says."""

    activation: str = "gelu"
    parallel: bool = False

    @property
    def segment(self) -> str:
        """Last part of the site's name, e.g. `adapter`, `adapter.relu`, `adapter.parallel`."""
        parts = ["adapter", *["parallel"] * self.parallel]
        return ".".join(parts if self.activation == "gelu" else [*parts, self.activation])


ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "gelu": lambda x: F.gelu(x, approximate="tanh"),
    "relu": F.relu,
    "tanh": torch.tanh,
}
"""GELU is the tanh approximation, as in the paper's code (modeling.py, `gelu`)."""
_FORMS = {
    form.segment: form
    for form in (AdapterForm(activation=a, parallel=p) for a, p in product(ACTIVATIONS, (False, True)))
}


def adapter_shapes(
    site: str, hidden_size: int, size: int, *, norm: bool = False, deep: bool = False
) -> dict[str, Shape]:
    """Names and shapes of an adapter's tensors: 2md + m + d scalars (section 2.1) for a plain one.

    A layer norm on the input adds 2d, a second map inside the bottleneck m(m + 1).
    """
    shapes: dict[str, Shape] = {
        f"{site}.down.weight": (size, hidden_size),
        f"{site}.down.bias": (size,),
        f"{site}.up.weight": (hidden_size, size),
        f"{site}.up.bias": (hidden_size,),
    }
    if norm:
        shapes |= {f"{site}.norm.weight": (hidden_size,), f"{site}.norm.bias": (hidden_size,)}
    if deep:
        shapes |= {f"{site}.hidden.weight": (size, size), f"{site}.hidden.bias": (size,)}
    return shapes


def find_adapter(
    parameters: Mapping[str, Tensor], sublayer: str, cast: Callable[[str], Tensor]
) -> BottleneckAdapter | None:
    """The adapter that a task's tensors insert at a sub-layer, or None.

    Args:
        parameters: the task's tensors.
        sublayer: e.g. `layer.3.attention`.
        cast: tensor of that name in the compute format.
    """
    for segment, form in _FORMS.items():
        site = f"{sublayer}.{segment}"
        if f"{site}.down.weight" not in parameters:
            continue

        def pair(part: str, site: str = site) -> tuple[Tensor, Tensor]:
            return cast(f"{site}.{part}.weight"), cast(f"{site}.{part}.bias")

        (down, down_bias), (up, up_bias) = pair("down"), pair("up")
        return BottleneckAdapter(
            down,
            down_bias,
            up,
            up_bias,
            hidden=Linear(*pair("hidden")) if f"{site}.hidden.weight" in parameters else None,
            norm=LayerNorm(*pair("norm")) if f"{site}.norm.weight" in parameters else None,
            activation=form.activation,
            parallel=form.parallel,
        )
    return None


def adapted_layers(parameters: Mapping[str, Tensor]) -> tuple[int, ...]:
    """Layers in which a task's tensors insert an adapter, from the bottom."""
    return tuple(sorted({layer for name in parameters if (layer := _adapter_layer(name)) is not None}))


def without_adapters(parameters: Mapping[str, Tensor], layers: Container[int]) -> dict[str, Tensor]:
    """A task's tensors but for the adapters of these layers; layer norms and head stay as they are."""
    return {name: tensor for name, tensor in parameters.items() if _adapter_layer(name) not in layers}


def _adapter_layer(name: str) -> int | None:
    """The layer of an adapter's tensor, such as `layer.3.attention.adapter.down.weight`; None of another."""
    parts = name.split(".")
    return int(parts[1]) if parts[0] == "layer" and "adapter" in parts else None


def apply_adapter(
    adapter: BottleneckAdapter,
    output: Float[Tensor, "*batch hidden"],
    beside: Float[Tensor, "*batch hidden"],
) -> Float[Tensor, "*batch hidden"]:
    """Apply the adapter with its skip connection: y + W_up act(W_down x + b_down) + b_up.

    Args:
        adapter: its tensors.
        output: y, what the sub-layer gave.
        beside: what the sub-layer was given; x of a parallel adapter. Any other one has x = y.
    """
    act = ACTIVATIONS[adapter.activation]
    x = beside if adapter.parallel else output
    if adapter.norm is not None:
        x = normalise(x, adapter.norm, NORM_EPS)
    inner = act(F.linear(x, adapter.down_weight, adapter.down_bias))
    if adapter.hidden is not None:
        inner = act(F.linear(inner, *adapter.hidden))
    return output + F.linear(inner, adapter.up_weight, adapter.up_bias)
