"""What a run ran on: versions, device, instruction set, threads and the program's commit."""

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from stream.model.backbone.precision import cpu_capability, device_model

_PACKAGES = ("torch", "transformers", "tokenizers", "datasets", "SQLAlchemy", "safetensors", "numpy")


def describe_environment(device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """Plain values, as stored with the run."""
    return {
        "device": device.type,
        "device_model": device_model(device),
        "dtype": str(dtype).removeprefix("torch."),
        "cpu_capability": cpu_capability(),
        "num_threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _PACKAGES},
        "git_commit": _git_commit(),
    }


def _git_commit() -> str | None:
    """Commit of the program's checkout, or None where it is installed without one."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return None
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
