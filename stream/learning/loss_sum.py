"""The sum of an epoch's losses, on the device, and looks at it that wait for nothing."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Glimpse(NamedTuple):
    """The sum as it was after a step."""

    step: int
    value: float


class LossSum:
    """Losses of batches, weighted by examples.

    Arguments:
        device: where the losses are.
    """

    def __init__(self, device: torch.device) -> None:
        self._sum = torch.zeros((), dtype=torch.float64, device=device)
        self._copy = torch.zeros((), dtype=torch.float64, pin_memory=device.type == "cuda")
        self._asked: tuple[int, torch.cuda.Event] | None = None

    def add(self, loss: Float[Tensor, ""], num_examples: int) -> None:
        """Add a batch's mean loss."""
        self._sum += loss * num_examples

    def set(self, value: float) -> None:
        """Begin again from a value."""
        self._sum.fill_(value)
        self._asked = None

    def value(self) -> float:
        """The sum now; on a GPU this waits for all that is under way."""
        return float(self._sum)

    def glimpse(self, step: int) -> Glimpse | None:
        """The sum after `step`, the last one that was taken.

        A GPU may not have come so far. There one call asks for the sum and has None, and so have the
        next ones, until the device has come there; then one has it.
        """
        if self._sum.device.type == "cpu":
            return Glimpse(step, self.value())
        if self._asked is None:
            self._copy.copy_(self._sum, non_blocking=True)
            arrival = torch.cuda.Event()
            arrival.record()
            self._asked = step, arrival
            return None
        step, arrival = self._asked
        if not arrival.query():
            return None
        self._asked = None
        return Glimpse(step, float(self._copy))
