"""TaskParameters: the tensors of one task as a value, by site name, and their bytes.

The bytes are one safetensors blob a task (float32, names sorted by the format), so equal tensors give equal
bytes and equal hashes. Nothing here knows what a tensor is used for.
"""

import hashlib
from collections.abc import Iterator, Mapping

import safetensors.torch
import torch
from torch import Tensor


class TaskParameters(Mapping[str, Tensor]):
    """Immutable mapping from a site's name to its tensor.

    `over(base)` serves own tensors over shared ones.
    """

    __slots__ = ("_tensors",)

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._tensors = {name: tensors[name] for name in sorted(tensors)}

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def __repr__(self) -> str:
        return f"TaskParameters({len(self)} tensors, {self.num_parameters:,} parameters)"

    @property
    def num_parameters(self) -> int:
        """Number of scalars in all tensors."""
        return sum(tensor.numel() for tensor in self._tensors.values())

    def over(self, base: "TaskParameters") -> "TaskParameters":
        """These tensors laid over `base`: a name in both comes from here."""
        return TaskParameters({**base, **self})

    def to(self, device: torch.device) -> "TaskParameters":
        """The same values on another device."""
        return TaskParameters({name: tensor.to(device) for name, tensor in self.items()})

    def to_bytes(self) -> bytes:
        """One safetensors blob, float32; equal values give equal bytes."""
        plain = {
            name: tensor.detach().to("cpu", torch.float32).contiguous()
            for name, tensor in self._tensors.items()
        }
        return safetensors.torch.save(plain)

    @classmethod
    def from_bytes(cls, content: bytes) -> "TaskParameters":
        """Tensors of a blob written by `to_bytes`, on the CPU."""
        return cls(safetensors.torch.load(content))


NO_PARAMETERS = TaskParameters({})
"""What an isolated method shares: nothing."""


def fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 (hex) over names, dtypes, shapes and bytes of tensors, in name order."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.view(torch.uint8).numpy().data if tensor.dim() else tensor.numpy().tobytes())
    return digest.hexdigest()
