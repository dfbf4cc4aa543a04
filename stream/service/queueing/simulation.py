"""The simulated clock: it jumps from one arrival or finish to the next. A million jobs take seconds."""

from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

import numpy as np

from stream.service.names import Policy
from stream.service.queueing.jobs import Jobs, Served
from stream.service.queueing.policies import line_of


@dataclass(kw_only=True, slots=True)
class Workers:
    """Who is idle, and when the others finish."""

    idle: list[int]
    busy: list[tuple[float, int]] = field(default_factory=list)
    """(finish, worker), the earliest first."""

    @classmethod
    def idle_ones(cls, num_workers: int) -> "Workers":
        """Return so many workers without work."""
        idle = list(range(num_workers))
        heapify(idle)
        return cls(idle=idle)

    def release(self, now: float) -> None:
        """Workers whose job has ended by now are idle again."""
        while self.busy and self.busy[0][0] <= now:
            heappush(self.idle, heappop(self.busy)[1])

    def begin(self, finish: float) -> int:
        """Return the worker that starts a job which ends at `finish`."""
        worker = heappop(self.idle)
        heappush(self.busy, (finish, worker))
        return worker


def serve(jobs: Jobs, *, num_workers: int, policy: Policy) -> Served:
    """Train the jobs with so many workers and return when each was started, and by whom.

    At one moment ends come first, then arrivals, then starts: of tasks that arrive at once the policy picks
    the first, too.

    Raises:
        ValueError: there is no worker, or jobs are not ordered by arrival.
    """
    if num_workers < 1 or np.any(np.diff(jobs.arrival_seconds) < 0):
        raise ValueError("serving needs at least one worker and jobs in the order of their arrival")
    line, workers = line_of(policy, jobs), Workers.idle_ones(num_workers)
    arrivals, services = jobs.arrival_seconds.tolist(), jobs.service_seconds.tolist()
    starts, taken_by, found = [0.0] * len(jobs), [0] * len(jobs), [0] * len(jobs)
    coming = num_waiting = 0
    while coming < len(arrivals) or num_waiting:
        now = workers.busy[0][0] if workers.busy else arrivals[coming]
        if coming < len(arrivals):
            now = min(now, arrivals[coming])
        if workers.busy and workers.busy[0][0] <= now:
            workers.release(now)
        while coming < len(arrivals) and arrivals[coming] <= now:
            found[coming] = num_waiting
            line.admit(coming, is_idle=not workers.busy)
            coming += 1
            num_waiting += 1
        while num_waiting and workers.idle:
            job = line.take()
            num_waiting -= 1
            starts[job] = now
            taken_by[job] = workers.begin(now + services[job])
    return Served(
        jobs=jobs,
        num_workers=num_workers,
        start_seconds=np.array(starts, dtype=np.float64),
        worker=np.array(taken_by, dtype=np.int64),
        queue_length=np.array(found, dtype=np.int64),
    )
