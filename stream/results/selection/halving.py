"""Successive halving over epochs: weaker candidates are stopped early (Jamieson and Talwalkar 2016).

All candidates start; at each rung the weaker half stops. Those that go on do so from where they are, under
the learning-rate schedule of their full length. Only candidates of one length are ranked against each other:
at equal epochs they have seen equal tokens and stand at the same place of their schedule, while one whose
rate has come down to zero would look better than a longer one whose rate is at its peak.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

FACTOR = 2
"""One candidate in so many goes on."""
MIN_FINALISTS = 2
"""So many finish where there are so many: a smaller one must be able to win a tie."""

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """A round of the choice."""

    num_candidates: int
    num_epochs: int
    """Epochs that each candidate has done at its end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How a candidate stands at the end of a rung."""

    score: float | None
    """Validation metric of its best epoch so far; None where undefined or where the training failed."""
    train_loss: float
    """Of the rung's last epoch: it tells apart candidates that all still answer with the commonest class."""
    num_params: int
    learning_rate: float


def rungs(num_candidates: int, num_epochs: int, *, halving: bool = True) -> tuple[Rung, ...]:
    """Rounds from all candidates on few epochs to few candidates on all `num_epochs`.

    There are as many as halving the candidates down to `MIN_FINALISTS` takes, as far as a first epoch is left
    to compare them by.
    """
    num_rungs = 1
    while (
        halving and _left(num_candidates, num_rungs - 1) > MIN_FINALISTS and num_epochs >= FACTOR**num_rungs
    ):
        num_rungs += 1
    return tuple(
        Rung(
            num_candidates=_left(num_candidates, i),
            num_epochs=num_epochs // FACTOR ** (num_rungs - 1 - i),
        )
        for i in range(num_rungs)
    )


def _left(num_candidates: int, rung: int) -> int:
    halved: int = -(-num_candidates // FACTOR**rung)
    return max(min(num_candidates, MIN_FINALISTS), halved)


def going_on(standings: Mapping[Key, Standing], num_left: int, num_examples: int) -> frozenset[Key]:
    """The candidates that the next rung keeps: the best by score, and the one that would be chosen now.

    The one chosen now is the smallest within a standard error of the best, so that a small candidate is not
    stopped for a difference that says nothing. The error here is the binomial one of the best score; only the
    choice among those that finish looks at single examples.

    Args:
        standings: of the rung's candidates.
        num_left: how many go on.
        num_examples: size of the validation split.
    """
    known = {key: standing for key, standing in standings.items() if _score(standing) > -math.inf}
    ordered = sorted(known, key=lambda key: _rank(known[key]))
    if not ordered:
        return frozenset()
    best = _score(known[ordered[0]])
    share = min(max(best, 0.0), 1.0)
    error = math.sqrt(share * (1 - share) / num_examples)
    near = [key for key in ordered if best - _score(known[key]) <= error]
    chosen = min(near, key=lambda key: (known[key].num_params, *_rank(known[key])))
    kept = ordered[:num_left]
    return frozenset(kept if chosen in kept else [*kept[:-1], chosen])


def _score(standing: Standing) -> float:
    return -math.inf if standing.score is None or math.isnan(standing.score) else standing.score


def _rank(standing: Standing) -> tuple[float, float, int, float]:
    """Best first; equal scores: the lower loss, the smaller, the lower rate. Never the place in a list."""
    return (-_score(standing), standing.train_loss, standing.num_params, standing.learning_rate)


def spent_epochs(steps: Sequence[Rung]) -> int:
    """Epochs that all candidates of a halving train together, each rung going on from the one before."""
    before = [0, *(rung.num_epochs for rung in steps)]
    return sum(
        rung.num_candidates * (rung.num_epochs - done) for rung, done in zip(steps, before, strict=False)
    )
