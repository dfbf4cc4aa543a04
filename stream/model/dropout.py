"""Dropout whose masks follow from (task seed, step), cheaply.

Drawing random numbers for every site took 12 % of a training step on a CPU. Here one pool of mask values is
drawn per task; each site of each step reads a slice of it at an offset that is a hash of seed, step and site.
No generator state exists, so resuming at a step needs none.
"""

import hashlib
from math import prod
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

POOL_SIZE = 1 << 23
"""Mask values in a pool; a site that needs more than three quarters of them draws its own.

A slice of nearly the whole pool has few offsets to choose from: at the pool's own size, which attention in
bert-large reaches with 32 rows of 128 tokens, every step would drop the same entries.
"""


@runtime_checkable
class Dropout(Protocol):
    """What the encoder asks of dropout, site by site in forward order."""

    def __call__(self, x: Tensor, probability: float) -> Tensor:
        """`x` with its entries dropped with `probability` and the others scaled up."""

    def mask(self, shape: tuple[int, ...], probability: float, like: Tensor) -> Tensor | None:
        """Multipliers of that shape in the format of `like`; None where nothing is dropped."""


class NoDropout:
    """The identity, for evaluation."""

    def __call__(self, x: Tensor, probability: float) -> Tensor:
        """`x` itself."""
        return x

    def mask(self, shape: tuple[int, ...], probability: float, like: Tensor) -> None:
        """None: nothing is dropped."""


NO_DROPOUT = NoDropout()


class MaskPool:
    """Scaled Bernoulli masks of one probability for one task."""

    def __init__(self, seed: int, probability: float, *, device: torch.device, dtype: torch.dtype) -> None:
        self._seed = seed
        self._scale = 1.0 / (1.0 - probability)
        self._probability = probability
        self._values = self._draw(seed, POOL_SIZE, device, dtype)

    def _draw(self, seed: int, count: int, device: torch.device, dtype: torch.dtype) -> Tensor:
        generator = torch.Generator(device).manual_seed(seed)
        kept = torch.empty(count, device=device).bernoulli_(1.0 - self._probability, generator=generator)
        return (kept * self._scale).to(dtype)

    def mask(self, step: int, site: int, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Multipliers {0, 1/(1-p)} of that shape in the format of `like`."""
        count = prod(shape)
        key = hashlib.blake2b(f"{self._seed}|{step}|{site}".encode(), digest_size=8).digest()
        number = int.from_bytes(key, "little")
        if count > 3 * POOL_SIZE // 4:
            return self._draw(number >> 1, count, like.device, like.dtype).view(shape)
        offset = number % (POOL_SIZE - count + 1)
        return self._values[offset : offset + count].view(shape).to(like.dtype)


class StepDropout:
    """The dropout of one training step."""

    def __init__(self, pools: dict[float, MaskPool], step: int) -> None:
        self._pools = pools
        self._step = step
        self._site = 0

    def __call__(self, x: Tensor, probability: float) -> Tensor:
        """`x` times its site's mask."""
        mask = self.mask(tuple(x.shape), probability, x)
        return x if mask is None else x * mask

    def mask(self, shape: tuple[int, ...], probability: float, like: Tensor) -> Tensor | None:
        """The mask of the next site."""
        if probability == 0.0:
            return None
        self._site += 1
        return self._pools[probability].mask(self._step, self._site, shape, like)
