"""What one served stream says about the service: waits, utilisation, queue length, throughput."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

from stream.service.queueing.jobs import SECONDS_PER_HOUR, Served

CONFIDENCE = 0.95
NUM_BATCHES = 20
"""Batch means: few long batches, whose means hardly depend on each other (Law and Kelton, section 9.5)."""
MIN_BATCH_SIZE = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A mean with the interval that holds the true one in 95 of 100 cases; without, it is unknown."""

    mean: float
    half_width: float | None = None

    def holds(self, value: float) -> bool | None:
        """Whether the value lies in the interval; None where there is none."""
        return None if self.half_width is None else abs(value - self.mean) <= self.half_width


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """The time in which a stream is watched."""

    begin_seconds: float
    end_seconds: float

    @property
    def length_seconds(self) -> float:
        """Not negative."""
        return self.end_seconds - self.begin_seconds


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Measures:
    """One stream, without its warm-up; None where the window has no length."""

    waiting_seconds: Float[np.ndarray, " counted"]
    """Of each counted job, in the order of arrival."""
    utilisation: float | None
    """Share of the workers' time that was spent on training, 0 to 1."""
    mean_queue_length: float | None
    """Jobs waiting, averaged over time."""
    throughput_per_hour: float | None
    """Jobs that ended within the window."""
    window_seconds: float


def measure(served: Served, *, warm_up: int = 0, is_ongoing: bool) -> Measures:
    """Return what a stream shows from the first counted arrival on.

    Arguments:
        served: at least warm_up + 1 jobs.
        warm_up: so many first arrivals are not counted.
        is_ongoing: the stream is a piece of one without an end, so it is watched until the last arrival; one
            that ends (all at once, a trace) until the last job is trained.
    """
    arrivals, finishes = served.jobs.arrival_seconds, served.finish_seconds
    end = arrivals[-1] if is_ongoing else finishes.max()
    window = Window(begin_seconds=float(arrivals[warm_up]), end_seconds=float(end))
    length = window.length_seconds
    waits = served.waiting_seconds[warm_up:]
    if length <= 0:
        return Measures(
            waiting_seconds=waits,
            utilisation=None,
            mean_queue_length=None,
            throughput_per_hour=None,
            window_seconds=0.0,
        )
    ended = int(((finishes > window.begin_seconds) & (finishes <= window.end_seconds)).sum())
    return Measures(
        waiting_seconds=waits,
        utilisation=_seconds_within(served.start_seconds, finishes, window) / (length * served.num_workers),
        mean_queue_length=_seconds_within(arrivals, served.start_seconds, window) / length,
        throughput_per_hour=ended / length * SECONDS_PER_HOUR,
        window_seconds=length,
    )


def _seconds_within(
    begins: Float[np.ndarray, " jobs"], ends: Float[np.ndarray, " jobs"], window: Window
) -> float:
    """The summed time of intervals that lies inside a window."""
    inside = np.minimum(ends, window.end_seconds) - np.maximum(begins, window.begin_seconds)
    return float(np.maximum(inside, 0.0).sum())


def estimate_over(values: list[float]) -> Estimate:
    """Return the mean of independent values with Student's interval; of one value without."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return Estimate(mean=mean)
    spread = float(np.std(values, ddof=1)) / len(values) ** 0.5
    return Estimate(mean=mean, half_width=spread * float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)))


def estimate_over_time(averages: list[float], seconds: list[float]) -> Estimate:
    """Return the average over the time of all streams together, with Student's interval.

    It is the total over the total time: a short stream counts as little as it lasts. The mean of the streams'
    own averages would be too large, since a rate in a short stretch between two arrivals is large. The
    interval is that of a ratio (Cochran 1977, Sampling Techniques, section 6.4).

    Arguments:
        averages: of independent streams.
        seconds: how long each was watched; positive in sum.
    """
    values, shares = np.array(averages), np.array(seconds) / np.mean(seconds)
    mean = float(np.average(values, weights=shares))
    around = estimate_over((shares * (values - mean)).tolist())
    return Estimate(mean=mean, half_width=around.half_width)


def estimate_from_batches(values: Float[np.ndarray, " counted"]) -> Estimate:
    """Return the mean of one long stream with the interval of its batch means; of a short one without."""
    if len(values) < NUM_BATCHES * MIN_BATCH_SIZE:
        return Estimate(mean=float(values.mean()))
    whole = len(values) - len(values) % NUM_BATCHES
    batches = values[:whole].reshape(NUM_BATCHES, -1).mean(axis=1)
    return Estimate(mean=float(values.mean()), half_width=estimate_over(batches.tolist()).half_width)
