"""Architecture variants of the bottleneck adapter, each against a description (section 3.6)."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from stream.model.backbone.architecture import BERT_BASE_UNCASED
from stream.model.encoder.adapter import NORM_EPS
from stream.model.encoder.encoder import encode
from stream.model.methods.bottleneck import adapter_l, houlsby
from stream.model.methods.method import Method, fresh_parameters, sum_sites
from stream.model.methods.specification import method_named
from tests.stream.model.written_down import (
    ROWS,
    Adapted,
    affine,
    gelu_tanh,
    layer_norm,
    one_row,
    padded,
)
from tests.stream.tiny import TINY, tiny_backbone

BACKBONE = tiny_backbone()
EVERYWHERE = frozenset(f"layer.{i}.{part}" for i in (0, 1) for part in ("attention", "feed_forward"))


@dataclass(frozen=True, kw_only=True)
class Written:
    """A variant in words: where it sits and what it computes."""

    at: frozenset[str] = EVERYWHERE
    segment: str = "adapter"
    activation: Callable[[Tensor], Tensor] = gelu_tanh
    reads_input: bool = False
    norm: bool = False
    num_inner: int = 0

    def over(self, tensors: dict[str, Tensor]) -> Adapted:
        """The computation with these tensors."""

        def adapted(sublayer: str, y: Tensor, x: Tensor) -> Tensor:
            if sublayer not in self.at:
                return y
            site, inner = f"{sublayer}.{self.segment}", x if self.reads_input else y
            if self.norm:
                inner = layer_norm(
                    inner, tensors[f"{site}.norm.weight"], tensors[f"{site}.norm.bias"], NORM_EPS
                )
            for name in ("down", *["hidden"] * self.num_inner):
                inner = self.activation(affine(tensors, f"{site}.{name}", inner))
            return y + affine(tensors, f"{site}.up", inner)

        return adapted


def relu(x: Tensor) -> Tensor:
    return x * (x > 0)


ATTENTION = frozenset({"layer.0.attention", "layer.1.attention"})
VARIANTS = {
    "houlsby": Written(),
    "houlsby:parallel": Written(segment="adapter.parallel", reads_input=True),
    "houlsby:norm": Written(norm=True),
    "houlsby:deep": Written(num_inner=1),
    "houlsby:activation=tanh": Written(segment="adapter.tanh", activation=torch.tanh),
    "houlsby:activation=relu": Written(segment="adapter.relu", activation=relu),
    "houlsby:placement=attention": Written(at=ATTENTION),
    "houlsby:placement=feed-forward": Written(at=EVERYWHERE - ATTENTION),
    "houlsby:layers=1": Written(at=frozenset({"layer.1.attention", "layer.1.feed_forward"})),
    "houlsby:layers=0-0:placement=attention": Written(at=frozenset({"layer.0.attention"})),
    "adapter-l": Written(at=EVERYWHERE - ATTENTION),
    "houlsby:parallel:norm:deep:activation=relu": Written(
        segment="adapter.parallel.relu", activation=relu, reads_input=True, norm=True, num_inner=1
    ),
}
each_variant = pytest.mark.parametrize("text", VARIANTS)


def tiny_method(text: str) -> Method:
    return method_named(text, adapter_size=6)


def random_own(method: Method) -> dict[str, Tensor]:
    """Tensors of a task that do something, scales of layer norms about 1."""
    generator = torch.Generator().manual_seed(5)
    return {
        site.name: 0.3 * torch.randn(site.shape, generator=generator) + site.name.endswith("norm.weight")
        for site in method.sites(TINY, num_labels=3)
    }


@each_variant
def test_it_computes_what_is_written_down(text: str) -> None:
    """Each variant gives the logits of its description, at the sub-layers it names and nowhere else."""
    own = random_own(tiny_method(text))
    tensors = {**BACKBONE.tensors, **own}
    expected = torch.stack([one_row(tensors, row, VARIANTS[text].over(tensors)) for row in ROWS])
    torch.testing.assert_close(encode(BACKBONE, own, padded()), expected, rtol=0, atol=2e-5)


def test_no_two_variants_are_one() -> None:
    """Under tensors of the same seed the variants give different logits, so each option does something."""
    logits = {text: encode(BACKBONE, random_own(tiny_method(text)), padded()) for text in VARIANTS}
    found = [
        (a, b) for a in logits for b in logits if a < b and torch.allclose(logits[a], logits[b], atol=1e-3)
    ]
    assert found == []


@each_variant
def test_every_tensor_gets_a_gradient(text: str) -> None:
    """Each tensor that a variant declares takes part in the logits."""
    own = {name: tensor.requires_grad_() for name, tensor in random_own(tiny_method(text)).items()}
    gradients = torch.autograd.grad(encode(BACKBONE, own, padded()).square().sum(), list(own.values()))
    assert [name for name, gradient in zip(own, gradients, strict=True) if not gradient.any()] == []


@pytest.mark.parametrize(
    ("text", "num_adapters", "extra_each"),
    [
        ("houlsby", 24, 0),
        ("houlsby:parallel", 24, 0),
        ("houlsby:activation=relu", 24, 0),
        ("houlsby:norm", 24, 2 * 768),
        ("houlsby:deep", 24, 64 * 65),
        ("houlsby:placement=attention", 12, 0),
        ("houlsby:placement=feed-forward", 12, 0),
        ("houlsby:layers=3-5", 6, 0),
        ("houlsby:layers=11", 2, 0),
    ],
)
def test_sizes_on_bert_base(text: str, num_adapters: int, extra_each: int) -> None:
    """An adapter has 2md + m + d parameters; an inner norm adds 2d, a second map m(m + 1)."""
    counts = sum_sites(method_named(text, adapter_size=64).body(BERT_BASE_UNCASED))
    assert counts.adapter == num_adapters * (2 * 64 * 768 + 64 + 768 + extra_each)
    assert counts.layer_norm == 38_400


def test_size_of_adapter_l_on_bert_base() -> None:
    """`adapter-l` has one adapter a layer and leaves the layer norms alone."""
    counts = sum_sites(adapter_l(64).body(BERT_BASE_UNCASED))
    assert (counts.adapter, counts.layer_norm) == (12 * (2 * 64 * 768 + 64 + 768), 0)


def test_a_second_map_keeps_its_input_large() -> None:
    """The inner map of a deep adapter starts with deviation 1 / sqrt(m), the others at the initial scale."""
    sites = {site.name: site for site in houlsby(64, deep=True).sites(TINY, 2)}
    assert sites["layer.0.attention.adapter.hidden.weight"].scale == 1 / 8
    assert sites["layer.0.attention.adapter.down.weight"].scale == 1e-2


def test_an_inner_norm_starts_plain() -> None:
    """A layer norm inside an adapter starts with weight 1 and bias 0."""
    values = fresh_parameters(houlsby(4, norm=True).sites(TINY, 2), BACKBONE, {}, 0)
    assert bool((values["layer.1.feed_forward.adapter.norm.weight"] == 1).all())
    assert not values["layer.1.feed_forward.adapter.norm.bias"].any()


def test_maps_decay_and_nothing_else() -> None:
    """Weight decay applies to the maps of a variant, not to its biases and inner layer norm."""
    own = [site for site in houlsby(4, norm=True, deep=True).sites(TINY, 2) if ".adapter." in site.name]
    assert {site.name.split("adapter.")[1] for site in own if site.decays} == {
        "down.weight",
        "hidden.weight",
        "up.weight",
    }
