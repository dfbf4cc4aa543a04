"""The plain values of the simulation: recorded tasks, jobs that arrive, and how they were served."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedTask:
    """One arrival of a recorded run: how long it took, and how long it was expected to take."""

    name: str
    seconds: float
    """Measured; it becomes the service time."""
    expected_seconds: float
    """What is known before training; the policies that look at a length look at this one."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Jobs:
    """Tasks to be trained, ordered by arrival; equal moments keep the order given."""

    task: Int[np.ndarray, " jobs"]
    """Index of the recorded task."""
    customer: Int[np.ndarray, " jobs"]
    """Index into `customers`."""
    priority: Float[np.ndarray, " jobs"]
    """Smaller is more urgent."""
    arrival_seconds: Float[np.ndarray, " jobs"]
    service_seconds: Float[np.ndarray, " jobs"]
    expected_seconds: Float[np.ndarray, " jobs"]
    customers: tuple[str, ...] = ("",)

    def __len__(self) -> int:
        return len(self.arrival_seconds)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Served:
    """When and by whom each job was trained; arrays are in the order of arrival."""

    jobs: Jobs
    num_workers: int
    start_seconds: Float[np.ndarray, " jobs"]
    worker: Int[np.ndarray, " jobs"]
    """From 0; of several idle workers the one with the smallest number takes a job."""
    queue_length: Int[np.ndarray, " jobs"]
    """Jobs waiting (not in training) at the arrival, earlier ones of the same moment included."""

    @property
    def finish_seconds(self) -> Float[np.ndarray, " jobs"]:
        """Moments at which training ended."""
        return np.asarray(self.start_seconds + self.jobs.service_seconds)

    @property
    def waiting_seconds(self) -> Float[np.ndarray, " jobs"]:
        """Time between arrival and start."""
        return np.asarray(self.start_seconds - self.jobs.arrival_seconds)
