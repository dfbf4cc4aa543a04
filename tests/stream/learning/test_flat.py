import pytest
import torch

from stream.learning.flat import FlatParameters
from stream.model.bottleneck import houlsby
from stream.model.catalogue import sequential
from stream.model.methods import Kind, Method, fresh_parameters
from stream.model.parameters import NO_PARAMETERS
from tests.stream.tiny import CPU, TINY, tiny_backbone

METHODS = [houlsby(4), sequential()]
each_method = pytest.mark.parametrize("method", METHODS, ids=[method.name for method in METHODS])


def started(method: Method) -> tuple[FlatParameters, dict[str, torch.Tensor]]:
    sites = method.sites(TINY, num_labels=3)
    values = fresh_parameters(sites, tiny_backbone(), NO_PARAMETERS, 0)
    return FlatParameters(sites, values, CPU), values


@each_method
def test_round_trip(method: Method) -> None:
    """Values laid flat come back by name, shape and bit, in memory of their own."""
    flat, values = started(method)
    restored = flat.values()
    assert set(restored) == set(values)
    for name, value in values.items():
        assert torch.equal(restored[name], value)
    with torch.no_grad():
        flat.leaves[0].add_(1)
    assert all(torch.equal(restored[name], value) for name, value in values.items())
    assert sum(leaf.numel() for leaf in flat.leaves) == restored.num_parameters


@each_method
def test_what_decays_lies_apart(method: Method) -> None:
    """The first flat tensor holds what decays, the second the rest."""
    flat, _ = started(method)
    with torch.no_grad():
        flat.leaves[0].fill_(1)
        flat.leaves[1].fill_(2)
    values = flat.values()
    for site in method.sites(TINY, num_labels=3):
        assert set(values[site.name].unique().tolist()) == {1.0 if site.decays else 2.0}


def test_the_head_stays_float32() -> None:
    """In a training step all tensors but the head are cast to the compute format."""
    flat, values = started(houlsby(4))
    tensors = flat.tensors(torch.bfloat16)
    kinds = {site.name: site.kind for site in houlsby(4).sites(TINY, num_labels=3)}
    assert set(tensors) == set(values)
    for name, tensor in tensors.items():
        assert tensor.shape == values[name].shape
        assert tensor.dtype is (torch.float32 if kinds[name] is Kind.HEAD else torch.bfloat16)


@each_method
def test_gradients_reach_the_flat_tensors(method: Method) -> None:
    """A gradient at one tensor lands at its place in the flat one, and nowhere else."""
    flat, _ = started(method)
    values = flat.values()
    touched = {min(values), max(values), "head.bias"}
    for name in touched:
        (2 * flat.tensors(torch.float32)[name]).sum().backward()
    gradients = {name: torch.full_like(value, 2.0 * (name in touched)) for name, value in values.items()}
    marks = FlatParameters(method.sites(TINY, num_labels=3), gradients, CPU)
    for leaf, expected in zip(flat.leaves, marks.leaves, strict=True):
        found = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
        assert torch.equal(found, expected.detach())


def test_a_snapshot_is_restored() -> None:
    """A snapshot does not follow later changes and brings the values back."""
    flat, values = started(houlsby(4))
    before = flat.snapshot()
    with torch.no_grad():
        for leaf in flat.leaves:
            leaf.mul_(3).add_(1)
    assert not torch.equal(flat.values()["head.bias"], values["head.bias"])
    assert torch.equal(flat.values(before)["head.bias"], values["head.bias"])
    flat.restore(before)
    assert all(torch.equal(flat.values()[name], value) for name, value in values.items())
    assert all(leaf.requires_grad and leaf.is_leaf for leaf in flat.leaves)
