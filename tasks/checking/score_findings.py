"""What the scores of a regression are, and what is odd about them. Scores are numbers here, never classes.

A correlation does not see the scale; what the answer of the training mean costs tells how hard the task is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from tasks.checking.findings import FEW_TEST_ROWS, MAX_EXAMPLES, Finding, normalised
from tasks.loading import SplitRows
from tasks.splits import Examples
from tasks.words import count_of, share, shortened

MUCH = 0.25
"""Share of the range by which scores of one text must differ to be a hint at noise."""
FEW_SCORES = 2
"""So few different scores look like classes."""
Scores = Float[np.ndarray, "_"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreReport:
    """The scores of all splits together, in the task's own unit."""

    least: float
    largest: float
    mean: float
    deviation: float
    """Standard deviation, of all rows."""
    num_different: int
    error_of_mean: float
    """Root mean square error on the test split of answering the mean of the training scores."""


def score_report(splits: Mapping[str, Examples]) -> ScoreReport:
    """Describe the scores of these splits."""
    every = np.concatenate([_numbers(examples.labels) for examples in splits.values()])
    errors = _numbers(splits["test"].labels) - _numbers(splits["train"].labels).mean()
    return ScoreReport(
        least=float(every.min()),
        largest=float(every.max()),
        mean=round(float(every.mean()), 4),
        deviation=round(float(every.std()), 4),
        num_different=len(np.unique(every)),
        error_of_mean=round(float(np.sqrt(np.mean(errors**2))), 4),
    )


def score_findings(rows: SplitRows) -> Iterator[Finding]:
    """What is odd about the scores; nothing for a task that has none."""
    if rows.score_range is None:
        return
    yield from _constant(rows.splits)
    yield from _few(rows.splits)
    yield from _conflicting(rows.given, rows.score_range)
    num_test = len(rows.splits["test"])
    if num_test < FEW_TEST_ROWS:
        yield Finding(
            code="small-test",
            message=f"{count_of(num_test, 'test row')} only: a correlation has a standard error of up to "
            f"{1 / max(num_test - 1, 1) ** 0.5:.2f}",
        )


def _constant(splits: Mapping[str, Examples]) -> Iterator[Finding]:
    for split, examples in splits.items():
        scores = _numbers(examples.labels)
        if np.ptp(scores) == 0:
            cost = "nothing can be learned" if split == "train" else "a correlation is undefined there"
            yield Finding(
                code="constant-scores",
                message=f"all {count_of(len(scores), 'score')} of {split} are {scores[0]:g}; {cost}",
            )


def _few(splits: Mapping[str, Examples]) -> Iterator[Finding]:
    different = {float(label) for examples in splits.values() for label in examples.labels}
    if 1 < len(different) <= FEW_SCORES:
        listed = " and ".join(f"{score:g}" for score in sorted(different))
        yield Finding(
            code="few-scores",
            message=f"no scores but {listed}; is it a classification? Then leave out kind and range",
        )


def _conflicting(given: Mapping[str, Examples], score_range: tuple[float, float]) -> Iterator[Finding]:
    """Texts that are equal up to case, punctuation and spacing and stand with far apart scores."""
    low, high = score_range
    scores_of: dict[str, list[tuple[tuple[str, ...], float]]] = {}
    for examples in given.values():
        for row, label in enumerate(examples.labels):
            key = examples.key(row)
            scores_of.setdefault(normalised(key), []).append((key, float(label)))
    apart = [found for found in scores_of.values() if _spread(found) > MUCH * (high - low)]
    if not apart:
        return
    total = sum(map(len, scores_of.values()))
    yield Finding(
        code="conflicting-scores",
        message=f"{count_of(len(apart), 'text')} with scores more than {MUCH * (high - low):g} apart (a "
        "quarter of the range), up to case, punctuation and spacing, a hint at noise: "
        f"{share(sum(map(len, apart)), total, 'rows')}",
        examples=tuple(
            f"{shortened(found[0][0])}: {', '.join(f'{score:g}' for score in sorted(_scores(found)))}"
            for found in sorted(apart, key=_spread, reverse=True)[:MAX_EXAMPLES]
        ),
    )


def _scores(found: Sequence[tuple[tuple[str, ...], float]]) -> list[float]:
    return list(dict.fromkeys(score for _, score in found))


def _spread(found: Sequence[tuple[tuple[str, ...], float]]) -> float:
    scores = [score for _, score in found]
    return max(scores) - min(scores)


def _numbers(labels: Sequence[str]) -> Scores:
    return np.array([float(label) for label in labels], dtype=np.float64)
