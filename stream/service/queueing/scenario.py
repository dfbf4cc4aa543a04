"""Settings of a training service and what comes of each: the simulation repeated, theory beside it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from stream.service.names import Policy
from stream.service.queueing.arrivals import Arrivals, Pattern, drawn_jobs, traced_jobs
from stream.service.queueing.jobs import SECONDS_PER_HOUR, Jobs, RecordedTask, Served
from stream.service.queueing.measures import (
    Estimate,
    Measures,
    estimate_from_batches,
    estimate_over,
    estimate_over_time,
    measure,
)
from stream.service.queueing.prediction import Prediction, predicted_wait
from stream.service.queueing.simulation import serve
from stream.service.queueing.trace import Trace

PERCENTILES = (50, 90, 95, 99)


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One way to run the service."""

    policy: Policy
    num_workers: int
    arrivals: Arrivals


@dataclass(frozen=True, kw_only=True, slots=True)
class Study:
    """What all settings have in common."""

    recorded: tuple[RecordedTask, ...]
    """At least one."""
    num_jobs: int | None = None
    """Tasks drawn with replacement; None: the recorded ones once each, or those of the trace."""
    warm_up: int = 0
    """First arrivals that are simulated and not counted."""
    num_replications: int = 1
    seed: int = 0
    trace: Trace | None = None

    @property
    def num_arrivals(self) -> int:
        """Jobs of one stream."""
        return len(self.trace.rows) if self.trace else self.num_jobs or len(self.recorded)

    def jobs(self, arrivals: Arrivals, replication: int = 0) -> Jobs:
        """Return one stream of jobs."""
        if self.trace is not None:
            return traced_jobs(self.recorded, self.trace.rows)
        return drawn_jobs(
            self.recorded, arrivals, num_jobs=self.num_jobs, seed=self.seed, replication=replication
        )

    def is_random(self, arrivals: Arrivals) -> bool:
        """Whether another replication differs."""
        return self.trace is None and (self.num_jobs is not None or arrivals.pattern is Pattern.POISSON)


@dataclass(frozen=True, kw_only=True, slots=True)
class Capacity:
    """Demand against what the workers can do, from means alone."""

    mean_service_seconds: float
    num_workers: int
    rate_per_hour: float | None
    """None where all arrive at one moment: then there is no rate."""

    @property
    def offered_load(self) -> float | None:
        """Rate times mean service time: the workers that would be busy on average."""
        if self.rate_per_hour is None:
            return None
        return self.rate_per_hour / SECONDS_PER_HOUR * self.mean_service_seconds

    @property
    def saturation_per_hour(self) -> float:
        """The rate from which on the queue grows without bound: workers / mean service time."""
        if self.mean_service_seconds == 0:
            return math.inf
        return self.num_workers / self.mean_service_seconds * SECONDS_PER_HOUR

    @property
    def grows(self) -> bool | None:
        """Whether the queue would grow without bound if tasks went on arriving at this rate."""
        # A load of exactly the workers comes out of a division a rounding error below them.
        return None if self.offered_load is None else self.offered_load >= self.num_workers * (1 - 1e-9)

    @property
    def steady_arrivals(self) -> int | None:
        """Arrivals after which it hardly matters that the workers were idle at first; None without an end.

        Four relaxation times of M/M/1, each at most 4 / (1 - load)^2 arrivals long (Morse 1955, Stochastic
        Properties of Waiting Lines). An order of magnitude, for other services too.
        """
        if self.offered_load is None or self.grows:
            return None
        return math.ceil(16 / (1 - self.offered_load / self.num_workers) ** 2)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Outcome:
    """One setting, simulated."""

    setting: Setting
    first: Served
    """The first replication, job by job."""
    capacity: Capacity
    num_replications: int
    mean_waiting_seconds: Estimate
    utilisation: Estimate | None
    mean_queue_length: Estimate | None
    throughput_per_hour: Estimate | None
    waiting_percentiles: Mapping[int, float]
    """Over all counted jobs of all replications, seconds by percent."""
    max_waiting_seconds: float
    window_seconds: float
    """Time in which the first replication was watched."""
    predicted: Prediction | None
    """What queueing theory says of the long run, where it has a formula."""

    @property
    def is_too_short(self) -> bool:
        """Whether so few tasks arrive at a rate that what they meet is not the long run's."""
        needed = self.capacity.steady_arrivals
        return self.setting.arrivals.has_rate and needed is not None and len(self.first.jobs) < needed


def outcome_of(study: Study, setting: Setting) -> Outcome:
    """Simulate a setting, as often as the study says where chance is involved."""
    repeats = study.num_replications if study.is_random(setting.arrivals) else 1
    first = _serve(study, setting, 0)
    measures = [_measured(study, first, setting)]
    # Only the first stream is kept job by job.
    measures += [_measured(study, _serve(study, setting, r), setting) for r in range(1, repeats)]
    waits = np.concatenate([entry.waiting_seconds for entry in measures])
    windows = [entry.window_seconds for entry in measures]
    capacity = _capacity(study, setting, first.jobs)
    percentiles = np.percentile(waits, PERCENTILES).tolist()
    return Outcome(
        setting=setting,
        first=first,
        capacity=capacity,
        num_replications=repeats,
        mean_waiting_seconds=_mean_wait(measures),
        utilisation=_over(windows, [entry.utilisation for entry in measures]),
        mean_queue_length=_over(windows, [entry.mean_queue_length for entry in measures]),
        throughput_per_hour=_over(windows, [entry.throughput_per_hour for entry in measures]),
        waiting_percentiles=MappingProxyType(dict(zip(PERCENTILES, percentiles, strict=True))),
        max_waiting_seconds=float(waits.max()),
        window_seconds=windows[0],
        predicted=_prediction(study, setting, capacity),
    )


def _serve(study: Study, setting: Setting, replication: int) -> Served:
    jobs = study.jobs(setting.arrivals, replication)
    return serve(jobs, num_workers=setting.num_workers, policy=setting.policy)


def _measured(study: Study, served: Served, setting: Setting) -> Measures:
    return measure(served, warm_up=study.warm_up, is_ongoing=setting.arrivals.has_rate)


def _mean_wait(measures: Sequence[Measures]) -> Estimate:
    if len(measures) == 1:
        return estimate_from_batches(measures[0].waiting_seconds)
    return estimate_over([float(entry.waiting_seconds.mean()) for entry in measures])


def _over(windows: list[float], averages: Sequence[float | None]) -> Estimate | None:
    known = [average for average in averages if average is not None]
    return estimate_over_time(known, windows) if known and len(known) == len(averages) else None


def _capacity(study: Study, setting: Setting, jobs: Jobs) -> Capacity:
    """From the recorded times where they are drawn from, otherwise from the jobs themselves."""
    times = jobs.service_seconds if study.trace else np.array([task.seconds for task in study.recorded])
    gap = setting.arrivals.gap_seconds
    if study.trace and len(jobs) > 1:
        gap = float(jobs.arrival_seconds[-1] - jobs.arrival_seconds[0]) / (len(jobs) - 1)
    return Capacity(
        mean_service_seconds=float(times.mean()),
        num_workers=setting.num_workers,
        rate_per_hour=SECONDS_PER_HOUR / gap if gap else None,
    )


def _prediction(study: Study, setting: Setting, capacity: Capacity) -> Prediction | None:
    """Only for independent draws of tasks, and only while the queue does not grow without bound."""
    gap = setting.arrivals.gap_seconds
    if setting.arrivals.pattern is not Pattern.POISSON or study.num_jobs is None or not gap or capacity.grows:
        return None
    return predicted_wait(
        study.recorded, rate=1 / gap, num_workers=setting.num_workers, policy=setting.policy
    )
