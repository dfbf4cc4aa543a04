"""Formulas of queueing theory for Poisson arrivals, against which the simulation is checked.

Rates are arrivals per second, times seconds; all results hold in the long run, for a load below the number of
workers.
"""

import math
from collections.abc import Sequence


def pollaczek_khinchine(rate: float, mean: float, second_moment: float) -> float:
    """Mean wait of M/G/1, first come: rate E[S²] / (2 (1 - rate E[S])); infinite from a load of 1 on.

    Pollaczek 1930, Khinchine 1932; M/M/1 and M/D/1 are special cases.
    """
    load = rate * mean
    return math.inf if load >= 1 else rate * second_moment / (2 * (1 - load))


def erlang_c(load: float, num_workers: int) -> float:
    """Probability that an arrival has to wait in M/M/c with an offered load of rate E[S]; 1 from c on.

    Erlang 1917, by way of the recursion for Erlang B, which neither overflows nor cancels.
    """
    if load >= num_workers:
        return 1.0
    blocked = 1.0
    for workers in range(1, num_workers + 1):
        blocked = load * blocked / (workers + load * blocked)
    return blocked / (1 - load / num_workers * (1 - blocked))


def exponential_wait(rate: float, mean: float, num_workers: int) -> float:
    """Mean wait of M/M/c, first come: Erlang C times E[S] / (c - load); infinite from a load of c on."""
    load = rate * mean
    return math.inf if load >= num_workers else erlang_c(load, num_workers) * mean / (num_workers - load)


def lee_longton(rate: float, mean: float, second_moment: float, num_workers: int) -> float:
    """Mean wait of M/G/c, first come, approximately: that of M/M/c times (1 + squared variation) / 2.

    Lee and Longton 1959. Exact for one worker and for exponential service times.
    """
    return exponential_wait(rate, mean, num_workers) * second_moment / (2 * mean * mean)


def cobham(rates: Sequence[float], means: Sequence[float], second_moment: float) -> tuple[float, ...]:
    """Mean wait of each class of M/G/1 in which a class goes before all later ones, without interruption.

    R / ((1 - b) (1 - u)), where R = (sum of rates) E[S²] / 2, b sums the loads of the classes before and u
    adds its own (Cobham 1954). With classes by expected time it is shortest-first (Phipps 1956).

    Arguments:
        rates: of each class, the most urgent first.
        means: mean service time of each class.
        second_moment: E[S²] over all arrivals.
    """
    residual = sum(rates) * second_moment / 2
    waits = []
    before = 0.0
    for rate, mean in zip(rates, means, strict=True):
        upto = before + rate * mean
        waits.append(math.inf if upto >= 1 else residual / ((1 - before) * (1 - upto)))
        before = upto
    return tuple(waits)
