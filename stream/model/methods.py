"""Methods as declarations: which tensors a task owns, which the stream shares, and how each starts.

A method is a function from an architecture and a number of classes to `Site`s. Everything else (starting
values, what is trained, what is stored, how it is counted and served) follows from the sites, so the loop
and the encoder hold no special case for any method.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import torch
from torch import Tensor

from db.records import Owner, ParameterCounts
from stream.errors import UserError
from stream.model.adapter import adapter_shapes
from stream.model.architecture import (
    Architecture,
    Shape,
    count_parameters,
    layer_norm_shapes,
    tensor_shapes,
)
from stream.model.backbone import Backbone

PAPER_INITIAL_SCALE = 1e-2
"""Standard deviation of fresh adapter weights, truncated at two of them (Houlsby et al. 2019, section 3.6).

The paper's code uses 1e-3.
"""
IDENTITY_BOUND = 0.05
"""Fresh adapters of up to 64 units change no value of the last hidden state by more (law 6 tests it).

On MiniLM in float32, whose values have a standard deviation of 0.4, the largest change seen is 0.02 at 24
units and 0.033 at 64. It grows with the square root of the size: 0.08 at 256.
"""
HEAD_INITIAL_SCALE = 0.02
"""Standard deviation of a fresh head's weights (the paper's code, run_classifier.py, `create_model`)."""
PAPER_TRAINED_FRACTION = 0.0114
"""Parameters per task over the backbone's, Houlsby et al. 2019, Table 2."""


class Kind(StrEnum):
    """Kinds of parameters that are counted apart."""

    ADAPTER = "adapter"
    LAYER_NORM = "layer_norm"
    HEAD = "head"
    OTHER = "other"


class Start(StrEnum):
    """Where the first value of a tensor comes from."""

    BACKBONE = "backbone"
    NORMAL = "normal"
    """Truncated normal of the site's scale."""
    ZERO = "zero"


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """One named tensor of a method."""

    name: str
    shape: Shape
    kind: Kind
    start: Start
    owner: Owner = Owner.OWN
    scale: float = 0.0
    """Standard deviation for `Start.NORMAL`."""

    @property
    def decays(self) -> bool:
        """Whether weight decay applies: never to biases and layer norms, as in the paper's code."""
        return (
            self.kind is not Kind.LAYER_NORM and not self.name.endswith(".bias") and ".norm." not in self.name
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Method:
    """A way of adapting the backbone to a task."""

    name: str
    summary: str
    options: Mapping[str, float | int | str] = field(default_factory=dict)
    """What distinguishes two recipes of the same method; part of `recipe_sha256`."""
    body: Callable[[Architecture], tuple[Site, ...]] = field(repr=False)
    """Sites apart from the head."""
    shares: bool = False
    """Whether the stream owns the body: then a later task changes what an earlier one is served with."""

    @property
    def isolated(self) -> bool:
        """Whether the method promises that no task changes another."""
        return not self.shares

    def sites(self, architecture: Architecture, num_labels: int) -> tuple[Site, ...]:
        """All tensors of one task with `num_labels` classes, body first."""
        owner = Owner.SHARED if self.shares else Owner.OWN
        body = tuple(replace(site, owner=owner) for site in self.body(architecture))
        return body + head_sites(architecture, num_labels)

    def reads_backbone(self, architecture: Architecture) -> bool:
        """Whether a served task still reads some tensor of the backbone."""
        return not set(tensor_shapes(architecture)) <= {site.name for site in self.body(architecture)}


def head_sites(architecture: Architecture, num_labels: int) -> tuple[Site, ...]:
    """A fresh linear head: truncated normal weights, zero bias."""
    return (
        Site(
            name="head.weight",
            shape=(num_labels, architecture.hidden_size),
            kind=Kind.HEAD,
            start=Start.NORMAL,
            scale=HEAD_INITIAL_SCALE,
        ),
        Site(name="head.bias", shape=(num_labels,), kind=Kind.HEAD, start=Start.ZERO),
    )


def layer_norm_sites(architecture: Architecture) -> tuple[Site, ...]:
    """Copies of all layer norms, the embedding layer norm included (adapter-bert issue 8)."""
    shapes = layer_norm_shapes(architecture)
    return tuple(Site(name=n, shape=s, kind=Kind.LAYER_NORM, start=Start.BACKBONE) for n, s in shapes.items())


def bottleneck_sites(architecture: Architecture, size: int, initial_scale: float) -> tuple[Site, ...]:
    """Two adapters a layer: after the attention output and after the feed-forward output."""
    shapes: dict[str, Shape] = {}
    for layer in range(architecture.num_layers):
        for sublayer in ("attention", "feed_forward"):
            shapes |= adapter_shapes(f"layer.{layer}.{sublayer}.adapter", architecture.hidden_size, size)
    return tuple(
        Site(
            name=name,
            shape=shape,
            kind=Kind.ADAPTER,
            start=Start.NORMAL if name.endswith(".weight") else Start.ZERO,
            scale=initial_scale,
        )
        for name, shape in shapes.items()
    )


def houlsby(adapter_size: int, *, initial_scale: float = PAPER_INITIAL_SCALE) -> Method:
    """Bottleneck adapters, layer norms and a head per task (Houlsby et al. 2019).

    Raises:
        UserError: the size is not positive.
    """
    if adapter_size < 1:
        raise UserError(f"--adapter-size is {adapter_size}; it must be 1 or more.")

    def body(architecture: Architecture) -> tuple[Site, ...]:
        return bottleneck_sites(architecture, adapter_size, initial_scale) + layer_norm_sites(architecture)

    return Method(
        name="houlsby",
        summary=f"bottleneck adapters of size {adapter_size}, layer norms and head",
        options={"adapter_size": adapter_size, "initial_scale": initial_scale},
        body=body,
    )


def sequential() -> Method:
    """One body fine-tuned on task after task, a head per task: the one that forgets."""

    def body(architecture: Architecture) -> tuple[Site, ...]:
        shapes = tensor_shapes(architecture)
        return tuple(
            Site(
                name=name,
                shape=shape,
                kind=Kind.LAYER_NORM if ".norm." in name else Kind.OTHER,
                start=Start.BACKBONE,
            )
            for name, shape in shapes.items()
        )

    return Method(
        name="sequential",
        summary="one fine-tuned body for all tasks, a head per task",
        body=body,
        shares=True,
    )


def default_adapter_size(architecture: Architecture) -> int:
    """The multiple of 8 whose adapters and layer norms come nearest the paper's 1.14 % per task.

    24 for MiniLM, 32 for bert-base-uncased.
    """
    backbone = count_parameters(tensor_shapes(architecture))

    def distance(size: int) -> float:
        body = houlsby(size).body(architecture)
        return abs(sum_sites(body).total / backbone - PAPER_TRAINED_FRACTION)

    return min(range(8, 513, 8), key=distance)


def sum_sites(sites: Sequence[Site]) -> ParameterCounts:
    """Numbers of parameters by kind that sites declare, for a forecast."""
    return _by_kind((site.kind, count_parameters({site.name: site.shape})) for site in sites)


def count_tensors(tensors: Mapping[str, Tensor], sites: Sequence[Site]) -> ParameterCounts:
    """Numbers of parameters by kind in tensors at hand; the sites only say of which kind each one is."""
    kinds = {site.name: site.kind for site in sites}
    return _by_kind((kinds[name], tensor.numel()) for name, tensor in tensors.items())


def _by_kind(counts: Iterable[tuple[Kind, int]]) -> ParameterCounts:
    totals = dict.fromkeys(Kind, 0)
    for kind, count in counts:
        totals[kind] += count
    return ParameterCounts(**{kind.value: total for kind, total in totals.items()})


def fresh_parameters(
    sites: tuple[Site, ...], backbone: Backbone, shared: Mapping[str, Tensor], seed: int
) -> dict[str, Tensor]:
    """Float32 starting values of a task on the CPU; what the stream shares already is taken from `shared`.

    Drawn on the CPU from `seed` alone, site by site, so that no device changes them.
    """
    generator = torch.Generator().manual_seed(seed)
    return {site.name: _first_value(site, backbone, shared, generator) for site in sites}


def _first_value(
    site: Site, backbone: Backbone, shared: Mapping[str, Tensor], generator: torch.Generator
) -> Tensor:
    if site.owner is Owner.SHARED and site.name in shared:
        return shared[site.name].detach().cpu().clone()
    if site.start is Start.BACKBONE:
        return backbone.tensors[site.name].detach().cpu().clone()
    value = torch.zeros(site.shape)
    if site.start is Start.NORMAL:
        bound = 2 * site.scale
        torch.nn.init.trunc_normal_(value, std=site.scale, a=-bound, b=bound, generator=generator)
    return value


def method_named(name: str, *, adapter_size: int, initial_scale: float = PAPER_INITIAL_SCALE) -> Method:
    """The method of that name.

    Raises:
        UserError: there is none.
    """
    makers: dict[str, Callable[[], Method]] = {
        "houlsby": lambda: houlsby(adapter_size, initial_scale=initial_scale),
        "sequential": sequential,
    }
    if name not in makers:
        raise UserError(f"There is no method {name!r}; known are {', '.join(makers)}.")
    return makers[name]()
