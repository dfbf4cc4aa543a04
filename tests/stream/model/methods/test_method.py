import pytest
import torch

from db.records import Owner
from stream.errors import UserError
from stream.model.backbone.architecture import tensor_shapes
from stream.model.backbone.parameters import NO_PARAMETERS, TaskParameters
from stream.model.encoder.encoder import assemble, encode, hidden_states
from stream.model.encoder.packing import Batch
from stream.model.methods.bottleneck import houlsby
from stream.model.methods.catalogue import sequential
from stream.model.methods.method import Kind, Start, fresh_parameters
from tests.stream.tiny import TINY, random_head, tiny_backbone

BACKBONE = tiny_backbone()
SITES = houlsby(8).sites(TINY, num_labels=3)


def fresh(seed: int = 0) -> dict[str, torch.Tensor]:
    return fresh_parameters(SITES, BACKBONE, NO_PARAMETERS, seed)


def test_a_fresh_task_has_the_declared_tensors() -> None:
    """Starting values come in the declared shapes, float32, on the CPU."""
    values = fresh()
    assert {name: tuple(value.shape) for name, value in values.items()} == {s.name: s.shape for s in SITES}
    assert {value.dtype for value in values.values()} == {torch.float32}


def test_adapters_start_as_the_paper_says() -> None:
    """Adapter weights are normal with deviation 1e-2, cut at two of them; biases are zero (section 3.6)."""
    values = fresh_parameters(houlsby(64).sites(TINY, 2), BACKBONE, NO_PARAMETERS, 0)
    weights = torch.cat([v.flatten() for n, v in values.items() if ".adapter." in n and n.endswith("weight")])
    biases = torch.cat([v.flatten() for n, v in values.items() if ".adapter." in n and n.endswith("bias")])
    assert float(weights.abs().max()) <= 2e-2
    assert float(weights.std()) == pytest.approx(
        0.88e-2, rel=0.02
    )  # a normal cut at two deviations has 0.88 of it
    assert abs(float(weights.mean())) < 3e-4
    assert not biases.any()


def test_heads_start_as_the_papers_code_says() -> None:
    """Head weights are normal with deviation 0.02, cut at two of them; its bias is zero."""
    head = fresh_parameters(houlsby(8).sites(TINY, 157), BACKBONE, NO_PARAMETERS, 0)
    assert float(head["head.weight"].abs().max()) <= 0.04
    assert float(head["head.weight"].std()) == pytest.approx(0.0176, rel=0.05)
    assert not head["head.bias"].any()


def test_layer_norms_start_as_copies_of_the_backbones() -> None:
    """Each layer norm starts at the backbone's values, in memory of its own."""
    values = fresh()
    norms = [site.name for site in SITES if site.kind is Kind.LAYER_NORM]
    assert len(norms) == 2 * (2 * TINY.num_layers + 1)
    for name in norms:
        assert torch.equal(values[name], BACKBONE.tensors[name])
        assert values[name].data_ptr() != BACKBONE.tensors[name].data_ptr()


def test_starting_values_follow_from_the_seed() -> None:
    """One seed gives equal bytes, another seed others; the global generator is neither read nor moved."""
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    first = TaskParameters(fresh(0)).to_bytes()
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(2)
    assert TaskParameters(fresh(0)).to_bytes() == first
    assert TaskParameters(fresh(1)).to_bytes() != first


def test_adapters_that_are_zero_change_nothing() -> None:
    """With zero up-projections the encoder gives bit for bit what it gives without adapters."""
    batch = Batch(token_ids=torch.tensor([[2, 30, 41, 3], [2, 9, 3, 0]]), lengths=torch.tensor([4, 3]))
    values = fresh() | random_head(3)
    zeroed = {name: value * (".adapter.up" not in name) for name, value in values.items()}
    assert torch.equal(encode(BACKBONE, zeroed, batch), encode(BACKBONE, random_head(3), batch))
    assert not torch.equal(encode(BACKBONE, values, batch), encode(BACKBONE, random_head(3), batch))


def test_weights_decay_and_nothing_else() -> None:
    """Weight decay applies to adapter and head weights, never to biases and layer norms."""
    decaying = {site.name for site in SITES if site.decays}
    assert decaying == {n.name for n in SITES if n.name.endswith(".weight") and ".norm." not in n.name}
    body = sequential().sites(TINY, 2)
    assert not any(site.decays for site in body if ".norm." in site.name or site.name.endswith(".bias"))
    assert {"embeddings.word", "layer.0.attention.query.weight"} <= {
        site.name for site in body if site.decays
    }


def test_an_isolated_method_owns_everything() -> None:
    """Adapters, layer norms and head are the task's own, and the backbone is still read."""
    method = houlsby(8)
    assert method.isolated
    assert {site.owner for site in SITES} == {Owner.OWN}
    assert method.reads_backbone(TINY)


def test_sequential_shares_the_body() -> None:
    """The body belongs to the stream, the head to the task, and no tensor of the backbone is read."""
    method = sequential()
    sites = method.sites(TINY, 2)
    shared = {site.name for site in sites if site.owner is Owner.SHARED}
    assert not method.isolated
    assert shared == set(tensor_shapes(TINY))
    assert {site.name for site in sites} - shared == {"head.weight", "head.bias"}
    assert not method.reads_backbone(TINY)


def test_shared_tensors_start_where_the_stream_left_them() -> None:
    """A later task starts from the stream's version; its head is fresh."""
    sites = sequential().sites(TINY, 2)
    version = TaskParameters({n: v + 1 for n, v in BACKBONE.tensors.items()})
    first = fresh_parameters(sites, BACKBONE, NO_PARAMETERS, 0)
    second = fresh_parameters(sites, BACKBONE, version, 0)
    name = "layer.1.feed_forward.up.weight"
    assert torch.equal(first[name], BACKBONE.tensors[name])
    assert torch.equal(second[name], BACKBONE.tensors[name] + 1)
    assert second[name].data_ptr() != version[name].data_ptr()
    assert torch.equal(first["head.weight"], second["head.weight"])


def test_a_copied_layer_replaces_the_backbones() -> None:
    """Query, key and value of a task take the place of the fused projection of the backbone."""
    batch = Batch(token_ids=torch.tensor([[2, 30, 41, 3]]), lengths=torch.tensor([4]))
    copies = {name: tensor.clone() for name, tensor in BACKBONE.tensors.items()}
    same, plain = assemble(BACKBONE, copies | random_head(2)), assemble(BACKBONE, random_head(2))
    torch.testing.assert_close(hidden_states(same, batch), hidden_states(plain, batch), rtol=0, atol=0)
    copies["layer.1.attention.key.bias"] += 1
    copies["layer.0.attention.query.weight"] *= 2
    other = assemble(BACKBONE, copies | random_head(2))
    assert not torch.allclose(hidden_states(other, batch), hidden_states(plain, batch))


def test_an_adapter_has_a_size() -> None:
    """A size below 1 is the user's mistake."""
    with pytest.raises(UserError, match="--adapter-size is 0; it must be 1 or more"):
        houlsby(0)


def test_starts_are_declared() -> None:
    """Weights of adapters and head are drawn, their biases zero, layer norms copied."""
    starts = {(site.kind, site.name.rsplit(".", 1)[1]): site.start for site in SITES}
    assert starts == {
        (Kind.ADAPTER, "weight"): Start.NORMAL,
        (Kind.ADAPTER, "bias"): Start.ZERO,
        (Kind.LAYER_NORM, "weight"): Start.BACKBONE,
        (Kind.LAYER_NORM, "bias"): Start.BACKBONE,
        (Kind.HEAD, "weight"): Start.NORMAL,
        (Kind.HEAD, "bias"): Start.ZERO,
    }
