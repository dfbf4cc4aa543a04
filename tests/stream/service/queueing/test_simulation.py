from heapq import heapify, heapreplace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.service.names import Policy
from stream.service.queueing.jobs import Served
from stream.service.queueing.simulation import serve
from tests.stream.service.queueing.made_jobs import columns_of_jobs, made_jobs

Columns = dict[str, list[Any]]
WORKERS = st.integers(1, 4)
POLICIES = st.sampled_from(Policy)


def moments(served: Served) -> list[float]:
    """Every moment at which something happens."""
    times = (served.jobs.arrival_seconds, served.start_seconds, served.finish_seconds)
    return np.unique(np.concatenate(times)).tolist()


@given(columns=columns_of_jobs(), num_workers=WORKERS, policy=POLICIES)
@settings(max_examples=60)
def test_a_worker_never_does_two_jobs_at_once(columns: Columns, num_workers: int, policy: Policy) -> None:
    """Each worker's jobs follow each other, nobody starts before arriving, and every job is served."""
    jobs = made_jobs(**columns)
    served = serve(jobs, num_workers=num_workers, policy=policy)
    assert np.all(served.start_seconds >= jobs.arrival_seconds)
    assert set(served.worker.tolist()) <= set(range(num_workers))
    for worker in range(num_workers):
        mine = served.worker == worker
        order = np.lexsort((served.finish_seconds[mine], served.start_seconds[mine]))
        starts, finishes = served.start_seconds[mine][order], served.finish_seconds[mine][order]
        assert np.all(starts[1:] >= finishes[:-1])


@given(columns=columns_of_jobs(), num_workers=WORKERS, policy=POLICIES)
@settings(max_examples=60)
def test_no_worker_is_idle_while_a_job_waits(columns: Columns, num_workers: int, policy: Policy) -> None:
    """Right after every moment either nothing waits or all workers are busy."""
    jobs = made_jobs(**columns)
    served = serve(jobs, num_workers=num_workers, policy=policy)
    for now in moments(served):
        waiting = np.sum((jobs.arrival_seconds <= now) & (served.start_seconds > now))
        working = np.sum((served.start_seconds <= now) & (served.finish_seconds > now))
        assert working <= num_workers
        assert not waiting or working == num_workers


@given(
    columns=columns_of_jobs(),
    num_workers=WORKERS,
    policy=st.sampled_from([Policy.FIRST_COME, Policy.SHORTEST_FIRST, Policy.PRIORITY]),
)
@settings(max_examples=60)
def test_nobody_is_overtaken_against_the_policy(columns: Columns, num_workers: int, policy: Policy) -> None:
    """A job that starts has, of all that wait then, the first arrival, smallest time or smallest number."""
    jobs = made_jobs(**columns)
    served = serve(jobs, num_workers=num_workers, policy=policy)
    keys = {
        Policy.FIRST_COME: jobs.arrival_seconds,
        Policy.SHORTEST_FIRST: jobs.expected_seconds,
        Policy.PRIORITY: jobs.priority,
    }[policy]
    for job in range(len(jobs)):
        start = served.start_seconds[job]
        left_waiting = (jobs.arrival_seconds <= start) & (served.start_seconds > start)
        assert np.all(keys[left_waiting] >= keys[job])


@given(columns=columns_of_jobs(), num_workers=WORKERS)
@settings(max_examples=60)
def test_first_come_is_the_recursion_of_kiefer_and_wolfowitz(columns: Columns, num_workers: int) -> None:
    """A job starts when it has come and the first worker is free: computed job by job, without a clock."""
    jobs = made_jobs(**columns)
    free = [0.0] * num_workers
    heapify(free)
    starts = []
    for arrival, service in zip(jobs.arrival_seconds.tolist(), jobs.service_seconds.tolist(), strict=True):
        starts.append(max(arrival, free[0]))
        heapreplace(free, starts[-1] + service)
    served = serve(jobs, num_workers=num_workers, policy=Policy.FIRST_COME)
    assert served.start_seconds.tolist() == starts


@given(columns=columns_of_jobs(), num_workers=WORKERS, policy=POLICIES)
@settings(max_examples=40)
def test_the_queue_found_is_counted_at_the_arrival(
    columns: Columns, num_workers: int, policy: Policy
) -> None:
    """An arrival finds those that came before it and start at its moment or later."""
    jobs = made_jobs(**columns)
    served = serve(jobs, num_workers=num_workers, policy=policy)
    for job in range(len(jobs)):
        now = jobs.arrival_seconds[job]
        earlier = served.start_seconds[:job] > now
        at_once = (served.start_seconds[:job] == now) & (jobs.arrival_seconds[:job] == now)
        waited = (served.start_seconds[:job] == now) & (jobs.arrival_seconds[:job] < now)
        least, most = int(np.sum(earlier)), int(np.sum(earlier | at_once | waited))
        assert least <= served.queue_length[job] <= most


@given(columns=columns_of_jobs())
@settings(max_examples=60)
def test_one_worker_does_the_same_work_under_every_policy(columns: Columns) -> None:
    """The last finish, and the sum of service times waits, are the same whatever comes first.

    The second is Kleinrock's conservation law for one path (Queueing Systems II, section 3.4): the work left
    at any moment does not depend on the order in which it is done.
    """
    jobs = made_jobs(**columns)
    served = [serve(jobs, num_workers=1, policy=policy) for policy in Policy]
    assert len({float(s.finish_seconds.max()) for s in served}) == 1
    assert len({float(s.waiting_seconds @ jobs.service_seconds) for s in served}) == 1


@given(services=st.lists(st.integers(0, 20), min_size=1, max_size=12))
@settings(max_examples=60)
def test_shortest_first_is_best_for_a_burst(services: list[int]) -> None:
    """Of jobs that arrive at once no policy makes the mean wait smaller (Smith 1956)."""
    jobs = made_jobs([0.0] * len(services), [float(s) for s in services])
    best = serve(jobs, num_workers=1, policy=Policy.SHORTEST_FIRST).waiting_seconds.sum()
    for policy in Policy:
        assert best <= serve(jobs, num_workers=1, policy=policy).waiting_seconds.sum()


def test_fair_share_differs_by_one_job_of_each() -> None:
    """While two customers have work waiting, their service differs by at most one job of each.

    The bound of Goyal, Vin and Cheng 1996, theorem 1, in exact seconds; first-come breaks it.
    """
    rng = np.random.default_rng(0)
    services = rng.integers(1, 50, size=60).astype(float)
    owners = [0] * 30 + [1] * 30
    jobs = made_jobs([0.0] * 60, services.tolist(), customers=owners)
    bound = services[:30].max() + services[30:].max()
    assert _largest_difference(serve(jobs, num_workers=1, policy=Policy.FAIR_SHARE)) <= bound
    assert _largest_difference(serve(jobs, num_workers=1, policy=Policy.FIRST_COME)) > bound


def _largest_difference(served: Served) -> float:
    """The largest difference of service at a start while both customers still have a job waiting."""
    jobs, done, largest = served.jobs, np.zeros(2), 0.0
    both_wait = min(served.start_seconds[jobs.customer == c].max() for c in (0, 1))
    for job in np.argsort(served.start_seconds, kind="stable"):
        if served.start_seconds[job] > both_wait:
            break
        largest = max(largest, abs(float(done[0] - done[1])))
        done[jobs.customer[job]] += jobs.service_seconds[job]
    return largest


def test_a_newcomer_neither_waits_for_a_backlog_nor_catches_up() -> None:
    """With fair share a customer who comes late goes next, and then takes turns."""
    arrivals = [0.0] * 6 + [25.0] * 3
    jobs = made_jobs(arrivals, [10.0] * 9, customers=[0] * 6 + [1] * 3)
    served = serve(jobs, num_workers=1, policy=Policy.FAIR_SHARE)
    order = jobs.customer[np.argsort(served.start_seconds)].tolist()
    assert order == [0, 0, 0, 1, 0, 1, 0, 1, 0]


def test_a_debt_ends_with_the_busy_period() -> None:
    """Service that a customer had while nobody else asked is not held against it after a pause."""
    jobs = made_jobs([0.0, 0.0, 100.0, 100.0], [10.0, 10.0, 5.0, 5.0], customers=[0, 0, 0, 1])
    served = serve(jobs, num_workers=1, policy=Policy.FAIR_SHARE)
    assert served.start_seconds.tolist() == [0.0, 10.0, 100.0, 105.0]


def test_a_simultaneous_burst_is_ordered_before_anything_starts() -> None:
    """Of tasks that arrive at one moment at an idle worker the policy picks the first, too."""
    jobs = made_jobs([5.0, 5.0, 5.0], [3.0, 1.0, 2.0])
    served = serve(jobs, num_workers=1, policy=Policy.SHORTEST_FIRST)
    assert served.start_seconds.tolist() == [8.0, 5.0, 6.0]
    assert served.queue_length.tolist() == [0, 1, 2]


@pytest.mark.parametrize(("arrivals", "num_workers"), [([0.0, 1.0], 0), ([1.0, 0.0], 1)])
def test_impossible_settings_are_refused(arrivals: list[float], num_workers: int) -> None:
    """No worker, or jobs out of order, is an error and not an endless loop."""
    with pytest.raises(ValueError, match="at least one worker"):
        serve(made_jobs(arrivals, [1.0, 1.0]), num_workers=num_workers, policy=Policy.FIRST_COME)
