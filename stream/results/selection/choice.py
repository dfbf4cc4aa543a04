"""Which of the finished candidates is chosen: the smallest that is not measurably worse than the best.

This is the rule of one standard error (Breiman et al. 1984, Classification and Regression Trees, section
3.4.3; Hastie, Tibshirani and Friedman 2009, section 7.10), with the error of the paired difference in place
of that of the best score, because all candidates are judged on the same examples.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stream.results.estimates import Difference, Judged, paired_difference


@dataclass(frozen=True, kw_only=True, slots=True)
class Finalist:
    """A finished candidate."""

    score: float
    num_params: int
    num_epochs: int
    learning_rate: float
    judged: Judged

    @property
    def rank(self) -> tuple[float, int, int, float]:
        """Best first; equal scores: the smaller, the shorter training, the lower rate. Never the place."""
        return (-self.score, self.num_params, self.num_epochs, self.learning_rate)


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """The choice, as indices into the finalists."""

    winner: int
    best: int
    """The one with the best score; the winner itself where no smaller one ties with it."""
    behind: Difference | None
    """How much the best is better than the winner; None where they are one."""


def choose(finalists: Sequence[Finalist]) -> Chosen:
    """Choose the smallest finalist whose paired difference to the best is within its standard error.

    Among equally small ones the better score wins.

    Raises ValueError without a finalist.
    """
    if not finalists:
        raise ValueError("a choice needs a finalist")
    best = min(range(len(finalists)), key=lambda i: finalists[i].rank)
    behind = [paired_difference(finalists[best].judged, other.judged) for other in finalists]
    tied = [i for i, one in enumerate(behind) if i == best or _ties(one)]
    winner = min(tied, key=lambda i: (finalists[i].num_params, finalists[i].rank))
    return Chosen(winner=winner, best=best, behind=None if winner == best else behind[winner])


def _ties(difference: Difference) -> bool:
    error = difference.standard_error
    return difference.value <= (0.0 if math.isnan(error) else error)
