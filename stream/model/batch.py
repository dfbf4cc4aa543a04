"""A token batch: what the encoder reads."""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Token ids padded at the right to one length."""

    token_ids: Int[Tensor, "batch length"]
    lengths: Int[Tensor, " batch"]
    """Tokens of each row that are not padding."""
    token_types: Int[Tensor, "batch length"] | None = None
    """Segment ids; None means all zero."""

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        if self.token_ids.device == device:
            return self
        types = None if self.token_types is None else self.token_types.to(device)
        return Batch(token_ids=self.token_ids.to(device), lengths=self.lengths.to(device), token_types=types)
