"""Law 6: fresh adapters change the last hidden state by less than `IDENTITY_BOUND`."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from stream.learning.encoding import encode_split
from stream.model.backbone.backbone import Backbone
from stream.model.backbone.loading import load_backbone
from stream.model.backbone.names import MINILM
from stream.model.encoder.encoder import assemble, hidden_states
from stream.model.methods.bottleneck import IDENTITY_BOUND, VARIANT_IDENTITY_BOUND, houlsby
from stream.model.methods.method import Method, fresh_parameters
from stream.model.methods.specification import method_named
from tasks.task import Split

TEXTS = (
    "The flight was late again, and nobody told us why.",
    "WIN a free prize now!!!",
    "a",
    "On Tuesday the committee on the budget of the city talked about roads, schools and a new bridge.",
    "ba be bi bo bu by",
)


@pytest.fixture(scope="module")
def minilm() -> Backbone:
    """The embedded backbone in float32."""
    return load_backbone(MINILM)


def last_states(backbone: Backbone, parameters: Mapping[str, Tensor]) -> Tensor:
    """Last hidden states of all tokens of the texts, [tokens, hidden]."""
    split = Split(texts=TEXTS, labels=[0] * len(TEXTS))
    tokens = encode_split(backbone.tokenizer, split, max_length=40).tokens
    length = int(tokens.lengths.max())
    batch = tokens.batch(torch.arange(len(TEXTS)), length)
    with torch.inference_mode():
        states = hidden_states(assemble(backbone, parameters), batch)
    return states[torch.arange(length) < tokens.lengths[:, None]]


def largest_change(backbone: Backbone, size: int, seed: int, scale: float | None = None) -> float:
    """Largest change of a hidden value by fresh adapters of that size."""
    method = houlsby(size) if scale is None else houlsby(size, initial_scale=scale)
    return change_by(backbone, method, seed)


def change_by(backbone: Backbone, method: Method, seed: int) -> float:
    """Largest change of a hidden value by a fresh task of that method."""
    sites = method.trained_sites(backbone.architecture, 2)
    fresh = method.materialise(fresh_parameters(sites, backbone, {}, seed))
    bare = {name: fresh[name] for name in ("head.weight", "head.bias")}
    return float((last_states(backbone, fresh) - last_states(backbone, bare)).abs().max())


@pytest.mark.parametrize("size", [8, 24, 64])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_fresh_adapters_are_almost_the_identity_on_minilm(minilm: Backbone, size: int, seed: int) -> None:
    """On the default backbone, fresh adapters change something, and nothing by more than the bound."""
    assert 0 < largest_change(minilm, size, seed) < IDENTITY_BOUND


@pytest.mark.parametrize("size", [4, 24])
def test_fresh_adapters_are_almost_the_identity_on_random_weights(backbone: Backbone, size: int) -> None:
    """The same holds for weights nobody trained."""
    assert 0 < largest_change(backbone, size, seed=0) < IDENTITY_BOUND


VARIANTS = (
    "houlsby:parallel",
    "houlsby:norm",
    "houlsby:deep",
    "houlsby:activation=tanh",
    "houlsby:activation=relu",
    "houlsby:placement=attention",
    "houlsby:placement=feed-forward",
    "houlsby:layers=0-2",
    "houlsby:parallel:norm:activation=tanh",
    "houlsby:parallel:norm:deep:activation=tanh",
    "adapter-l",
)


@pytest.mark.parametrize("text", VARIANTS)
def test_fresh_variants_are_almost_the_identity_on_minilm(minilm: Backbone, text: str) -> None:
    """Every variant of up to 64 units starts within the variants' bound, the widest combination included."""
    assert 0 < change_by(minilm, method_named(text, adapter_size=64), seed=0) < VARIANT_IDENTITY_BOUND


@pytest.mark.parametrize("text", ["lora", "fine-tune:2", "layer-norm", "feature"])
def test_zero_updates_and_copies_are_the_identity(backbone: Backbone, text: str) -> None:
    """Methods that start at the backbone's own values change nothing but roundings."""
    assert change_by(backbone, method_named(text, adapter_size=4), seed=0) < 1e-6


def test_a_prefix_is_not_the_identity(minilm: Backbone) -> None:
    """Fresh prefixes draw attention to vectors that were not there: no bound holds for them."""
    assert change_by(minilm, method_named("prefix", adapter_size=24), seed=0) > VARIANT_IDENTITY_BOUND


def test_a_larger_start_breaks_the_bound(minilm: Backbone) -> None:
    """Adapters drawn three times as wide change MiniLM's states by more than the bound."""
    assert largest_change(minilm, 24, seed=0, scale=3e-2) > IDENTITY_BOUND


def test_the_papers_code_starts_closer(minilm: Backbone) -> None:
    """With the standard deviation of the paper's code the change is a tenth of the bound at most."""
    assert largest_change(minilm, 24, seed=0, scale=1e-3) < IDENTITY_BOUND / 10
