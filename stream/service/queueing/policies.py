"""Which waiting job comes next: four policies, each an order in which a line is left.

None interrupts a job, and none leaves a worker idle while a job waits. Ties go to the earlier arrival.
"""

from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Protocol, runtime_checkable

from stream.service.names import Policy
from stream.service.queueing.jobs import Jobs


@runtime_checkable
class Line(Protocol):
    """Jobs that wait, by index."""

    def admit(self, job: int, *, is_idle: bool) -> None:
        """Let a job wait; `is_idle` says that nothing is being trained."""
        ...

    def take(self) -> int:
        """Remove and return the job that comes next. Raises IndexError where nothing waits."""
        ...


@dataclass(kw_only=True, slots=True)
class KeyedLine:
    """The job with the smallest key comes next, of equal ones the earliest."""

    keys: list[float]
    waiting: list[tuple[float, int]] = field(default_factory=list)

    def admit(self, job: int, *, is_idle: bool) -> None:
        """Let a job wait."""
        heappush(self.waiting, (self.keys[job], job))

    def take(self) -> int:
        """Remove and return the job that comes next."""
        return heappop(self.waiting)[1]


@dataclass(kw_only=True, slots=True)
class FairShareLine:
    """Start-time fair queueing over customers (Goyal, Vin and Cheng 1996; several workers: Jin et al. 2004).

    A job's start tag is the end of its customer's last job in virtual time, or now if that has passed; the
    smallest tag comes next, and virtual time is the tag of the job that was taken last. So a newcomer neither
    waits behind another customer's backlog nor catches up on time when it asked for nothing. Over any time in
    which two customers have work waiting, one worker's service to them differs by at most one job of each, in
    expected seconds.
    """

    customers: list[int]
    lengths: list[float]
    """Expected seconds by job."""
    waiting: list[tuple[float, int]] = field(default_factory=list)
    finish_tags: dict[int, float] = field(default_factory=dict)
    """End of each customer's last admitted job, in virtual time."""
    virtual: float = 0.0
    latest: float = 0.0
    """The largest finish tag of a job that was taken."""

    def admit(self, job: int, *, is_idle: bool) -> None:
        """Let a job wait behind its customer's earlier ones."""
        if is_idle and not self.waiting:
            self.virtual = self.latest
        customer = self.customers[job]
        start = max(self.virtual, self.finish_tags.get(customer, 0.0))
        self.finish_tags[customer] = start + self.lengths[job]
        heappush(self.waiting, (start, job))

    def take(self) -> int:
        """Remove and return the job with the smallest start tag."""
        self.virtual, job = heappop(self.waiting)
        self.latest = max(self.latest, self.virtual + self.lengths[job])
        return job


def line_of(policy: Policy, jobs: Jobs) -> Line:
    """Return an empty line that orders these jobs by the policy."""
    match policy:
        case Policy.FIRST_COME:
            return KeyedLine(keys=[0.0] * len(jobs))
        case Policy.SHORTEST_FIRST:
            return KeyedLine(keys=jobs.expected_seconds.tolist())
        case Policy.PRIORITY:
            return KeyedLine(keys=jobs.priority.tolist())
        case Policy.FAIR_SHARE:
            return FairShareLine(customers=jobs.customer.tolist(), lengths=jobs.expected_seconds.tolist())
