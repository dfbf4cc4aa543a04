import pytest
import torch

from stream.errors import UserError
from stream.model.backbone.precision import (
    choose_device,
    choose_dtype,
    cpu_capability,
    take_deterministic_algorithms,
)


def test_cuda_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` takes CUDA where there is one and the CPU elsewhere; `cpu` stays on the CPU."""
    for there, expected in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert choose_device("auto").type == expected
        assert choose_device("cpu").type == "cpu"


def test_deterministic_algorithms_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Operations have the same bits each time or are refused, and nothing more is filled than before."""
    fills, taken = torch.utils.deterministic, []
    monkeypatch.setattr(torch, "use_deterministic_algorithms", taken.append)
    monkeypatch.setattr(fills, "fill_uninitialized_memory", True)
    take_deterministic_algorithms()
    assert taken == [True]
    assert not fills.fill_uninitialized_memory


def test_cuda_that_is_not_there_is_the_users_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking for CUDA without one is answered in one sentence."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="no CUDA device; use cpu or auto"):
        choose_device("cuda")


@pytest.mark.parametrize(
    ("bf16", "amx", "dtype", "name"),
    [
        (False, False, torch.float32, ""),
        (True, False, torch.bfloat16, "+bf16"),
        (True, True, torch.bfloat16, "+bf16+amx"),
    ],
)
def test_the_processor_decides_the_number_format(
    bf16: bool, amx: bool, dtype: torch.dtype, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """bfloat16 is used where the processor multiplies in it, and the capability names what it has."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bf16)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert choose_dtype(torch.device("cpu")) is dtype
    assert cpu_capability() == torch.backends.cpu.get_cpu_capability() + name
