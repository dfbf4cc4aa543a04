"""Trainable tensors laid out in two flat ones, so that optimiser, clipping and casts are single operations.

The tensors of the sites are views into the flat ones (one `split`, whose backward is one concatenation).
Tensors that decay and tensors that do not lie apart; within each the head comes first and stays float32.
"""

from collections.abc import Mapping, Sequence
from math import prod

import torch
from torch import Tensor

from stream.model.methods import Kind, Site
from stream.model.parameters import TaskParameters


class FlatParameters:
    """Float32 master values of a task's trainable tensors."""

    def __init__(self, sites: Sequence[Site], values: Mapping[str, Tensor], device: torch.device) -> None:
        self._groups = [self._ordered(sites, decays=True), self._ordered(sites, decays=False)]
        self.leaves = [
            torch.cat([values[site.name].reshape(-1) for site in group])
            .to(device, torch.float32)
            .requires_grad_()
            for group in self._groups
        ]
        """The flat tensor that decays, and the one that does not."""

    @staticmethod
    def _ordered(sites: Sequence[Site], *, decays: bool) -> list[Site]:
        return sorted(
            (site for site in sites if site.decays == decays), key=lambda site: site.kind is not Kind.HEAD
        )

    def tensors(self, dtype: torch.dtype) -> dict[str, Tensor]:
        """Views by site name through which gradients flow; all but the head in `dtype`."""
        views: dict[str, Tensor] = {}
        for leaf, group in zip(self.leaves, self._groups, strict=True):
            head = [site for site in group if site.kind is Kind.HEAD]
            body = [site for site in group if site.kind is not Kind.HEAD]
            border = sum(prod(site.shape) for site in head)
            views |= _split(leaf[:border], head) | _split(leaf[border:].to(dtype), body)
        return views

    def values(self, leaves: Sequence[Tensor] | None = None) -> TaskParameters:
        """A copy of the values (of these leaves, or of the current ones) by site name."""
        chosen = self.leaves if leaves is None else leaves
        copied: dict[str, Tensor] = {}
        for leaf, group in zip(chosen, self._groups, strict=True):
            copied |= {name: view.clone() for name, view in _split(leaf.detach(), group).items()}
        return TaskParameters(copied)

    def optimiser(self, weight_decay: float) -> torch.optim.AdamW:
        """AdamW at a rate that each step sets."""
        return torch.optim.AdamW(
            [
                {"params": [self.leaves[0]], "weight_decay": weight_decay},
                {"params": [self.leaves[1]], "weight_decay": 0.0},
            ],
            lr=0.0,
            eps=1e-6,  # the paper's code, optimization.py
            fused=True,
        )

    def snapshot(self) -> list[Tensor]:
        """A copy of the flat values."""
        return [leaf.detach().clone() for leaf in self.leaves]

    def restore(self, leaves: Sequence[Tensor]) -> None:
        """Set the flat values to those of a snapshot."""
        with torch.no_grad():
            for leaf, value in zip(self.leaves, leaves, strict=True):
                leaf.copy_(value)


def _split(flat: Tensor, sites: Sequence[Site]) -> dict[str, Tensor]:
    if not sites:
        return {}
    parts = flat.split([prod(site.shape) for site in sites])
    return {site.name: part.view(site.shape) for site, part in zip(sites, parts, strict=True)}
