"""What a method is: which tensors a task owns, which the stream shares, and how each starts.

A method is a function from an architecture and a number of classes to `Site`s. Everything else (starting
values, what is trained, what is stored, how it is counted and served) follows from the sites, so the loop
and the encoder hold no special case for any method. The methods themselves stand in `catalogue.py`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import torch
from torch import Tensor

from db.records import Owner, ParameterCounts, Regime
from stream.model.backbone.architecture import (
    Architecture,
    Shape,
    count_parameters,
    layer_norm_shapes,
    tensor_shapes,
)
from stream.model.backbone.backbone import Backbone
from tasks.task import PaperColumn

HEAD_INITIAL_SCALE = 0.02
"""Standard deviation of a fresh head's weights (the paper's code, run_classifier.py, `create_model`)."""
Materialise = Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]
"""From what is trained to what is stored and served, by site name; differentiable."""


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
    ONE = "one"


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


def as_trained(tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Most methods store what they train."""
    return tensors


@dataclass(frozen=True, kw_only=True, slots=True)
class Method:
    """A way of adapting the backbone to a task."""

    name: str
    summary: str
    options: Mapping[str, float | int | str | bool] = field(default_factory=dict)
    """What distinguishes two recipes of the same method; part of `recipe_sha256`."""
    body: Callable[[Architecture], tuple[Site, ...]] = field(repr=False)
    """What is stored apart from the head."""
    learning_rate: float = 3e-3
    """Peak rate where none is asked for."""
    paper_epochs: PaperColumn = "adapters"
    """Whose epochs of the paper's Table 4 apply."""
    shares: bool = False
    """Whether the stream owns the body: then a later task changes what an earlier one is served with."""
    regime: Regime = Regime.STREAM
    trained_body: Callable[[Architecture], tuple[Site, ...]] | None = field(default=None, repr=False)
    """What is trained apart from the head, where that is not what is stored."""
    materialise: Materialise = field(default=as_trained, repr=False)

    @property
    def isolated(self) -> bool:
        """Whether the method promises that no task changes another."""
        return not self.shares

    def sites(self, architecture: Architecture, num_labels: int) -> tuple[Site, ...]:
        """All stored tensors of one task with `num_labels` classes, body first."""
        return self._with_head(self.body(architecture), architecture, num_labels)

    def trained_sites(self, architecture: Architecture, num_labels: int) -> tuple[Site, ...]:
        """All tensors that are trained; `materialise` turns them into the stored ones."""
        body = self.body if self.trained_body is None else self.trained_body
        return self._with_head(body(architecture), architecture, num_labels)

    def reads_backbone(self, architecture: Architecture) -> bool:
        """Whether a served task still reads some tensor of the backbone."""
        if self.regime is Regime.SEPARATE:
            return False
        return not set(tensor_shapes(architecture)) <= {site.name for site in self.body(architecture)}

    def _with_head(
        self, body: tuple[Site, ...], architecture: Architecture, num_labels: int
    ) -> tuple[Site, ...]:
        if self.regime is Regime.SEPARATE:
            return body
        owner = Owner.SHARED if self.shares else Owner.OWN
        return tuple(replace(site, owner=owner) for site in body) + head_sites(architecture, num_labels)


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


def copied_sites(shapes: Mapping[str, Shape]) -> tuple[Site, ...]:
    """Sites that start as copies of the backbone tensors of these names and shapes."""
    return tuple(
        Site(
            name=name,
            shape=shape,
            kind=Kind.LAYER_NORM if ".norm." in name else Kind.OTHER,
            start=Start.BACKBONE,
        )
        for name, shape in shapes.items()
    )


def layer_norm_sites(architecture: Architecture) -> tuple[Site, ...]:
    """Copies of all layer norms, the embedding layer norm included (adapter-bert issue 8)."""
    return copied_sites(layer_norm_shapes(architecture))


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
    value = torch.full(site.shape, 1.0 if site.start is Start.ONE else 0.0)
    if site.start is Start.NORMAL:
        bound = 2 * site.scale
        torch.nn.init.trunc_normal_(value, std=site.scale, a=-bound, b=bound, generator=generator)
    return value
