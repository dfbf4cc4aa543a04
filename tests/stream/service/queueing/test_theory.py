"""The formulas against published values and each other, then the simulation against the formulas."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stream.service.names import Policy
from stream.service.queueing.arrivals import Arrivals, Pattern
from stream.service.queueing.jobs import SECONDS_PER_HOUR, Jobs, RecordedTask
from stream.service.queueing.measures import Estimate, estimate_over, measure
from stream.service.queueing.prediction import predicted_wait
from stream.service.queueing.scenario import Outcome, Setting, Study, outcome_of
from stream.service.queueing.simulation import serve
from stream.service.queueing.theory import (
    cobham,
    erlang_c,
    exponential_wait,
    lee_longton,
    pollaczek_khinchine,
)
from tests.stream.service.queueing.made_jobs import RECORDED, TIMES, made_jobs

NUM_STREAMS, NUM_JOBS, WARM_UP = 20, 1500, 250
Draw = Callable[[np.random.Generator], np.ndarray]
MEAN = float(np.mean(TIMES))
SECOND_MOMENT = float(np.mean(np.square(TIMES)))


@pytest.mark.parametrize(
    ("load", "num_workers", "probability"),
    [(1.0, 2, 1 / 3), (2.0, 3, 4 / 9), (0.5, 1, 0.5), (8.0, 10, 0.40918), (3.0, 3, 1.0)],
)
def test_erlang_c_has_its_tabulated_values(load: float, num_workers: int, probability: float) -> None:
    """Values by hand for few workers, and that of the usual tables for 8 erlangs on 10."""
    assert erlang_c(load, num_workers) == pytest.approx(probability, abs=1e-5)


@pytest.mark.parametrize("load", [0.1, 0.5, 0.9, 0.99])
def test_one_server_is_one_formula(load: float) -> None:
    """M/M/1 is load / (1 - load) by Erlang, Pollaczek-Khinchine and Lee-Longton; M/D/1 is half of it."""
    expected = load / (1 - load)
    assert exponential_wait(load, 1.0, 1) == pytest.approx(expected)
    assert pollaczek_khinchine(load, 1.0, 2.0) == pytest.approx(expected)
    assert lee_longton(load, 1.0, 2.0, 1) == pytest.approx(expected)
    assert pollaczek_khinchine(load, 1.0, 1.0) == pytest.approx(expected / 2)


@given(
    loads=st.lists(st.floats(0.01, 0.2), min_size=1, max_size=4),
    means=st.lists(st.floats(0.1, 10.0), min_size=4, max_size=4),
)
def test_priorities_conserve_the_load_weighted_wait(loads: list[float], means: list[float]) -> None:
    """Cobham's waits, weighted by load, have the mean of first-come (Kleinrock's conservation law)."""
    rates = [load / mean for load, mean in zip(loads, means, strict=False)]
    second = sum(r * 2 * m * m for r, m in zip(rates, means, strict=False)) / sum(rates)
    waits = cobham(rates, means[: len(rates)], second)
    weighted = sum(load * wait for load, wait in zip(loads, waits, strict=True))
    together = pollaczek_khinchine(sum(rates), sum(loads) / sum(rates), second)
    assert weighted == pytest.approx(sum(loads) * together)


def test_a_full_server_waits_for_ever() -> None:
    """From a load of as many workers as there are, every formula is infinite."""
    assert pollaczek_khinchine(1.0, 1.0, 2.0) == math.inf
    assert exponential_wait(3.0, 1.0, 3) == math.inf
    assert cobham([0.5, 0.6], [1.0, 1.0], 2.0)[1] == math.inf


def test_a_class_of_priority_can_be_bounded_in_an_overloaded_service() -> None:
    """The urgent class waits for a finite time although all classes together are too much."""
    urgent, rest = cobham([0.5, 0.6], [1.0, 1.0], 2.0)
    assert urgent == pytest.approx(1.1 / 0.5)
    assert rest == math.inf


def simulated(draw: Draw, *, rate: float, num_workers: int, seed: int) -> tuple[Estimate, Estimate]:
    """Mean wait and utilisation over independent streams with Poisson arrivals, first come."""
    waits, used = [], []
    for stream in range(NUM_STREAMS):
        rng = np.random.default_rng([seed, stream])
        arrivals = np.cumsum(rng.exponential(1 / rate, NUM_JOBS))
        jobs = made_jobs(arrivals.tolist(), draw(rng).tolist())
        served = serve(jobs, num_workers=num_workers, policy=Policy.FIRST_COME)
        shown = measure(served, warm_up=WARM_UP, is_ongoing=True)
        assert shown.utilisation is not None
        waits.append(float(shown.waiting_seconds.mean()))
        used.append(shown.utilisation)
    return estimate_over(waits), estimate_over(used)


def agrees(estimate: Estimate | None, value: float, *, within: float) -> bool:
    """Whether a value lies in the interval of 99.9 %, and this one is narrower than `within` of the value.

    Of many intervals of 95 % some would miss; how often those hold is a test of its own.
    """
    assert estimate is not None
    assert estimate.half_width is not None
    degrees = NUM_STREAMS - 1
    wider = estimate.half_width * float(stats.t.ppf(0.9995, degrees) / stats.t.ppf(0.975, degrees))
    assert wider < within * value
    return abs(estimate.mean - value) <= wider


def exponential(rng: np.random.Generator) -> np.ndarray:
    return rng.exponential(1.0, NUM_JOBS)


def constant(rng: np.random.Generator) -> np.ndarray:
    return np.ones(NUM_JOBS)


@pytest.mark.parametrize(
    ("draw", "load", "num_workers", "wait"),
    [
        (exponential, 0.5, 1, exponential_wait(0.5, 1.0, 1)),
        (exponential, 0.7, 1, pollaczek_khinchine(0.7, 1.0, 2.0)),
        (constant, 0.8, 1, pollaczek_khinchine(0.8, 1.0, 1.0)),
        (exponential, 1.4, 2, exponential_wait(1.4, 1.0, 2)),
        (exponential, 3.0, 4, exponential_wait(3.0, 1.0, 4)),
    ],
    ids=["M/M/1 0.5", "M/M/1 0.7", "M/D/1 0.8", "M/M/2 0.7", "M/M/4 0.75"],
)
def test_the_simulation_agrees_with_the_formula(
    draw: Draw, load: float, num_workers: int, wait: float
) -> None:
    """Mean wait and utilisation of theory lie in the intervals of 20 independent streams."""
    seed = round(100 * load) + num_workers
    waits, used = simulated(draw, rate=load, num_workers=num_workers, seed=seed)
    assert agrees(waits, wait, within=0.35)
    assert agrees(used, load / num_workers, within=0.05)
    assert not agrees(waits, 2 * wait, within=0.35)


def studied(policy: Policy, *, load: float, num_workers: int = 1) -> Outcome:
    """Recorded times drawn for a Poisson stream, as the command does it."""
    arrivals = Arrivals(pattern=Pattern.POISSON, gap_seconds=MEAN / (load * num_workers))
    study = Study(recorded=RECORDED, num_jobs=NUM_JOBS, warm_up=WARM_UP, num_replications=NUM_STREAMS)
    return outcome_of(study, Setting(policy=policy, num_workers=num_workers, arrivals=arrivals))


def test_recorded_times_agree_with_pollaczek_and_khinchine() -> None:
    """M/G/1 with the times of a run: wait, utilisation and queue length (rate times wait) agree."""
    outcome = studied(Policy.FIRST_COME, load=0.7)
    wait = pollaczek_khinchine(0.7 / MEAN, MEAN, SECOND_MOMENT)
    assert outcome.predicted is not None
    assert outcome.predicted.is_exact
    assert outcome.predicted.mean_waiting_seconds == pytest.approx(wait)
    assert agrees(outcome.mean_waiting_seconds, wait, within=0.25)
    assert agrees(outcome.utilisation, 0.7, within=0.05)
    assert agrees(outcome.mean_queue_length, 0.7 / MEAN * wait, within=0.25)
    assert agrees(outcome.throughput_per_hour, 0.7 / MEAN * SECONDS_PER_HOUR, within=0.05)


def test_shortest_first_agrees_with_cobham_and_beats_first_come() -> None:
    """The simulated mean wait is that of classes by expected time, and below that of first-come."""
    shortest, first = (studied(policy, load=0.8) for policy in (Policy.SHORTEST_FIRST, Policy.FIRST_COME))
    assert shortest.predicted is not None
    assert first.predicted is not None
    assert agrees(shortest.mean_waiting_seconds, shortest.predicted.mean_waiting_seconds, within=0.25)
    assert not agrees(shortest.mean_waiting_seconds, first.predicted.mean_waiting_seconds, within=0.25)
    assert shortest.mean_waiting_seconds.mean < first.mean_waiting_seconds.mean
    assert shortest.utilisation is not None
    assert first.utilisation is not None
    assert shortest.utilisation.mean == pytest.approx(first.utilisation.mean, rel=1e-3)


def test_several_workers_are_near_lee_and_longton() -> None:
    """The approximation for M/G/4 is within a tenth of the simulation, and says that it is one."""
    outcome = studied(Policy.FIRST_COME, load=0.8, num_workers=4)
    assert outcome.predicted is not None
    assert not outcome.predicted.is_exact
    assert outcome.predicted.mean_waiting_seconds == pytest.approx(outcome.mean_waiting_seconds.mean, rel=0.1)
    assert predicted_wait(RECORDED, rate=1e-3, num_workers=4, policy=Policy.SHORTEST_FIRST) is None


def poisson_jobs(load: float) -> Jobs:
    """A long stream with exponential services of mean 1."""
    rng = np.random.default_rng(1)
    return made_jobs(np.cumsum(rng.exponential(1 / load, 2000)).tolist(), rng.exponential(1.0, 2000).tolist())


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("num_workers", [1, 3])
def test_littles_law(policy: Policy, num_workers: int) -> None:
    """From the first arrival to the last finish: mean queue length times time is the sum of all waits."""
    served = serve(poisson_jobs(0.9 * num_workers), num_workers=num_workers, policy=policy)
    shown = measure(served, is_ongoing=False)
    assert shown.mean_queue_length is not None
    assert shown.throughput_per_hour is not None
    mean_wait = float(shown.waiting_seconds.mean())
    rate = shown.throughput_per_hour / SECONDS_PER_HOUR
    assert shown.mean_queue_length == pytest.approx(rate * mean_wait)
    assert shown.mean_queue_length == pytest.approx(counted_queue(served.jobs, served.start_seconds))


def counted_queue(jobs: Jobs, starts: np.ndarray) -> float:
    """The queue counted between all events of the stream, another way than adding up intervals."""
    end = float((starts + jobs.service_seconds).max())
    begin = float(jobs.arrival_seconds[0])
    moments = np.concatenate([jobs.arrival_seconds, starts, [end]])
    edges = np.unique(np.clip(moments, begin, end))
    lengths = np.searchsorted(jobs.arrival_seconds, edges[:-1], side="right") - np.searchsorted(
        np.sort(starts), edges[:-1], side="right"
    )
    return float(lengths @ np.diff(edges)) / (end - begin)


def test_intervals_hold_the_wait_of_theory_as_often_as_they_say() -> None:
    """Of 20 intervals of 95 % for the mean wait of M/D/1 at least 16 hold it (fewer: 3 in 1,000)."""
    wait = pollaczek_khinchine(0.5, 1.0, 1.0)
    study = Study(
        recorded=(RecordedTask(name="a", seconds=1.0, expected_seconds=1.0),),
        num_jobs=200,
        warm_up=20,
        num_replications=8,
    )
    setting = Setting(
        policy=Policy.FIRST_COME,
        num_workers=1,
        arrivals=Arrivals(pattern=Pattern.POISSON, gap_seconds=2.0),
    )
    outcomes = [outcome_of(replace(study, seed=seed), setting) for seed in range(20)]
    assert 16 <= sum(outcome.mean_waiting_seconds.holds(wait) is True for outcome in outcomes) <= 20
