"""What a report about a simulated service shows, and how its numbers are worded."""

from dataclasses import dataclass

from stream.service.queueing.measures import Estimate
from stream.service.queueing.scenario import Outcome, Study
from stream.words import duration


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceReport:
    """One study of a recorded run."""

    run: str
    device: str
    """Where the times were measured."""
    times: str
    """What a service time consists of, in words."""
    expected: str
    """What an expected time is taken from, in words."""
    study: Study
    base: Outcome
    """The setting shown arrival by arrival."""
    sweep: tuple[Outcome, ...] = ()
    """All settings, where there are several."""
    notes: tuple[str, ...] = ()


def time_text(seconds: float) -> str:
    """Format a time: 0.42 as "0.42s", 8.3 as "8.3s", and from a minute on as "5m 12s"."""
    return f"{seconds:.2g}s" if 0 < seconds < 10 else duration(seconds)


def estimated_time(estimate: Estimate) -> str:
    """Format a mean time with its interval where there is one."""
    if estimate.half_width is None:
        return time_text(estimate.mean)
    low, high = (max(0.0, estimate.mean + sign * estimate.half_width) for sign in (-1, 1))
    return f"{time_text(estimate.mean)} ({time_text(low)} to {time_text(high)})"


def estimated_number(estimate: Estimate | None, form: str = ".3f") -> str:
    """Format a mean with its interval's half width; "-" where it is undefined."""
    if estimate is None:
        return "-"
    shown = format(estimate.mean, form)
    return shown if estimate.half_width is None else f"{shown} ± {estimate.half_width:{form}}"


def rate_text(rate_per_hour: float | None) -> str:
    """Format arrivals per hour with four digits; "-" where there is no rate."""
    return "-" if rate_per_hour is None else f"{rate_per_hour:,.4g}"
