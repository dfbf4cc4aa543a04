"""Dropout whose masks follow from (task seed, step), cheaply.

Drawing random numbers for every site took 12 % of a training step on a CPU. Here one pool of mask values is
drawn per task; each site of each step reads a slice of it at an offset that is a hash of seed, step and site.
No generator state exists, so resuming at a step needs none.
"""

import hashlib
from collections.abc import Callable
from math import prod

import torch
from torch import Tensor

Dropout = Callable[[Tensor, float], Tensor]
"""Maps a tensor and a drop probability to the dropped tensor."""

POOL_SIZE = 1 << 23
"""Mask values in a pool; sites larger than that draw their own."""


def no_dropout(x: Tensor, probability: float) -> Tensor:  # noqa: ARG001 - the signature of every dropout
    """The identity, for evaluation."""
    return x


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

    def mask(self, step: int, site: int, like: Tensor) -> Tensor:
        """Mask values {0, 1/(1-p)} of the shape and format of `like`."""
        count = prod(like.shape)
        key = hashlib.blake2b(f"{self._seed}|{step}|{site}".encode(), digest_size=8).digest()
        number = int.from_bytes(key, "little")
        if count > POOL_SIZE:
            return self._draw(number >> 1, count, like.device, like.dtype).view(like.shape)
        offset = number % (POOL_SIZE - count + 1)
        return self._values[offset : offset + count].view(like.shape).to(like.dtype)


class StepDropout:
    """The dropout of one training step: call it once per site, in forward order."""

    def __init__(self, pools: dict[float, MaskPool], step: int) -> None:
        self._pools = pools
        self._step = step
        self._site = 0

    def __call__(self, x: Tensor, probability: float) -> Tensor:
        """`x` with its entries dropped with `probability` and the others scaled up."""
        if probability == 0.0:
            return x
        self._site += 1
        return x * self._pools[probability].mask(self._step, self._site, x)
