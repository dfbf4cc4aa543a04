import hashlib

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from stream.model.backbone.parameters import NO_PARAMETERS, TaskParameters, fingerprint


def parameters(**changes: torch.Tensor) -> TaskParameters:
    return TaskParameters({"b": torch.arange(6.0).view(2, 3), "a": torch.ones(4), **changes})


def test_bytes_round_trip() -> None:
    """What `to_bytes` writes, `from_bytes` reads: the same names, shapes and values."""
    restored = TaskParameters.from_bytes(parameters().to_bytes())
    assert list(restored) == ["a", "b"]
    assert all(torch.equal(restored[name], tensor) for name, tensor in parameters().items())
    assert restored.to_bytes() == parameters().to_bytes()


@given(order=st.permutations(["a", "b", "layer.10.x", "layer.2.x"]))
def test_equal_values_give_equal_bytes(order: list[str]) -> None:
    """The bytes do not hang on the order in which tensors were given, nor on their strides."""
    values = {name: torch.full((2, 3), float(len(name))) for name in order}
    expected = TaskParameters({name: values[name] for name in sorted(values)}).to_bytes()
    transposed = {name: value.t().contiguous().t() for name, value in values.items()}
    assert TaskParameters(values).to_bytes() == expected
    assert TaskParameters(transposed).to_bytes() == expected


def test_bytes_are_plain_safetensors_in_float32() -> None:
    """Any reader of safetensors reads a blob; other formats are stored as float32."""
    content = parameters(c=torch.ones(3, dtype=torch.bfloat16)).to_bytes()
    tensors = safetensors.torch.load(content)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    assert set(tensors) == {"a", "b", "c"}


def test_own_tensors_lie_over_shared_ones() -> None:
    """A name in both comes from the upper mapping; neither mapping changes."""
    lower = TaskParameters({"a": torch.zeros(4), "z": torch.zeros(1)})
    served = parameters().over(lower)
    assert set(served) == {"a", "b", "z"}
    assert torch.equal(served["a"], torch.ones(4))
    assert torch.equal(lower["a"], torch.zeros(4))
    assert set(parameters().over(NO_PARAMETERS)) == {"a", "b"}


def test_it_counts_scalars() -> None:
    """The number of parameters is the number of scalars in all tensors."""
    assert parameters().num_parameters == 10
    assert NO_PARAMETERS.num_parameters == 0
    assert repr(parameters()) == "TaskParameters(2 tensors, 10 parameters)"


def test_it_cannot_be_written_to() -> None:
    """No item can be set or deleted."""
    with pytest.raises(TypeError, match="item assignment"):
        parameters()["a"] = torch.zeros(4)  # type: ignore[index]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64])
def test_the_fingerprint_reads_every_bit(dtype: torch.dtype) -> None:
    """One changed value, name, shape or format changes the fingerprint; order and strides do not."""
    x = torch.arange(6).view(2, 3).to(dtype)
    changed = x.clone()
    changed[1, 2] += 1
    others = [{"x": changed}, {"y": x}, {"x": x.view(3, 2)}, {"x": x.to(torch.float64)}, {"x": x, "y": x}]
    assert len({fingerprint({"x": x}), *(fingerprint(other) for other in others)}) == 1 + len(others)
    assert fingerprint({"x": x.t().contiguous().t()}) == fingerprint({"x": x})
    assert fingerprint({"y": x, "x": changed}) == fingerprint({"x": changed, "y": x})


def test_the_fingerprint_is_sha256_of_names_and_bytes() -> None:
    """The fingerprint is what hashlib gives for name, format, shape and bytes."""
    x = torch.arange(3.0)
    expected = hashlib.sha256(b"x|torch.float32|(3,)|" + x.numpy().tobytes()).hexdigest()
    assert fingerprint({"x": x}) == expected
    assert fingerprint({"x": torch.tensor(1.0)}) != fingerprint({"x": torch.tensor(2.0)})
