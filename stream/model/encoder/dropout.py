"""Dropout whose masks follow from (task seed, step), cheaply.

Drawing random numbers for every site took 12 % of a training step on a CPU. Here one pool of mask values is
drawn per task; each site of each step reads a slice of it at an offset that is a hash of seed, step and site.
On a GPU numbers cost nothing, but a captured step cannot read at another address each time: there the
device's generator is seeded for each step. Either way resuming at a step needs no generator state.
"""

import hashlib
from math import prod
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
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

    def within(self, probability: float) -> float | None:
        """The probability for an operation that draws its own mask; None where masks have to be handed in."""


class NoDropout:
    """The identity, for evaluation."""

    def __call__(self, x: Tensor, probability: float) -> Tensor:
        """`x` itself."""
        return x

    def mask(self, shape: tuple[int, ...], probability: float, like: Tensor) -> None:
        """None: nothing is dropped."""

    def within(self, probability: float) -> float:
        """0: nothing is dropped."""
        return 0.0


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
        number = _hashed(self._seed, step, site)
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

    def within(self, probability: float) -> None:
        """None: masks come from the pool."""


class GeneratorDropout:
    """The dropout of a step for which `seed_generator` has been called, on a GPU."""

    def __call__(self, x: Tensor, probability: float) -> Tensor:
        """`x` times a mask that is drawn now."""
        return x if probability == 0.0 else F.dropout(x, probability)

    def mask(self, shape: tuple[int, ...], probability: float, like: Tensor) -> Tensor | None:
        """A mask that is drawn now."""
        return None if probability == 0.0 else F.dropout(like.new_ones(shape), probability)

    def within(self, probability: float) -> float:
        """`probability`."""
        return probability


def seed_generator(device: torch.device, seed: int, step: int) -> None:
    """Set a GPU's default generator to where a step of a task begins, whether it is replayed or not."""
    with torch.cuda.device(device):
        torch.cuda.manual_seed(_hashed(seed, step) >> 1)


def _hashed(*numbers: int) -> int:
    """64 bits that follow from the numbers."""
    key = hashlib.blake2b("|".join(map(str, numbers)).encode(), digest_size=8).digest()
    return int.from_bytes(key, "little")
