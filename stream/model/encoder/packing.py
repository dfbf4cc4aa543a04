"""A batch without its padding: the tokens of all rows in one list, and the way to heads and back.

Everything in an encoder but attention works token by token, so padding is cut away before the first layer and
costs nothing there; attention alone sees a grid of rows and positions. On a GPU nothing is cut away: how many
tokens remain would have to be read back from the device.
"""

from dataclasses import dataclass, field
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int, Shaped
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


MULTIPLE = 8
"""The list's length is a multiple of this.

Elementwise kernels finish what is left of their widest vectors (64 numbers) by other instructions, which
round differently: an adapter's units, a multiple of 8 for each token, then leave nothing (law 9).
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Packing:
    """Where the tokens of a list lie in the grid of a batch."""

    rows: int
    length: int
    """Positions of a row."""
    lengths: Int[Tensor, " rows"]
    """Tokens of each row."""
    inside: Bool[Tensor, "rows length"]
    """Which positions hold tokens."""
    at: Int[Tensor, " tokens"] | None
    """Position in the flattened grid of each token; None where the list is the whole grid.

    The list ends in up to seven pads from the grid, which no token sees and whose gradients are zero.
    """
    num_tokens: int
    """Length of the list without these."""
    _orders: dict[tuple[int, int], Tensor] = field(default_factory=dict)
    _biases: dict[torch.dtype, Tensor] = field(default_factory=dict)

    @cached_property
    def source(self) -> Int[Tensor, " positions"]:
        """Index in the list of each position of the grid; padding has the index after the list's last."""
        assert self.at is not None
        source = self.at.new_full((self.rows * self.length,), len(self.at))
        source[self.at[: self.num_tokens]] = torch.arange(self.num_tokens, device=self.at.device)
        return source

    @cached_property
    def positions(self) -> Int[Tensor, " tokens"]:
        """Position of each token within its row."""
        if self.at is not None:
            return self.at % self.length
        return torch.arange(self.length, device=self.inside.device).repeat(self.rows)

    def pack(self, grid: Shaped[Tensor, "rows length ..."]) -> Shaped[Tensor, "tokens ..."]:
        """The tokens of a grid."""
        flat = grid.reshape(-1, *grid.shape[2:])
        return flat if self.at is None else flat.index_select(0, self.at)

    def unpack(self, packed: Shaped[Tensor, "tokens ..."]) -> Shaped[Tensor, "rows length ..."]:
        """The grid of a list of tokens; zero at padding that was cut away."""
        if self.at is not None:
            filled = torch.cat([packed, packed.new_zeros(1, *packed.shape[1:])])
            packed = filled.index_select(0, self.source)
        return packed.view(self.rows, self.length, *packed.shape[1:])

    def to_heads(
        self, packed: Float[Tensor, "tokens parts heads width"]
    ) -> Float[Tensor, "parts rows heads length width"]:
        """A copy of the grid with one matrix [length, width] a head; zero at padding that was cut away."""
        if self.at is None:
            grid = packed.view(self.rows, self.length, *packed.shape[1:]).permute(2, 0, 3, 1, 4)
            return grid.clone(memory_format=torch.contiguous_format)
        _, parts, heads, width = packed.shape
        vectors = torch.cat([packed, packed.new_zeros(1, parts, heads, width)]).view(-1, width)
        chosen = vectors.index_select(0, self._order(parts, heads, into_grid=True))
        return chosen.view(parts, self.rows, heads, self.length, width)

    def from_heads(
        self, grid: Float[Tensor, "parts rows heads length width"]
    ) -> Float[Tensor, "tokens parts heads width"]:
        """The tokens of such a grid, contiguous."""
        parts, _, heads, _, width = grid.shape
        if self.at is None:
            return grid.permute(1, 3, 0, 2, 4).reshape(-1, parts, heads, width)
        chosen = grid.view(-1, width).index_select(0, self._order(parts, heads, into_grid=False))
        return chosen.view(-1, parts, heads, width)

    def _order(self, parts: int, heads: int, *, into_grid: bool) -> Tensor:
        """Which vector of the other layout stands at each place, flattened; made once a batch."""
        key = (parts if into_grid else -parts, heads)
        if key not in self._orders:
            device = self.inside.device
            part, head = torch.arange(parts, device=device), torch.arange(heads, device=device)
            if into_grid:
                token = self.source.view(self.rows, 1, self.length)
                order = (token * parts + part.view(-1, 1, 1, 1)) * heads + head.view(-1, 1)
            else:
                assert self.at is not None
                row, position = self.at // self.length, self.at % self.length
                first = (part * self.rows + row.unsqueeze(1)) * heads
                order = (first.unsqueeze(2) + head) * self.length + position.view(-1, 1, 1)
            self._orders[key] = order.flatten()
        return self._orders[key]

    def bias(self, dtype: torch.dtype) -> Float[Tensor, "rows length"] | None:
        """0 where a key is a token and the format's minimum where it is padding; None without padding.

        It is made once a batch.
        """
        if self.at is None and self.inside.device.type == "cpu":
            return None
        if dtype not in self._biases:
            bias = torch.zeros(self.inside.shape, dtype=dtype, device=self.inside.device)
            self._biases[dtype] = bias.masked_fill_(~self.inside, torch.finfo(dtype).min)
        return self._biases[dtype]


def pack(batch: Batch) -> Packing:
    """The packing of a token batch."""
    rows, length = batch.token_ids.shape
    inside = torch.arange(length, device=batch.lengths.device) < batch.lengths.unsqueeze(-1)
    cut = inside.device.type == "cpu" and not bool(inside.all())
    at = inside.flatten().nonzero().squeeze(1) if cut else None
    num_tokens = rows * length if at is None else len(at)
    if at is not None:
        pads = (~inside).flatten().nonzero()[0].expand(-num_tokens % MULTIPLE)
        at = torch.cat([at, pads])
    return Packing(
        rows=rows, length=length, lengths=batch.lengths, inside=inside, at=at, num_tokens=num_tokens
    )
