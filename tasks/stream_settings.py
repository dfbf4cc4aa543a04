"""What a simulated stream is like, and what each of its tasks is: plain values, nothing generated yet.

The settings of task n depend on the stream's settings and n alone. So a longer stream begins with the tasks
of the shorter one, and no task needs another to exist.
"""

import math
from dataclasses import dataclass
from enum import StrEnum


class Recurrence(StrEnum):
    """What comes back when a task recurs."""

    FRESH = "fresh"
    """Its distribution: other examples of the same classes."""
    EXACT = "exact"
    """Its very examples."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """Values from `low` to `high`, both included."""

    low: int | float
    high: int | float

    def even(self, uniform: float) -> float:
        """The value at a share of the way; `uniform` in [0, 1)."""
        return self.low + (self.high - self.low) * uniform

    def whole(self, uniform: float) -> int:
        """A whole number; each is equally likely."""
        return int(self.low) + math.floor((int(self.high) - int(self.low) + 1) * uniform)

    def size(self, uniform: float) -> int:
        """A whole number, evenly spread on a logarithmic scale: as many from 10 to 100 as to 1000."""
        return round(self.low * math.pow(self.high / self.low, uniform))


@dataclass(frozen=True, kw_only=True, slots=True)
class LogNormal:
    """Sizes whose logarithm is normal: many small ones, few large ones."""

    median: int | float
    spread: int | float
    """Standard deviation of the natural logarithm."""

    def size(self, uniform: float) -> int:
        """A whole number from 1 to `LARGEST_SIZE`."""
        from statistics import NormalDist  # takes a fifth of the time that the package takes to import

        deviation = NormalDist().inv_cdf(min(max(uniform, 1e-9), 1 - 1e-9))
        return round(min(max(self.median * math.exp(self.spread * deviation), 1), LARGEST_SIZE))


Sizes = Range | LogNormal
LARGEST_SIZE = 1_000_000
"""Examples of a split."""
MOST_WORDS = 1000
"""Mean number of words of a task's texts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamSettings:
    """What a simulated stream is like; every task draws its own values from the ranges."""

    tasks: int
    seed: int = 0
    prefix: str = "simulated"
    """Tasks are named `PREFIX-0001` and so on."""
    classes: Range = Range(low=2, high=10)
    """Classes of a task, equally frequent."""
    train: Sizes = Range(low=200, high=2000)
    """Training examples, before any cap."""
    valid: Sizes = Range(low=200, high=200)
    test: Sizes = Range(low=300, high=300)
    words: Sizes = Range(low=20, high=20)
    """Mean number of words of a task's texts, which are log-normal around it."""
    accuracy: Range = Range(low=0.7, high=0.95)
    """Bayes accuracy, label noise included: the most any classifier can reach."""
    similarity: int | float = 0.0
    """Share of the words that mean the same in any two tasks: as frequent, and signs of the same class.
    0: unrelated; 1: tasks differ in number of classes, sizes, length and difficulty only."""
    label_noise: int | float = 0.02
    """Share of labels that are drawn anew, all classes equally likely."""
    drift: int | float = 0.0
    """Share of the words whose meaning changes from one task to the next, for good. The similarity of
    tasks that are n arrivals apart is `similarity` times 1 - n `drift`, down to 0."""
    recurring: int = 0
    """Every so-many-th task repeats an earlier one; 0: none does."""
    recurrence: Recurrence = Recurrence.FRESH

    def __post_init__(self) -> None:
        fewest, most = self.classes.low, self.classes.high
        if self.accuracy.low > (ceiling := self.ceiling(fewest)):
            raise ValueError(
                f"an accuracy of {self.accuracy.low:g} cannot be reached: label_noise = {self.label_noise:g} "
                f"allows at most {ceiling:.3f} with {fewest:g} classes; lower one of the two"
            )
        if self.accuracy.high < 1 / most:
            raise ValueError(
                f"an accuracy of {self.accuracy.high:g} is below guessing among {most:g} classes "
                f"({1 / most:.3f}); raise it"
            )

    def ceiling(self, num_classes: int | float) -> float:
        """The accuracy that label noise allows where texts leave no doubt."""
        return 1 - self.label_noise + self.label_noise / num_classes

    def name_of(self, position: int) -> str:
        """Name of the task at a position; it does not depend on how many there are."""
        return f"{self.prefix}-{position + 1:04d}"


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedTask:
    """One task of a simulated stream, as settled before anything is generated."""

    stream: StreamSettings
    position: int
    """From 0."""
    repeats: int | None
    """Position of the earlier task whose distribution this one has; None: a task of its own."""
    num_classes: int
    num_train: int
    num_valid: int
    num_test: int
    mean_words: int
    accuracy: float
    """The Bayes accuracy aimed at."""

    @property
    def origin(self) -> int:
        """Position of the task whose distribution this is: its own, or the one it repeats."""
        return self.position if self.repeats is None else self.repeats

    @property
    def drawn_at(self) -> int:
        """Position that the examples are drawn for: an exact repetition draws none of its own."""
        return self.origin if self.stream.recurrence is Recurrence.EXACT else self.position


MAX_CLASSES = 100
"""With six signs each, more classes would leave the word list hardly a word that is a sign of none."""
