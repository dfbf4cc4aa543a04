"""How much of a stream is evaluated again after each arrival, and what that leaves unseen.

`full` is the default and the claim. `sample:P` evaluates a random share of the earlier tasks after each
arrival, `digest` none of them. Whatever is not evaluated has its stored bytes read again and hashed, and the
task that has just arrived is always evaluated.
"""

import hashlib
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache

from db.records import Regime, RunRecord
from stream.errors import UserError

FULL, SAMPLE, DIGEST = "full", "sample", "digest"


@dataclass(frozen=True, kw_only=True, slots=True)
class Coverage:
    """Which tasks are evaluated again after which arrival; the draw depends on nothing but these fields."""

    share: float
    """Of the earlier tasks: 1 for `full`, 0 for `digest`."""
    seed: int = 0
    """The run's."""

    @property
    def text(self) -> str:
        """As it is given on the command line."""
        return f"{SAMPLE}:{self.share:g}" if 0 < self.share < 1 else (FULL if self.share else DIGEST)

    @property
    def is_full(self) -> bool:
        """Whether every earlier task is evaluated again after every arrival."""
        return self.share == 1

    def num_drawn(self, num_earlier: int) -> int:
        """Earlier tasks evaluated again where there are so many: the share, rounded up."""
        # A product such as 0.1 * 30 lies a little above 3.
        return min(math.ceil(round(self.share * num_earlier, 9)), num_earlier)

    def due(self, after: int) -> Collection[int]:
        """Positions evaluated after an arrival, its own included; tasks removed by then are not left out."""
        if self.is_full:
            return range(after + 1)
        return frozenset({after, *_drawn(self.seed, after, self.num_drawn(after))})


FULL_COVERAGE = Coverage(share=1.0)


def parse_coverage(text: str, seed: int = 0) -> Coverage:
    """The coverage that `full`, `sample:P` or `digest` asks for.

    Raises:
        UserError: the text is none of them, or P is not between 0 and 1.
    """
    kind, colon, number = text.partition(":")
    if not colon and kind in (FULL, DIGEST):
        return Coverage(share=1.0 if kind == FULL else 0.0, seed=seed)
    try:
        share = float(number) if kind == SAMPLE else math.nan
    except ValueError:
        share = math.nan
    if not 0 < share < 1:
        raise UserError(
            f"--reevaluate is {text!r}; it must be full, digest, or sample:P with P between 0 and 1, "
            "such as sample:0.1."
        )
    return Coverage(share=share, seed=seed)


def coverage_of(run: RunRecord) -> Coverage:
    """The coverage of a recorded run; outside a stream each task is evaluated once, and nothing left out."""
    if run.regime is not Regime.STREAM:
        return FULL_COVERAGE
    text = run.configuration.get("reevaluate", FULL)
    return parse_coverage(str(text), int(run.configuration.get("seed", 0)))


def chance_missed(num_earlier: int, num_drawn: int, num_changed: int) -> float:
    """Probability that none of the changed tasks is drawn: C(n - k, s) / C(n, s), the hypergeometric law.

    Args:
        num_earlier: n, tasks that could be drawn.
        num_drawn: s, drawn without replacement.
        num_changed: k, of which one would show the change.
    """
    return math.comb(num_earlier - num_changed, num_drawn) / math.comb(num_earlier, num_drawn)


def chance_missed_throughout(coverage: Coverage, arrivals: Sequence[int], num_changed: int) -> float:
    """The same for tasks that changed and stay so over these arrivals, whose draws are independent."""
    return math.prod(chance_missed(after, coverage.num_drawn(after), num_changed) for after in arrivals)


@cache
def _drawn(seed: int, after: int, number: int) -> frozenset[int]:
    """The earlier positions with the smallest keyed hashes: every subset of this size is as likely."""
    if not number:
        return frozenset()
    ordered = sorted(range(after), key=lambda on: hashlib.sha256(f"{seed}|{after}|{on}".encode()).digest())
    return frozenset(ordered[:number])
