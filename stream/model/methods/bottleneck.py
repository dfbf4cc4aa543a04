"""Methods with bottleneck adapters: where they sit, how large they are, and the paper's variants."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from stream.errors import UserError
from stream.model.backbone.architecture import Architecture, Shape, count_parameters, tensor_shapes
from stream.model.encoder.adapter import AdapterForm, adapter_shapes
from stream.model.methods.method import Kind, Method, Site, Start, layer_norm_sites, sum_sites

PAPER_INITIAL_SCALE = 1e-2
"""Standard deviation of fresh adapter weights, truncated at two of them (Houlsby et al. 2019, section 3.6).

The paper's code uses 1e-3.
"""
IDENTITY_BOUND = 0.05
"""Fresh adapters of up to 64 units change no value of the last hidden state by more (law 6 tests it).

On MiniLM in float32, whose values have a standard deviation of 0.4, the largest change seen is 0.02 at 24
units and 0.033 at 64. It grows with the square root of the size: 0.08 at 256.
"""
VARIANT_IDENTITY_BOUND = 0.2
"""The same bound for all variants, options taken together included.

A layer norm on the input makes it larger and tanh has twice GELU's slope at zero. On MiniLM at 64 units the
largest changes seen over four seeds are 0.08 with the norm, 0.07 with tanh, 0.17 with both and `parallel`.
"""
PAPER_TRAINED_FRACTION = 0.0114
"""Parameters per task over the backbone's, Houlsby et al. 2019, Table 2."""
SUBLAYERS: Mapping[str, tuple[str, ...]] = {
    "both": ("attention", "feed_forward"),
    "attention": ("attention",),
    "feed-forward": ("feed_forward",),
}
"""Where a layer's adapters sit, by the name of the option."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bottleneck:
    """Architecture of the adapters of a method; the defaults are the paper's."""

    adapter_size: int
    initial_scale: float = PAPER_INITIAL_SCALE
    placement: str = "both"
    """A key of `SUBLAYERS`."""
    activation: str = "gelu"
    parallel: bool = False
    norm: bool = False
    """A layer norm over the adapter's input."""
    deep: bool = False
    """A second map inside the bottleneck."""
    first_layer: int = 0
    last_layer: int | None = None
    """Inclusive; None: the top one."""
    layer_norms: bool = True
    """Whether the backbone's layer norms are trained too, the embedding's included."""

    def layers(self, architecture: Architecture) -> range:
        """Layers that get adapters.

        Raises:
            UserError: the backbone has no such layers.
        """
        last = architecture.num_layers - 1 if self.last_layer is None else self.last_layer
        if not 0 <= self.first_layer <= last < architecture.num_layers:
            raise UserError(
                f"layers={self.first_layer}-{last} is not a span of this backbone's layers, "
                f"which are 0 to {architecture.num_layers - 1}."
            )
        return range(self.first_layer, last + 1)


def houlsby(adapter_size: int, **variant: float | int | str | bool) -> Method:
    """Bottleneck adapters, layer norms and a head per task (Houlsby et al. 2019).

    Args:
        adapter_size: m, units of the bottleneck.
        variant: other fields of `Bottleneck`.

    Raises:
        UserError: the size is not positive, or a value is not allowed.
    """
    bottleneck = Bottleneck(adapter_size=adapter_size, **variant)  # type: ignore[arg-type]
    return _adapters("houlsby", bottleneck, f"bottleneck adapters of size {adapter_size}, layer norms, head")


def adapter_l(adapter_size: int, **variant: float | int | str | bool) -> Method:
    """One adapter a layer, after the feed-forward sub-layer, and a head (Lin et al. 2020, arXiv 2004.03829).

    Raises:
        UserError: as for `houlsby`.
    """
    options = {"placement": "feed-forward", "layer_norms": False, **variant}
    bottleneck = Bottleneck(adapter_size=adapter_size, **options)  # type: ignore[arg-type]
    return _adapters("adapter-l", bottleneck, f"one adapter of size {adapter_size} a layer, and head")


def _adapters(name: str, bottleneck: Bottleneck, summary: str) -> Method:
    if bottleneck.adapter_size < 1:
        raise UserError(f"--adapter-size is {bottleneck.adapter_size}; it must be 1 or more.")

    def body(architecture: Architecture) -> tuple[Site, ...]:
        norms = layer_norm_sites(architecture) if bottleneck.layer_norms else ()
        return bottleneck_sites(architecture, bottleneck) + norms

    plain = asdict(Bottleneck(adapter_size=bottleneck.adapter_size))
    told = {"adapter_size", "initial_scale"}
    options = {k: v for k, v in asdict(bottleneck).items() if k in told or v != plain[k]}
    return Method(name=name, summary=summary, options=options, body=body)


def bottleneck_sites(architecture: Architecture, bottleneck: Bottleneck) -> tuple[Site, ...]:
    """The adapters of every layer in their span, in forward order.

    The second map of a deep bottleneck starts with deviation 1 / sqrt(m): its first output is as large as its
    input, and the adapter as near the identity as a shallow one.
    """
    form = AdapterForm(activation=bottleneck.activation, parallel=bottleneck.parallel)
    shapes: dict[str, Shape] = {}
    for layer in bottleneck.layers(architecture):
        for sublayer in SUBLAYERS[bottleneck.placement]:
            shapes |= adapter_shapes(
                f"layer.{layer}.{sublayer}.{form.segment}",
                architecture.hidden_size,
                bottleneck.adapter_size,
                norm=bottleneck.norm,
                deep=bottleneck.deep,
            )

    def site(name: str, shape: Shape) -> Site:
        hidden = name.endswith(".hidden.weight")
        start = Start.ZERO if name.endswith(".bias") else Start.NORMAL
        if name.endswith(".norm.weight"):
            start = Start.ONE
        scale = 1.0 / math.sqrt(bottleneck.adapter_size) if hidden else bottleneck.initial_scale
        return Site(name=name, shape=shape, kind=Kind.ADAPTER, start=start, scale=scale)

    return tuple(site(name, shape) for name, shape in shapes.items())


def default_adapter_size(architecture: Architecture) -> int:
    """The multiple of 8 whose adapters and layer norms come nearest the paper's 1.14 % per task.

    24 for MiniLM, 32 for bert-base-uncased.
    """
    backbone = count_parameters(tensor_shapes(architecture))

    def distance(size: int) -> float:
        body = houlsby(size).body(architecture)
        return abs(sum_sites(body).total / backbone - PAPER_TRAINED_FRACTION)

    return min(range(8, 513, 8), key=distance)
