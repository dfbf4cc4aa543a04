"""Low-rank updates of the query and value projections (LoRA, Hu et al. 2021, arXiv 2106.09685).

Stored are the two factors of each update with alpha / rank multiplied into the second one, so that a served
task needs no number beside its tensors: W' = W + up @ down.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from stream.model.backbone.architecture import Architecture, Shape
from stream.model.backbone.backbone import Backbone

PROJECTIONS = ("query", "value")
"""The projections that are updated (section 4.2)."""
_FUSED = ("query", "key", "value")


class LowRank(NamedTuple):
    """The updates of one layer's fused query, key and value projection."""

    down: Float[Tensor, "ranks hidden"]
    up: Float[Tensor, "three_hidden ranks"]


def low_rank_shapes(architecture: Architecture, rank: int) -> dict[str, Shape]:
    """Names and shapes of the factors: 2 r d scalars for each projection."""
    d = architecture.hidden_size
    shapes: dict[str, Shape] = {}
    for layer in range(architecture.num_layers):
        for projection in PROJECTIONS:
            site = f"layer.{layer}.attention.{projection}.lora"
            shapes |= {f"{site}.down.weight": (rank, d), f"{site}.up.weight": (d, rank)}
    return shapes


def scaled(factor: float) -> Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]:
    """From trained factors to stored ones: `factor` is multiplied into the second of each pair."""

    def materialise(tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        return {
            name: value * factor if name.endswith(".lora.up.weight") else value
            for name, value in tensors.items()
        }

    return materialise


def find_low_rank(
    parameters: Mapping[str, Tensor], attention: str, cast: Callable[[str], Tensor]
) -> LowRank | None:
    """The updates that a task's tensors hold for the attention of that name, or None."""
    sites = {part: f"{attention}.{part}.lora" for part in _FUSED}
    present = [part for part in _FUSED if f"{sites[part]}.down.weight" in parameters]
    if not present:
        return None
    downs = [cast(f"{sites[part]}.down.weight") for part in present]
    ups = {part: cast(f"{sites[part]}.up.weight") for part in present}
    num_ranks, columns, start = sum(len(down) for down in downs), [], 0
    for part in _FUSED:
        up = ups.get(part)
        if up is None:
            columns.append(downs[0].new_zeros(downs[0].shape[1], num_ranks))
            continue
        columns.append(F.pad(up, (start, num_ranks - start - up.shape[1])))
        start += up.shape[1]
    return LowRank(torch.cat(downs), torch.cat(columns))


def apply_low_rank(update: LowRank, x: Float[Tensor, "*batch hidden"]) -> Float[Tensor, "*batch fused"]:
    """What the updates add to the fused projections of `x`."""
    return F.linear(F.linear(x, update.down), update.up)


def merge(backbone: Backbone, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same task with its updates added to copies of the projections: no extra work at inference.

    In float32 it gives the same logits to rounding; it stores full projections, so it is for serving only.
    """
    merged = {name: value for name, value in parameters.items() if ".lora." not in name}
    for name, down in parameters.items():
        if not name.endswith(".lora.down.weight"):
            continue
        site = name.removesuffix(".lora.down.weight")
        update = parameters[f"{site}.lora.up.weight"] @ down
        merged[f"{site}.weight"] = backbone.tensors[f"{site}.weight"] + update
        merged[f"{site}.bias"] = backbone.tensors[f"{site}.bias"]
    return merged
