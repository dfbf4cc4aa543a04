"""Who watches a training, and what it tells them."""

from collections.abc import Callable
from dataclasses import dataclass

from db.records import EpochRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class StepProgress:
    """Where a training stands."""

    attempt: int
    epoch: int
    num_epochs: int
    step: int
    num_steps: int
    learning_rate: float
    train_loss: float
    tokens_per_second: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Observer:
    """Who is told of a training; nothing it does changes the result."""

    progressed: Callable[[StepProgress], None]
    epoch_finished: Callable[[EpochRecord], None]
    restarted: Callable[[str], None]
