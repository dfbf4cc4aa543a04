"""Made-up jobs, drawn by hypothesis or given by hand."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from hypothesis import strategies as st

from stream.service.queueing.jobs import Jobs, RecordedTask

TIMES = (310.0, 240.0, 200.0, 185.0, 1130.0, 330.0, 225.0, 760.0)
"""Seconds, as uneven as those of a recorded run."""
RECORDED = tuple(RecordedTask(name=f"t{i}", seconds=s, expected_seconds=s) for i, s in enumerate(TIMES))


def made_jobs(
    arrivals: Sequence[float],
    services: Sequence[float],
    *,
    expected: Sequence[float] | None = None,
    customers: Sequence[int] | None = None,
    priorities: Sequence[float] | None = None,
) -> Jobs:
    """Jobs in this order; expected times are the services unless given."""
    num_jobs = len(arrivals)
    owners = list(customers or [0] * num_jobs)
    return Jobs(
        task=np.zeros(num_jobs, dtype=np.int64),
        customer=np.array(owners, dtype=np.int64),
        priority=np.array(priorities or [0.0] * num_jobs, dtype=np.float64),
        arrival_seconds=np.array(arrivals, dtype=np.float64),
        service_seconds=np.array(services, dtype=np.float64),
        expected_seconds=np.array(services if expected is None else expected, dtype=np.float64),
        customers=tuple(f"c{i}" for i in range(max(owners) + 1)),
    )


WHOLE = st.integers(0, 9)
"""Whole seconds: sums are exact, and many events fall on one moment, zero-length services included."""


@st.composite
def columns_of_jobs(draw: st.DrawFn) -> dict[str, list[Any]]:
    """Arguments of `made_jobs`: up to 30 jobs with ties of every kind, bursts and pauses."""
    gaps = draw(st.lists(WHOLE, min_size=1, max_size=30))
    column = st.lists(WHOLE, min_size=len(gaps), max_size=len(gaps))
    owners = st.lists(st.integers(0, 2), min_size=len(gaps), max_size=len(gaps))
    return {
        "arrivals": list(accumulate(gaps)),
        "services": draw(column),
        "expected": draw(column),
        "customers": draw(owners),
        "priorities": draw(column),
    }
