"""When tasks arrive: all at once, at a fixed interval, as a Poisson process, or as a trace file says."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import numpy as np
from jaxtyping import Float

from stream.errors import UserError
from stream.service.queueing.jobs import SECONDS_PER_HOUR, Jobs, RecordedTask
from stream.service.queueing.trace import TraceRow
from tasks.errors import did_you_mean

ALLOWED = "all-at-once, every:SECONDS, poisson:RATE_PER_HOUR or trace:FILE"


class Pattern(StrEnum):
    """Kinds of schedule."""

    ALL_AT_ONCE = "all-at-once"
    EVERY = "every"
    POISSON = "poisson"
    TRACE = "trace"


EXAMPLES = {Pattern.EVERY: "every:60", Pattern.POISSON: "poisson:12"}
"""A form of each pattern that takes a number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrivals:
    """A schedule, without the tasks that follow it."""

    pattern: Pattern
    gap_seconds: float | None = None
    """Mean time between arrivals; None for the patterns without a rate, and where a sweep will set it."""
    trace: Path | None = None

    @property
    def has_rate(self) -> bool:
        """Whether tasks go on arriving at a rate that can be set."""
        return self.pattern in (Pattern.EVERY, Pattern.POISSON)

    @property
    def text(self) -> str:
        """The schedule in words."""
        match self.pattern:
            case Pattern.ALL_AT_ONCE:
                return "all at once"
            case Pattern.TRACE:
                return f"as in {self.trace}"
            case Pattern.EVERY:
                return f"one every {self.gap_seconds:,g} s" if self.gap_seconds else "at fixed intervals"
            case Pattern.POISSON if self.gap_seconds:
                return f"Poisson, {SECONDS_PER_HOUR / self.gap_seconds:,.4g} per hour"
            case Pattern.POISSON:
                return "Poisson"

    def at_rate(self, rate_per_hour: float) -> "Arrivals":
        """Return the same pattern at another rate."""
        return replace(self, gap_seconds=SECONDS_PER_HOUR / rate_per_hour)


def parse_arrivals(text: str) -> Arrivals:
    """Return the schedule of `--arrivals`; poisson and every may lack their number where rates are swept.

    Raises:
        UserError: the text is none of the forms, or its number is not positive.
    """
    name, _, rest = text.partition(":")
    if name not in list(Pattern):
        raise UserError(f"--arrivals got '{text}', allowed is {ALLOWED}; {did_you_mean(name, list(Pattern))}")
    pattern = Pattern(name)
    match pattern:
        case Pattern.ALL_AT_ONCE if text != name:
            raise UserError(f"--arrivals got '{text}', but all-at-once takes no number; leave out ':{rest}'")
        case Pattern.TRACE if not rest:
            raise UserError("--arrivals trace needs a file; write trace:FILE")
        case Pattern.ALL_AT_ONCE:
            return Arrivals(pattern=pattern)
        case Pattern.TRACE:
            return Arrivals(pattern=pattern, trace=Path(rest))
        case Pattern.EVERY:
            return Arrivals(pattern=pattern, gap_seconds=_positive(text, rest) if text != name else None)
        case Pattern.POISSON if text == name:
            return Arrivals(pattern=pattern)
        case Pattern.POISSON:
            return Arrivals(pattern=pattern).at_rate(_positive(text, rest))


def _positive(text: str, number: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    # Below the lower bound the other unit (seconds from a rate, or the reverse) would overflow.
    if not 1e-9 <= value <= 1e12:
        example = EXAMPLES[Pattern(text.partition(":")[0])]
        raise UserError(
            f"--arrivals got '{text}'; the number has to be positive (1e-9 to 1e12), as in {example}"
        )
    return value


def traced_jobs(recorded: Sequence[RecordedTask], rows: Sequence[TraceRow]) -> Jobs:
    """Return the jobs of a trace, ordered by time; rows of one moment keep the file's order."""
    index = {task.name: place for place, task in enumerate(recorded)}
    ordered = sorted(rows, key=lambda row: row.time_seconds)
    customers = tuple(dict.fromkeys(row.customer for row in ordered))
    numbers = {customer: place for place, customer in enumerate(customers)}
    return _jobs(
        recorded,
        task=[index[row.task] for row in ordered],
        arrival_seconds=np.array([row.time_seconds for row in ordered]),
        customer=[numbers[row.customer] for row in ordered],
        priority=[row.priority for row in ordered],
        customers=customers,
    )


def drawn_jobs(
    recorded: Sequence[RecordedTask],
    arrivals: Arrivals,
    *,
    num_jobs: int | None,
    seed: int,
    replication: int = 0,
) -> Jobs:
    """Return jobs that arrive by a schedule with a rate, or all at once.

    Gaps of a Poisson process are the same draws for every rate, only scaled, and tasks are drawn apart from
    them: settings that differ in rate, workers or policy meet the same stream.

    Arguments:
        recorded: at least one task.
        arrivals: no trace; a pattern with a rate has its `gap_seconds`.
        num_jobs: so many tasks, drawn with replacement; None: the recorded ones, once each, in order.
        seed: not negative.
        replication: another number gives an independent stream.
    """
    tasks: list[int] = list(range(len(recorded)))
    if num_jobs is not None:
        draws = np.random.default_rng([seed, replication, 0])
        tasks = draws.integers(len(recorded), size=num_jobs).tolist()
    return _jobs(
        recorded,
        task=tasks,
        arrival_seconds=_moments(arrivals, len(tasks), np.random.default_rng([seed, replication, 1])),
    )


def _moments(arrivals: Arrivals, num_jobs: int, draws: np.random.Generator) -> Float[np.ndarray, " jobs"]:
    """Arrival times [num_jobs]; a fixed interval begins at 0, a Poisson process with its first gap."""
    match arrivals.pattern, arrivals.gap_seconds:
        case Pattern.ALL_AT_ONCE, _:
            return np.zeros(num_jobs)
        case Pattern.EVERY, float() as gap:
            return np.arange(num_jobs) * gap
        case Pattern.POISSON, float() as gap:
            return np.asarray(np.cumsum(draws.standard_exponential(num_jobs)) * gap)
    raise ValueError(f"a schedule without times: {arrivals}")


def _jobs(
    recorded: Sequence[RecordedTask],
    *,
    task: Sequence[int],
    arrival_seconds: Float[np.ndarray, " jobs"],
    customer: Sequence[int] | None = None,
    priority: Sequence[float] | None = None,
    customers: tuple[str, ...] = ("",),
) -> Jobs:
    chosen = np.array(task, dtype=np.int64)
    return Jobs(
        task=chosen,
        customer=np.array(customer or [0] * len(task), dtype=np.int64),
        priority=np.array(priority or [0.0] * len(task), dtype=np.float64),
        arrival_seconds=arrival_seconds.astype(np.float64),
        service_seconds=np.array([entry.seconds for entry in recorded], dtype=np.float64)[chosen],
        expected_seconds=np.array([entry.expected_seconds for entry in recorded], dtype=np.float64)[chosen],
        customers=customers,
    )
