"""The catalogue of methods: sizes on BERT, what is stored, and what a task is served with."""

import pytest
import torch

from db.records import Owner, Regime
from stream.errors import UserError
from stream.model.backbone.architecture import BERT_BASE_UNCASED, layer_shapes, tensor_shapes
from stream.model.encoder.encoder import encode
from stream.model.methods.catalogue import feature, fine_tune, joint, layer_norm, no_bert, prefix
from stream.model.methods.family import METHODS
from stream.model.methods.method import Kind, fresh_parameters, sum_sites
from stream.model.methods.specification import method_named
from tests.stream.model.written_down import ROWS, one_row, padded
from tests.stream.tiny import TINY, tiny_backbone

BACKBONE = tiny_backbone()
POOLER = 768 * 769
LAYER = 7_087_872
"""Parameters of one layer of bert-base."""
WITH_TENSORS = [name for name in METHODS if name != "no-bert"]
FINE_TUNING = [
    (1, LAYER + POOLER),
    (2, 2 * LAYER + POOLER),
    (12, 12 * LAYER + POOLER),
    (None, 109_482_240),
]


def test_layer_norms_and_head_of_bert_base() -> None:
    """`layer-norm` has 38,400 parameters, the paper's 40k, and the head."""
    counts = sum_sites(layer_norm().sites(BERT_BASE_UNCASED, 3))
    assert (counts.layer_norm, counts.head, counts.total) == (38_400, 3 * 769, 38_400 + 3 * 769)


def test_a_feature_based_task_is_its_head() -> None:
    """`feature` stores the head alone."""
    assert [site.name for site in feature().sites(BERT_BASE_UNCASED, 3)] == ["head.weight", "head.bias"]


@pytest.mark.parametrize(("num_layers", "num_parameters"), FINE_TUNING)
def test_sizes_of_fine_tuning_on_bert_base(num_layers: int | None, num_parameters: int) -> None:
    """`fine-tune:N` copies N layers and the pooler, `fine-tune` everything (109,482,240 parameters)."""
    counts = sum_sites(fine_tune(num_layers).body(BERT_BASE_UNCASED))
    assert counts.total == num_parameters
    assert counts.adapter == counts.head == 0


def test_the_papers_top_layer() -> None:
    """The top layer of BERT-base is 9M trained parameters by the paper (section 3.4), 7.7M when counted."""
    assert 7e6 < sum_sites(fine_tune(1).sites(BERT_BASE_UNCASED, 3)).total < 9e6


def test_the_top_layers_are_copied() -> None:
    """`fine-tune:1` copies the last layer, the one nearest the head."""
    body = {site.name for site in fine_tune(1).body(TINY)}
    assert body == set(layer_shapes(TINY, TINY.num_layers - 1))


def test_more_layers_than_there_are() -> None:
    """A backbone with fewer layers than asked for is the user's mistake."""
    with pytest.raises(UserError, match=r"fine-tune:13 wants more layers than the backbone's 12\."):
        fine_tune(13).sites(BERT_BASE_UNCASED, 2)


@pytest.mark.parametrize("span", ["3-20", "5-2", "12"])
def test_a_span_outside_the_backbone(span: str) -> None:
    """Adapters in layers that a backbone lacks are the user's mistake."""
    with pytest.raises(UserError, match="is not a span of this backbone's layers, which are 0 to 11"):
        method_named(f"houlsby:layers={span}", adapter_size=8).sites(BERT_BASE_UNCASED, 2)


@pytest.mark.parametrize("name", WITH_TENSORS)
def test_what_is_trained_becomes_what_is_stored(name: str) -> None:
    """Of every method, what it trains gives the tensors it stores, by name and shape."""
    method = method_named(name, adapter_size=4)
    trained = fresh_parameters(method.trained_sites(TINY, 3), BACKBONE, {}, 0)
    assert {n: tuple(tensor.shape) for n, tensor in method.materialise(trained).items()} == {
        site.name: site.shape for site in method.sites(TINY, 3)
    }


@pytest.mark.parametrize(
    "name", [name for name in WITH_TENSORS if name not in ("prefix", "houlsby", "adapter-l")]
)
def test_fresh_copies_are_the_backbone(name: str) -> None:
    """Fresh copies, zero updates and heads alone give the logits of the backbone under that head."""
    method = method_named(name, adapter_size=4)
    fresh = fresh_parameters(method.trained_sites(TINY, 3), BACKBONE, {}, 0)
    expected = torch.stack([one_row({**BACKBONE.tensors, **fresh}, row) for row in ROWS])
    served = method.materialise(fresh)
    torch.testing.assert_close(encode(BACKBONE, served, padded()), expected, rtol=0, atol=2e-5)
    bare = {leaf: fresh[leaf] for leaf in ("head.weight", "head.bias")}
    torch.testing.assert_close(
        encode(BACKBONE, served, padded()), encode(BACKBONE, bare, padded()), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("name", ["fine-tune", "fine-tune:1", "layer-norm", "feature"])
def test_copies_take_the_backbones_place(name: str) -> None:
    """Changed copies give the logits of a backbone that has their values."""
    method = method_named(name, adapter_size=4)
    generator = torch.Generator().manual_seed(8)
    own = {
        site.name: 0.3 * torch.randn(site.shape, generator=generator) + (".norm.weight" in site.name)
        for site in method.sites(TINY, 3)
    }
    expected = torch.stack([one_row({**BACKBONE.tensors, **own}, row) for row in ROWS])
    torch.testing.assert_close(encode(BACKBONE, own, padded()), expected, rtol=0, atol=2e-5)


def test_which_methods_read_the_backbone() -> None:
    """A full copy, shared or not, and a pipeline read nothing of the backbone; all others do."""
    unread = {n for n in METHODS if not method_named(n, adapter_size=8).reads_backbone(BERT_BASE_UNCASED)}
    assert unread == {"fine-tune", "sequential", "joint", "no-bert"}
    assert fine_tune(12).reads_backbone(BERT_BASE_UNCASED)


def test_which_methods_share() -> None:
    """Sequential and joint training share their body; every other method owns all it has."""
    sharing = {name for name in METHODS if not method_named(name, adapter_size=8).isolated}
    assert sharing == {"sequential", "joint"}
    owners = {site.name: site.owner for site in joint().sites(TINY, 2)}
    assert {name for name, owner in owners.items() if owner is Owner.OWN} == {"head.weight", "head.bias"}
    assert {name for name, owner in owners.items() if owner is Owner.SHARED} == set(tensor_shapes(TINY))


def test_regimes() -> None:
    """Joint training and pipelines are no streams; a pipeline has no tensors."""
    regimes = {name: method_named(name, adapter_size=8).regime for name in METHODS}
    assert {n for n, regime in regimes.items() if regime is not Regime.STREAM} == {"joint", "no-bert"}
    assert no_bert().sites(BERT_BASE_UNCASED, 5) == ()


@pytest.mark.parametrize("name", WITH_TENSORS)
def test_each_tensor_is_counted_as_what_it_is(name: str) -> None:
    """Adapters, layer norms and heads are counted as such; everything else is other, and all is counted."""
    sites = method_named(name, adapter_size=8).sites(BERT_BASE_UNCASED, 2)
    for site in sites:
        adapter, head = ".adapter" in site.name, site.name.startswith("head.")
        norm = ".norm." in site.name and not adapter
        expected = Kind.ADAPTER if adapter else Kind.HEAD if head else Kind.LAYER_NORM if norm else Kind.OTHER
        assert site.kind is expected
    assert sum_sites(sites).total == sum(torch.Size(site.shape).numel() for site in sites)


def test_a_prefixs_network_decays_by_its_weights_only() -> None:
    """Weight decay spares the biases of the training-only network."""
    trained = prefix(4, hidden=6).trained_sites(TINY, 2)
    assert {site.name for site in trained if not site.decays} == {
        "prefix.down.bias",
        "prefix.up.bias",
        "head.bias",
    }
