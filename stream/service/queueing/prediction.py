"""Which formula of queueing theory speaks about a setting, filled in with the recorded times."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from stream.service.names import Policy
from stream.service.queueing.jobs import RecordedTask
from stream.service.queueing.theory import cobham, lee_longton, pollaczek_khinchine


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """The mean wait in the long run."""

    mean_waiting_seconds: float
    formula: str
    is_exact: bool


def predicted_wait(
    recorded: Sequence[RecordedTask], *, rate: float, num_workers: int, policy: Policy
) -> Prediction | None:
    """Return the mean wait for Poisson arrivals whose tasks are drawn from the recorded ones.

    Arguments:
        recorded: each is drawn with the same probability.
        rate: arrivals per second; the load is below the number of workers.
        num_workers: from 1 on.
        policy: priority and fair share without priorities and customers are first come.

    Returns None where there is no formula: shortest first with several workers.
    """
    mean = math.fsum(task.seconds for task in recorded) / len(recorded)
    second = math.fsum(task.seconds**2 for task in recorded) / len(recorded)
    if policy is Policy.SHORTEST_FIRST:
        return _shortest_first(recorded, rate, second) if num_workers == 1 else None
    if num_workers == 1:
        wait = pollaczek_khinchine(rate, mean, second)
        return Prediction(mean_waiting_seconds=wait, formula="M/G/1, Pollaczek and Khinchine", is_exact=True)
    wait = lee_longton(rate, mean, second, num_workers)
    return Prediction(
        mean_waiting_seconds=wait, formula=f"M/G/{num_workers}, Lee and Longton", is_exact=False
    )


def _shortest_first(recorded: Sequence[RecordedTask], rate: float, second_moment: float) -> Prediction:
    """Each expected time is a class that goes before all longer ones."""
    sizes = Counter(task.expected_seconds for task in recorded)
    classes = sorted(sizes)
    rates = [rate * sizes[expected] / len(recorded) for expected in classes]
    sums = dict.fromkeys(classes, 0.0)
    for task in recorded:
        sums[task.expected_seconds] += task.seconds
    waits = cobham(rates, [sums[expected] / sizes[expected] for expected in classes], second_moment)
    mean = math.fsum(r * wait for r, wait in zip(rates, waits, strict=True)) / rate
    return Prediction(mean_waiting_seconds=mean, formula="M/G/1, Cobham and Phipps", is_exact=True)
