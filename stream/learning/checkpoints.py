"""A training interrupted at a step, as bytes: what is needed to go on as if nothing had happened.

No generator state is stored: the randomness of a step follows from (task seed, step).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol, runtime_checkable

import safetensors
import safetensors.torch
from torch import Tensor

from db.records import EpochRecord


@runtime_checkable
class Checkpoints(Protocol):
    """Where the checkpoints of one arrival are kept."""

    def load(self) -> bytes | None:
        """The newest checkpoint, or None."""

    def save(self, step: int, content: bytes) -> None:
        """Keep this checkpoint instead of the last one, durably."""


class NoCheckpoints:
    """Keeps nothing: an interrupted arrival starts again."""

    def load(self) -> bytes | None:
        """None, always."""
        return None

    def save(self, step: int, content: bytes) -> None:
        """Forget the checkpoint."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TrainingState:
    """Everything a training has that its recipe, seed and data do not give."""

    attempt: int
    step: int
    """Optimiser steps done in this attempt."""
    loss_sum: float
    """Sum of the batch losses of the epoch under way, weighted by examples."""
    epochs: tuple[EpochRecord, ...]
    """Finished epochs of this attempt."""
    best_epoch: int
    """-1 before the first validation."""
    best_loss: float
    """Validation loss of the best epoch."""
    leaves: Sequence[Tensor]
    best_leaves: Sequence[Tensor]
    moments: Sequence[Tensor]
    """First and second moments of Adam, leaf by leaf."""

    def to_bytes(self, recipe_sha256: str) -> bytes:
        """One safetensors blob that names the recipe it belongs to."""
        tensors = {
            f"{group}.{i}": tensor
            for group in ("leaves", "best_leaves", "moments")
            for i, tensor in enumerate(getattr(self, group))
        }
        facts = {
            "recipe_sha256": recipe_sha256,
            "attempt": self.attempt,
            "step": self.step,
            "loss_sum": self.loss_sum.hex(),
            "epochs": [asdict(epoch) for epoch in self.epochs],
            "best_epoch": self.best_epoch,
            "best_loss": self.best_loss.hex(),
        }
        return safetensors.torch.save(
            {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
            metadata={"state": json.dumps(facts)},
        )

    @classmethod
    def from_bytes(cls, content: bytes, recipe_sha256: str) -> "TrainingState | None":
        """The state of a blob written by `to_bytes`, or None where it belongs to another recipe."""
        header_bytes = int.from_bytes(content[:8], "little")
        facts = json.loads(json.loads(content[8 : 8 + header_bytes])["__metadata__"]["state"])
        if facts["recipe_sha256"] != recipe_sha256:
            return None
        tensors = safetensors.torch.load(content)

        def group(name: str) -> list[Tensor]:
            members = sorted((int(key.split(".")[1]), key) for key in tensors if key.startswith(f"{name}."))
            return [tensors[key] for _, key in members]

        return cls(
            attempt=facts["attempt"],
            step=facts["step"],
            loss_sum=float.fromhex(facts["loss_sum"]),
            epochs=tuple(EpochRecord(**epoch) for epoch in facts["epochs"]),
            best_epoch=facts["best_epoch"],
            best_loss=float.fromhex(facts["best_loss"]),
            leaves=group("leaves"),
            best_leaves=group("best_leaves"),
            moments=group("moments"),
        )
