import pytest
import torch

from stream.learning.flat import FlatParameters
from stream.model.backbone.parameters import NO_PARAMETERS
from stream.model.methods.bottleneck import houlsby
from stream.model.methods.catalogue import sequential
from stream.model.methods.method import Kind, Method, fresh_parameters
from tests.stream.tiny import CPU, TINY, tiny_backbone

METHODS = [houlsby(4), sequential()]
each_method = pytest.mark.parametrize("method", METHODS, ids=[method.name for method in METHODS])

each_format = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)


def started(
    method: Method, dtype: torch.dtype = torch.float32
) -> tuple[FlatParameters, dict[str, torch.Tensor]]:
    sites = method.sites(TINY, num_labels=3)
    values = fresh_parameters(sites, tiny_backbone(), NO_PARAMETERS, 0)
    return FlatParameters(sites, values, CPU, dtype), values


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
    flat, values = started(houlsby(4), torch.bfloat16)
    tensors = flat.tensors()
    kinds = {site.name: site.kind for site in houlsby(4).sites(TINY, num_labels=3)}
    assert set(tensors) == set(values)
    for name, tensor in tensors.items():
        assert tensor.shape == values[name].shape
        assert tensor.dtype is (torch.float32 if kinds[name] is Kind.HEAD else torch.bfloat16)


@each_format
@each_method
def test_each_step_has_the_current_values(method: Method, dtype: torch.dtype) -> None:
    """What a step is handed is the values as they stand, rounded to the compute format."""
    flat, _ = started(method, dtype)
    flat.tensors()
    with torch.no_grad():
        for leaf in flat.leaves:
            leaf.mul_(1.01).add_(0.3)
    values = flat.values()
    for name, tensor in flat.tensors().items():
        assert torch.equal(tensor, values[name].to(tensor.dtype))


@each_format
@each_method
def test_gradients_reach_the_flat_tensors(method: Method, dtype: torch.dtype) -> None:
    """A gradient at one tensor lands at its place in the flat one; elsewhere is zero."""
    flat, values = started(method, dtype)
    torch.stack([tensor.float().sum() for tensor in flat.tensors().values()]).sum().backward()
    flat.collect_gradients()
    touched = {min(values), max(values), "head.bias"}
    tensors = flat.tensors()
    for name in touched:
        (2 * tensors[name]).sum().backward()
    flat.collect_gradients()
    gradients = {name: torch.full_like(value, 2.0 * (name in touched)) for name, value in values.items()}
    marks = FlatParameters(method.sites(TINY, num_labels=3), gradients, CPU, dtype)
    for leaf, expected in zip(flat.leaves, marks.leaves, strict=True):
        assert leaf.grad is not None
        assert torch.equal(leaf.grad, expected.detach())


@each_format
@each_method
def test_gradients_are_those_of_the_casts(method: Method, dtype: torch.dtype) -> None:
    """The gradients are those that autograd gives through plain casts of the master values."""
    flat, values = started(method, dtype)
    leaves = {name: value.clone().requires_grad_() for name, value in values.items()}
    tensors = flat.tensors()
    cast = {name: leaf.to(tensors[name].dtype) for name, leaf in leaves.items()}
    for given in (tensors, cast):
        torch.stack([tensor.float().pow(3).sum() for tensor in given.values()]).sum().backward()
    flat.collect_gradients()
    gradients = {name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}
    marks = FlatParameters(method.sites(TINY, num_labels=3), gradients, CPU, dtype)
    for leaf, expected in zip(flat.leaves, marks.leaves, strict=True):
        assert leaf.grad is not None
        assert torch.equal(leaf.grad, expected.detach())


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
