from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stream.service.names import Policy
from stream.service.queueing.arrivals import Arrivals, Pattern
from stream.service.queueing.jobs import RecordedTask
from stream.service.queueing.measures import (
    Estimate,
    estimate_from_batches,
    estimate_over,
    estimate_over_time,
    measure,
)
from stream.service.queueing.scenario import Capacity, Setting, Study, outcome_of
from stream.service.queueing.simulation import serve
from stream.service.queueing.trace import Trace, TraceRow
from tests.stream.service.queueing.made_jobs import RECORDED, made_jobs

ONE = RecordedTask(name="a", seconds=100.0, expected_seconds=100.0)


def setting(pattern: Pattern, gap: float | None = None, num_workers: int = 1) -> Setting:
    return Setting(
        policy=Policy.FIRST_COME,
        num_workers=num_workers,
        arrivals=Arrivals(pattern=pattern, gap_seconds=gap),
    )


@pytest.mark.parametrize(
    ("rate", "num_workers", "load", "grows"),
    [(35.0, 1, 35 / 36, False), (36.0, 1, 1.0, True), (36.0, 2, 1.0, False), (None, 1, None, None)],
)
def test_saturation(rate: float | None, num_workers: int, load: float | None, grows: bool | None) -> None:
    """100 s of training saturate one worker at 36 an hour; without a rate nothing is said to grow."""
    capacity = Capacity(mean_service_seconds=100.0, num_workers=num_workers, rate_per_hour=rate)
    assert capacity.offered_load == (None if load is None else pytest.approx(load))
    assert capacity.saturation_per_hour == pytest.approx(36.0 * num_workers)
    assert capacity.grows is grows


def test_a_load_of_one_worker_is_saturation_whatever_the_rounding() -> None:
    """Rates that come from a load of exactly 1 count as saturated."""
    for mean in np.linspace(0.1, 1000, 200).tolist():
        arrivals = Arrivals(pattern=Pattern.POISSON).at_rate(3 / mean * 3600)
        assert arrivals.gap_seconds is not None
        rate = 3600 / arrivals.gap_seconds
        assert Capacity(mean_service_seconds=mean, num_workers=3, rate_per_hour=rate).grows


def test_a_queue_grows_exactly_from_the_saturation_on() -> None:
    """Below it the later half of a long stream waits no longer than the first half; above it, far longer."""
    for load, grows in ((0.8, False), (1.3, True)):
        study = Study(recorded=RECORDED, num_jobs=2000)
        mean = float(np.mean([task.seconds for task in RECORDED]))
        outcome = outcome_of(study, setting(Pattern.POISSON, mean / load))
        first, second = np.split(outcome.first.waiting_seconds, 2)
        assert outcome.capacity.grows is grows
        assert bool(second.mean() > 2 * first.mean()) is grows


def test_a_regular_stream_below_saturation_never_waits() -> None:
    """Tasks of 100 s every 125 s: no wait, 80 % utilisation, 28.8 an hour."""
    outcome = outcome_of(Study(recorded=(ONE,), num_jobs=101), setting(Pattern.EVERY, 125.0))
    assert outcome.mean_waiting_seconds.mean == 0.0
    assert outcome.utilisation is not None
    assert outcome.utilisation.mean == pytest.approx(0.8)
    assert outcome.throughput_per_hour is not None
    assert outcome.throughput_per_hour.mean == pytest.approx(28.8)
    assert outcome.max_waiting_seconds == 0.0


def test_a_burst_is_watched_to_its_end() -> None:
    """Three tasks of 100 s at once: waits 0, 100, 200; one worker always busy, one waiting on average."""
    outcome = outcome_of(Study(recorded=(ONE, ONE, ONE)), setting(Pattern.ALL_AT_ONCE))
    assert outcome.first.waiting_seconds.tolist() == [0.0, 100.0, 200.0]
    assert outcome.utilisation == Estimate(mean=1.0)
    assert outcome.mean_queue_length == Estimate(mean=1.0)
    assert outcome.throughput_per_hour == Estimate(mean=36.0)
    assert outcome.waiting_percentiles[50] == 100.0
    assert outcome.capacity.offered_load is None
    assert outcome.num_replications == 1


def test_one_arrival_of_an_ongoing_stream_has_no_utilisation() -> None:
    """A stream that is watched for no time says so instead of dividing by it."""
    outcome = outcome_of(Study(recorded=(ONE,)), setting(Pattern.EVERY, 10.0))
    assert outcome.utilisation is None
    assert outcome.mean_queue_length is None
    assert outcome.throughput_per_hour is None


def test_warm_up_is_simulated_but_not_counted() -> None:
    """Waits, and the time of the averages, begin with the first counted arrival."""
    jobs = made_jobs([0.0, 0.0, 10.0], [10.0, 10.0, 5.0])
    served = serve(jobs, num_workers=1, policy=Policy.FIRST_COME)
    shown = measure(served, warm_up=2, is_ongoing=False)
    assert shown.waiting_seconds.tolist() == [10.0]
    assert shown.window_seconds == 15.0
    assert shown.utilisation == 1.0
    assert shown.mean_queue_length == pytest.approx(10 / 15)
    assert shown.throughput_per_hour == pytest.approx(2 / 15 * 3600)


def test_more_workers_never_wait_longer() -> None:
    """For the same stream, first come, another worker shortens the mean wait and lowers the utilisation."""
    study = Study(recorded=RECORDED, num_jobs=300, num_replications=3)
    outcomes = [outcome_of(study, setting(Pattern.POISSON, 450.0, workers)) for workers in (1, 2, 3)]
    waits = [outcome.mean_waiting_seconds.mean for outcome in outcomes]
    assert waits == sorted(waits, reverse=True)
    used = [outcome.utilisation.mean for outcome in outcomes if outcome.utilisation]
    assert used == sorted(used, reverse=True)


def test_chance_decides_how_often_a_stream_is_repeated() -> None:
    """A stream without chance is simulated once, and then has no interval."""
    study = Study(recorded=RECORDED, num_replications=5)
    fixed = outcome_of(study, setting(Pattern.EVERY, 400.0))
    random = outcome_of(study, setting(Pattern.POISSON, 400.0))
    drawn = outcome_of(replace(study, num_jobs=20), setting(Pattern.ALL_AT_ONCE))
    assert [o.num_replications for o in (fixed, random, drawn)] == [1, 5, 5]
    assert fixed.mean_waiting_seconds.half_width is None
    assert random.mean_waiting_seconds.half_width is not None


def test_a_trace_has_the_rate_of_its_arrivals() -> None:
    """Three arrivals in 200 s are one per 100 s; the mean service time is that of the tasks that came."""
    rows = tuple(TraceRow(task="b", time_seconds=time) for time in (0.0, 50.0, 200.0))
    trace = Trace(path=Path("t.csv"), columns=("task", "time_seconds"), rows=rows)
    other = RecordedTask(name="b", seconds=60.0, expected_seconds=60.0)
    study = Study(recorded=(ONE, other), trace=trace, num_replications=9)
    outcome = outcome_of(study, setting(Pattern.TRACE))
    assert outcome.capacity.offered_load == pytest.approx(0.6)
    assert outcome.num_replications == 1
    assert study.num_arrivals == 3


def test_theory_speaks_only_where_it_holds() -> None:
    """There is a prediction for Poisson arrivals of drawn tasks below saturation, and for nothing else."""
    mean = float(np.mean([task.seconds for task in RECORDED]))
    drawn = Study(recorded=RECORDED, num_jobs=10)
    assert outcome_of(drawn, setting(Pattern.POISSON, 2 * mean)).predicted is not None
    assert outcome_of(drawn, setting(Pattern.EVERY, 2 * mean)).predicted is None
    assert outcome_of(drawn, setting(Pattern.POISSON, 0.9 * mean)).predicted is None
    assert outcome_of(Study(recorded=RECORDED), setting(Pattern.POISSON, 2 * mean)).predicted is None


def test_batch_means_need_a_long_stream() -> None:
    """Below 10,000 values there is no interval; above, it is that of 20 batches."""
    values = np.random.default_rng(0).exponential(1.0, 12_345)
    assert estimate_from_batches(values[:9_999]).half_width is None
    estimate = estimate_from_batches(values)
    assert estimate.mean == pytest.approx(float(values.mean()))
    # Independent values: the interval of batches is near the one of all values.
    assert estimate.half_width == pytest.approx(1.96 / np.sqrt(12_345), rel=0.5)
    assert estimate.holds(1.0)
    assert Estimate(mean=1.0).holds(1.0) is None


@pytest.mark.parametrize("num_jobs", [2, 6])
def test_short_streams_together_have_the_rate_and_the_load_asked_for(num_jobs: int) -> None:
    """At 2 % load a task hardly ever meets another: utilisation is the load, throughput the rate of arrivals.

    The mean of the streams' own rates would be too large: without bound for one gap, by a fourth for five.
    """
    study = Study(recorded=(ONE,), num_jobs=num_jobs, num_replications=600)
    outcome = outcome_of(study, setting(Pattern.POISSON, 5000.0))
    assert outcome.utilisation is not None
    assert outcome.throughput_per_hour is not None
    assert outcome.utilisation.mean == pytest.approx(0.02, rel=0.12)
    assert outcome.throughput_per_hour.mean == pytest.approx(0.72, rel=0.12)


def test_intervals_of_short_streams_hold_the_rate_as_often_as_they_say() -> None:
    """Of 60 intervals of 95 % for the rate of 6 arrivals at least 52 hold it (fewer: 1 in 100)."""
    study = Study(recorded=(ONE,), num_jobs=6, num_replications=30)
    held = [
        outcome.throughput_per_hour is not None and outcome.throughput_per_hour.holds(0.072)
        for seed in range(60)
        for outcome in [outcome_of(replace(study, seed=seed), setting(Pattern.POISSON, 50_000.0))]
    ]
    assert held.count(True) >= 52


def test_streams_of_one_length_count_alike() -> None:
    """Where all were watched for one time, the average over time is the mean with Student's interval."""
    values = [0.1, 0.4, 0.2, 0.7]
    together, plain = estimate_over_time(values, [30.0] * 4), estimate_over(values)
    assert together.mean == pytest.approx(plain.mean)
    assert together.half_width == pytest.approx(plain.half_width)
    assert estimate_over_time([0.1, 0.4], [30.0, 10.0]).mean == pytest.approx(0.175)


@pytest.mark.parametrize(
    ("load", "num_jobs", "is_short"),
    [(0.01, 2, True), (0.01, 17, False), (0.7, 100, True), (0.7, 200, False), (1.2, 2, False)],
)
def test_few_arrivals_are_no_steady_state(load: float, num_jobs: int, is_short: bool) -> None:
    """A fuller service needs more arrivals; one whose queue grows has no steady state to come to."""
    outcome = outcome_of(Study(recorded=(ONE,), num_jobs=num_jobs), setting(Pattern.POISSON, 100.0 / load))
    assert outcome.is_too_short is is_short


def test_a_burst_has_no_steady_state_to_miss() -> None:
    """A stream without a rate is whole as it is."""
    assert not outcome_of(Study(recorded=(ONE, ONE)), setting(Pattern.ALL_AT_ONCE)).is_too_short
