"""How much a search may try, decided before it starts from the size of the data.

No clock decides: on a slow machine a search takes longer and finds the same.
"""

from dataclasses import dataclass

from stream.errors import UserError

_SECONDS_PER_CHARACTER = 1.2e-6
"""Counting pieces of words (measured 0.9e-6 to 1.2e-6 on one core of a 2023 server)."""
_COUNTING_SHARE = 0.25
"""Pieces of words are counted where that takes at most this share of the time."""
_SECONDS_PER_WEIGHT = 90e-9
"""Fitting a mean candidate to all examples, per stored count and class (measured 20e-9 to 90e-9)."""
_SMALLEST_RUNG = 100
"""The first rung has at least so many examples, and two per class, where the task has them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """A round of successive halving."""

    num_candidates: int
    num_examples: int
    """Training examples of each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchBudget:
    """How much is tried.

    Raises:
        UserError: a value that allows no search.
    """

    num_candidates: int = 24
    """Candidates of the first rung, at most."""
    factor: int = 3
    """Each rung keeps one candidate in `factor` and gives it `factor` times the examples."""
    max_seconds: float = 120.0
    """Time on one otherwise idle core of a 2023 server, as estimated from the number of stored counts and of
    classes; where `num_candidates` would take longer, fewer are tried."""

    def __post_init__(self) -> None:
        for name, least in (("num_candidates", 1), ("factor", 2)):
            if getattr(self, name) < least:
                raise UserError(f"The search got {name} = {getattr(self, name)}; it must be {least} or more.")
        if not self.max_seconds > 0:
            raise UserError(f"The search got max_seconds = {self.max_seconds}; it must be more than 0.")

    def allows_characters(self, num_characters: int) -> bool:
        """Whether pieces of words are counted in texts of so many characters."""
        return num_characters * _SECONDS_PER_CHARACTER <= _COUNTING_SHARE * self.max_seconds

    def rungs(self, num_candidates: int, *, num_rows: int, num_labels: int) -> tuple[Rung, ...]:
        """Rounds from many candidates on few examples to few candidates on (nearly) all `num_rows`."""
        least = max(_SMALLEST_RUNG, 2 * num_labels)
        num_rungs = 1
        while self.factor**num_rungs <= num_candidates and num_rows // self.factor**num_rungs >= least:
            num_rungs += 1
        first = num_rows // self.factor ** (num_rungs - 1)
        return tuple(
            Rung(num_candidates=-(-num_candidates // self.factor**i), num_examples=first * self.factor**i)
            for i in range(num_rungs)
        )

    def affordable(self, *, num_rows: int, num_labels: int, num_counts: int) -> int:
        """Most candidates that fit `max_seconds`, within `factor` and `num_candidates`.

        Args:
            num_rows: training examples.
            num_labels: classes.
            num_counts: stored counts of the training examples, of all kinds of terms.
        """
        weights = num_counts * (1 if num_labels == 2 else num_labels)
        fits = self.max_seconds / max(_SECONDS_PER_WEIGHT * weights, 1e-9)

        def full_fits(num_candidates: int) -> float:
            rungs = self.rungs(num_candidates, num_rows=num_rows, num_labels=num_labels)
            return 1 + sum(rung.num_candidates * rung.num_examples / num_rows for rung in rungs)

        fewest = min(self.factor, self.num_candidates)
        return next((n for n in range(self.num_candidates, fewest, -1) if full_fits(n) <= fits), fewest)
