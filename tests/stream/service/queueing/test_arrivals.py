import numpy as np
import pytest

from stream.errors import UserError
from stream.service.queueing.arrivals import Arrivals, Pattern, drawn_jobs, parse_arrivals, traced_jobs
from stream.service.queueing.trace import TraceRow
from tests.stream.service.queueing.made_jobs import RECORDED

POISSON = Arrivals(pattern=Pattern.POISSON, gap_seconds=300.0)


@pytest.mark.parametrize(
    ("text", "pattern", "gap"),
    [
        ("all-at-once", Pattern.ALL_AT_ONCE, None),
        ("every:90", Pattern.EVERY, 90.0),
        ("poisson:12", Pattern.POISSON, 300.0),
        ("poisson", Pattern.POISSON, None),
        ("trace:a:b.csv", Pattern.TRACE, None),
    ],
)
def test_schedules_are_read(text: str, pattern: Pattern, gap: float | None) -> None:
    """Every form gives its pattern and mean gap; a rate is per hour."""
    arrivals = parse_arrivals(text)
    assert (arrivals.pattern, arrivals.gap_seconds) == (pattern, gap)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("poison:3", "did you mean 'poisson'"),
        ("", "known: all-at-once"),
        ("poisson:", "got 'poisson:'"),
        ("poisson:often", "positive.*as in poisson:12"),
        ("poisson:-3", "positive"),
        ("poisson:nan", "positive"),
        ("poisson:1e-300", "positive"),
        ("every:0", "positive.*as in every:60"),
        ("every:inf", "positive"),
        ("all-at-once:3", "leave out ':3'"),
        ("trace", "trace:FILE"),
        ("trace:", "trace:FILE"),
    ],
)
def test_other_schedules_are_refused(text: str, words: str) -> None:
    """The sentence names what was got, and what is allowed or meant."""
    with pytest.raises(UserError, match=words):
        parse_arrivals(text)


def test_recorded_tasks_come_once_each_in_order() -> None:
    """Without a number of tasks the run's own arrivals are served, with their own times."""
    jobs = drawn_jobs(RECORDED, Arrivals(pattern=Pattern.EVERY, gap_seconds=60.0), num_jobs=None, seed=0)
    assert jobs.task.tolist() == list(range(len(RECORDED)))
    assert jobs.service_seconds.tolist() == [task.seconds for task in RECORDED]
    assert jobs.arrival_seconds.tolist() == [60.0 * i for i in range(len(RECORDED))]


def test_the_same_seed_gives_the_same_stream() -> None:
    """Seed and replication decide the stream; another of either gives another."""
    first, again, other, second = (
        drawn_jobs(RECORDED, POISSON, num_jobs=50, seed=seed, replication=replication)
        for seed, replication in ((0, 0), (0, 0), (1, 0), (0, 1))
    )
    assert first.arrival_seconds.tolist() == again.arrival_seconds.tolist()
    assert first.task.tolist() == again.task.tolist()
    for different in (other, second):
        assert first.arrival_seconds.tolist() != different.arrival_seconds.tolist()
        assert first.task.tolist() != different.task.tolist()


def test_settings_meet_the_same_stream() -> None:
    """At twice the rate the same tasks come in half the time, so settings differ by nothing but the rate."""
    slow = drawn_jobs(RECORDED, POISSON, num_jobs=50, seed=0)
    fast = drawn_jobs(RECORDED, POISSON.at_rate(24.0), num_jobs=50, seed=0)
    assert fast.task.tolist() == slow.task.tolist()
    assert np.allclose(2 * fast.arrival_seconds, slow.arrival_seconds)


def test_draws_have_the_distribution_asked_for() -> None:
    """Gaps have mean and deviation of the interval, and each task is drawn equally often (chi-squared)."""
    jobs = drawn_jobs(RECORDED, POISSON, num_jobs=20_000, seed=3)
    gaps = np.diff(jobs.arrival_seconds, prepend=0.0)
    assert gaps.mean() == pytest.approx(300.0, rel=0.03)
    assert gaps.std() == pytest.approx(300.0, rel=0.03)
    counts = np.bincount(jobs.task, minlength=len(RECORDED))
    expected = 20_000 / len(RECORDED)
    assert ((counts - expected) ** 2 / expected).sum() < 24.3  # 99.9 % with 7 degrees of freedom


def test_a_trace_is_ordered_by_time() -> None:
    """Rows may stand in any order; rows of one moment keep theirs, customers are numbered by arrival."""
    rows = (
        TraceRow(task="t2", time_seconds=9.0, customer="b", priority=2.0),
        TraceRow(task="t0", time_seconds=5.0, customer="a", priority=1.0),
        TraceRow(task="t1", time_seconds=5.0, customer="b", priority=-1.0),
    )
    jobs = traced_jobs(RECORDED, rows)
    assert jobs.task.tolist() == [0, 1, 2]
    assert jobs.arrival_seconds.tolist() == [5.0, 5.0, 9.0]
    assert [jobs.customers[i] for i in jobs.customer] == ["a", "b", "b"]
    assert jobs.priority.tolist() == [1.0, -1.0, 2.0]
