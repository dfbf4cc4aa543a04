"""Standard errors of scores over the examples of one split, and of the difference of two scores.

Accuracy is a mean over examples, so its error has a closed form. For any other metric the error is the
standard deviation over bootstrap samples of the examples (Efron and Tibshirani 1993, chapter 6), drawn from a
fixed seed. Two candidates are judged on the same examples, so their difference is taken example by example:
what both get right or wrong cancels, and the error is smaller than that of two independent scores.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np
from jaxtyping import Int, Shaped

NUM_RESAMPLES = 1000
_SEED = 0

Examples = Int[np.ndarray, " examples"]
"""Indices into a split, with repetitions."""
Score = Callable[[Examples], float]
"""The metric on the examples of these indices; nan where undefined."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """What a candidate's predictions on the validation split are worth."""

    hits: Shaped[np.ndarray, " examples"] | None
    """1 where the prediction is right and 0 where not; None for metrics that are no share of examples."""
    num_examples: int
    score: Score


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """How much better one candidate is than another."""

    value: float
    standard_error: float


def score_error(judged: Judged) -> float:
    """Standard error of one score: sqrt(p (1 - p) / n) for accuracy, else bootstrap; nan if undefined."""
    if judged.hits is not None:
        share = float(np.mean(judged.hits))
        return math.sqrt(share * (1 - share) / judged.num_examples)
    return _deviation([judged.score(drawn) for drawn in _resamples(judged.num_examples)])


def paired_difference(first: Judged, second: Judged) -> Difference:
    """First minus second on the same examples, with its standard error.

    For accuracy sd(d) / sqrt(n) of the differences d of single examples, sd with n - 1.

    Raises ValueError where the splits differ in size.
    """
    if first.num_examples != second.num_examples:
        raise ValueError(
            f"scores of {first.num_examples} and of {second.num_examples} examples are not paired"
        )
    num_examples = first.num_examples
    if first.hits is not None and second.hits is not None:
        each = np.asarray(first.hits, float) - np.asarray(second.hits, float)
        spread = float(np.std(each, ddof=1)) if num_examples > 1 else 0.0
        return Difference(value=float(np.mean(each)), standard_error=spread / math.sqrt(num_examples))
    everything = np.arange(num_examples)
    drawn = [first.score(few) - second.score(few) for few in _resamples(num_examples)]
    return Difference(
        value=first.score(everything) - second.score(everything), standard_error=_deviation(drawn)
    )


def _resamples(num_examples: int) -> Sequence[Examples]:
    generator = np.random.default_rng(_SEED)
    return [generator.integers(0, num_examples, num_examples) for _ in range(NUM_RESAMPLES)]


def _deviation(values: Sequence[float]) -> float:
    """Standard deviation of the defined values, with n - 1."""
    defined = [value for value in values if math.isfinite(value)]
    return float(np.std(defined, ddof=1)) if len(defined) > 1 else math.nan


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A mean over seeds."""

    mean: float
    standard_error: float | None
    """None for a single seed."""


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and standard error of the mean."""
    error = stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
    return Estimate(mean=fmean(values), standard_error=error)
