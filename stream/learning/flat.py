"""Trainable tensors laid out in two flat ones, so that optimiser, clipping and casts are single operations.

The tensors of a step are views of one copy in the compute format. They are the leaves of the step's graph,
and their gradients are joined in the flat ones afterwards. All buffers are made once: for a fine-tuned body
a fresh one costs more than what is written to it, since the system clears every page of it first.
Tensors that decay and tensors that do not lie apart; within each the head comes first and stays float32.
"""

from collections.abc import Mapping, Sequence
from math import prod

import torch
from torch import Tensor

from stream.model.backbone.parameters import TaskParameters
from stream.model.methods.method import Kind, Site


class FlatParameters:
    """Float32 master values of a task's trainable tensors, and their copies in the compute format."""

    def __init__(
        self, sites: Sequence[Site], values: Mapping[str, Tensor], device: torch.device, dtype: torch.dtype
    ) -> None:
        self._groups = [self._ordered(sites, decays=True), self._ordered(sites, decays=False)]
        self.leaves = [
            torch.cat([values[site.name].reshape(-1) for site in group])
            .to(device, torch.float32)
            .requires_grad_()
            for group in self._groups
        ]
        """The flat tensor that decays, and the one that does not."""
        self._sections: list[_Section] = []
        for leaf, group in zip(self.leaves, self._groups, strict=True):
            head = [site for site in group if site.kind is Kind.HEAD]
            border = _num_scalars(head)
            self._sections += [
                _Section(leaf, slice(border), head, torch.float32),
                _Section(leaf, slice(border, None), group[len(head) :], dtype),
            ]

    @staticmethod
    def _ordered(sites: Sequence[Site], *, decays: bool) -> list[Site]:
        return sorted(
            (site for site in sites if site.decays == decays), key=lambda site: site.kind is not Kind.HEAD
        )

    def tensors(self) -> dict[str, Tensor]:
        """The current values by site name, all but the head in the compute format; good until the next call.

        They are leaves that want gradients; `collect_gradients` takes these.
        """
        return {name: view for section in self._sections for name, view in section.hand_out().items()}

    def collect_gradients(self) -> None:
        """Set the flat tensors' gradients to those of the tensors handed out last, or to zero."""
        for section in self._sections:
            section.collect()

    def values(self, leaves: Sequence[Tensor] | None = None) -> TaskParameters:
        """A copy of the values (of these leaves, or of the current ones) by site name."""
        chosen = self.leaves if leaves is None else leaves
        copied: dict[str, Tensor] = {}
        for leaf, group in zip(chosen, self._groups, strict=True):
            copied |= {name: view.clone() for name, view in _split(leaf.detach(), group).items()}
        return TaskParameters(copied)

    def optimiser(self, weight_decay: float) -> torch.optim.AdamW:
        """AdamW at a rate that each step sets; on a GPU it lies on the device, where replays read it."""
        on_gpu = self.leaves[0].is_cuda
        return torch.optim.AdamW(
            [
                {"params": [self.leaves[0]], "weight_decay": weight_decay},
                {"params": [self.leaves[1]], "weight_decay": 0.0},
            ],
            lr=torch.zeros((), device=self.leaves[0].device) if on_gpu else 0.0,
            eps=1e-6,  # the paper's code, optimization.py
            fused=True,
            capturable=on_gpu,
        )

    def snapshot(self) -> list[Tensor]:
        """A copy of the flat values."""
        return [leaf.detach().clone() for leaf in self.leaves]

    def restore(self, leaves: Sequence[Tensor]) -> None:
        """Set the flat values to those of a snapshot."""
        with torch.no_grad():
            for leaf, value in zip(self.leaves, leaves, strict=True):
                leaf.copy_(value)


class _Section:
    """A part of a flat tensor in one compute format, with everything that a step writes to.

    Arguments:
        leaf: the flat tensor; its gradient is made here where it has none.
        part: of the leaf.
        sites: of the part, in order.
        dtype: compute format.
    """

    def __init__(self, leaf: Tensor, part: slice, sites: Sequence[Site], dtype: torch.dtype) -> None:
        if leaf.grad is None:
            leaf.grad = torch.zeros_like(leaf)
        self._sites = sites
        self._master, self._gradient = leaf.detach()[part], leaf.grad[part]
        self._copy, self._joined = self._master.to(dtype), self._gradient.to(dtype)  # or the same memory
        self._handed_out: dict[str, Tensor] = {}

    def hand_out(self) -> dict[str, Tensor]:
        if self._copy is not self._master:
            self._copy.copy_(self._master)
        self._handed_out = {n: view.requires_grad_() for n, view in _split(self._copy, self._sites).items()}
        return self._handed_out

    def collect(self) -> None:
        found = [
            (torch.zeros_like(view) if view.grad is None else view.grad).reshape(-1)
            for view in self._handed_out.values()
        ]
        self._handed_out = {}
        if found:
            torch.cat(found, out=self._joined)
        if self._joined is not self._gradient:
            self._gradient.copy_(self._joined)


def _num_scalars(sites: Sequence[Site]) -> int:
    return sum(prod(site.shape) for site in sites)


def _split(flat: Tensor, sites: Sequence[Site]) -> dict[str, Tensor]:
    if not sites:
        return {}
    parts = flat.split([prod(site.shape) for site in sites])
    return {site.name: part.view(site.shape) for site, part in zip(sites, parts, strict=True)}
