"""Which device and number format to compute in, chosen from what the machine has."""

import platform
from functools import cache
from pathlib import Path

import torch

from stream.errors import UserError
from stream.model.backbone.names import DeviceChoice


def choose_device(choice: DeviceChoice) -> torch.device:
    """The device to compute on; `auto` takes CUDA where there is one.

    Raises:
        UserError: CUDA was asked for and is not there.
    """
    if choice == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda was asked for, but this machine has no CUDA device; use cpu or auto.")
    return torch.device("cuda" if choice != "cpu" and torch.cuda.is_available() else "cpu")


def take_deterministic_algorithms() -> None:
    """Have torch compute the same bits each time, in the whole process: on a GPU the laws hold by that."""
    torch.use_deterministic_algorithms(True)
    # Memory that nobody reads would be filled too, by a kernel each.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def choose_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the processor or GPU multiplies in it natively, float32 elsewhere."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if native else torch.float32


def cpu_capability() -> str:
    """The instruction set that decides the bits of a CPU result, e.g. `AVX512+bf16+amx`."""
    parts = [torch.backends.cpu.get_cpu_capability()]
    parts += ["bf16"] if torch.cpu._is_avx512_bf16_supported() else []
    parts += ["amx"] if torch.cpu._is_amx_tile_supported() else []
    return "+".join(parts)


@cache
def device_model(device: torch.device) -> str:
    """Kind and model of a device, e.g. `cpu Intel(R) Xeon(R) Processor`."""
    if device.type == "cuda":
        return f"cuda {torch.cuda.get_device_name(device)}"
    return f"cpu {_processor_name()}"


def _processor_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
