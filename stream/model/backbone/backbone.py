"""The frozen, shared, pretrained backbone: its tensors, its tokenizer and its fingerprint.

`load_backbone` takes the embedded MiniLM, a name of the Hugging Face hub or a local folder. Weights come
from safetensors, or from pickles restricted to tensors; no remote code is ever run.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from stream.model.backbone.architecture import Architecture
from stream.model.backbone.parameters import TaskParameters, fingerprint
from stream.model.backbone.precision import take_deterministic_algorithms

CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True, slots=True)
class Backbone:
    """A pretrained encoder that nothing in the program ever writes to."""

    name: str
    architecture: Architecture
    tensors: TaskParameters = field(repr=False)
    """float32 tensors by the project's names, on the compute device."""
    compute: TaskParameters = field(repr=False)
    """The same tensors cast once to the compute format, and each layer's fused query-key-value projection."""
    tokenizer: Any = field(repr=False)
    """A `tokenizers.Tokenizer`."""
    files: Mapping[str, str] = field(repr=False)
    """SHA-256 of each file the backbone was read from, by file name."""

    @property
    def num_parameters(self) -> int:
        """Scalars in the tensors that the encoder reads (an unused pooler is neither loaded nor counted)."""
        return self.tensors.num_parameters

    @property
    def num_bytes(self) -> int:
        """Bytes of these tensors in float32."""
        return 4 * self.num_parameters

    @property
    def device(self) -> torch.device:
        """Where the tensors lie."""
        return next(iter(self.tensors.values())).device

    @property
    def dtype(self) -> torch.dtype:
        """The compute format."""
        return next(iter(self.compute.values())).dtype

    def fingerprint(self) -> str:
        """SHA-256 over architecture, vocabulary and every tensor, read anew at each call."""
        outside = json.dumps(asdict(self.architecture), sort_keys=True) + self.tokenizer.to_str()
        return hashlib.sha256((outside + fingerprint(self.tensors)).encode()).hexdigest()


def make_backbone(
    name: str,
    architecture: Architecture,
    tensors: Mapping[str, Tensor],
    tokenizer: Any,
    *,
    device: torch.device,
    dtype: torch.dtype,
    files: Mapping[str, str] | None = None,
) -> Backbone:
    """A backbone from tensors at hand; each is moved to `device` and cast once to `dtype`.

    A CUDA device has torch take deterministic algorithms from then on.
    """
    if device.type == "cuda":
        take_deterministic_algorithms()
    placed = TaskParameters({n: t.detach().to(device, torch.float32) for n, t in tensors.items()})
    compute = {n: t.to(dtype) for n, t in placed.items()}
    for layer in range(architecture.num_layers):
        at = f"layer.{layer}.attention"
        for leaf in ("weight", "bias"):
            parts = [compute[f"{at}.{part}.{leaf}"] for part in ("query", "key", "value")]
            compute[f"{at}.query_key_value.{leaf}"] = torch.cat(parts)
    return Backbone(
        name=name,
        architecture=architecture,
        tensors=placed,
        compute=TaskParameters(compute),
        tokenizer=tokenizer,
        files=files or {},
    )
