"""What is measured of one task: metrics of its predictions, by name. No torch in this module.

scikit-learn and SciPy compute what they have. A metric that is undefined answers None, never a number: a
correlation where one side does not vary, F1 of a class that no label has. Where a library's convention gives
a number (Matthews of equal predictions is 0), that number is the answer.
"""

import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from jaxtyping import Float, Int
from scipy import stats
from sklearn.metrics import f1_score, matthews_corrcoef

Classes = Int[np.ndarray, "_"]
"""Class index of each example."""
Scores = Float[np.ndarray, "_"]
"""Score of each example of a regression."""


def predictions_from_bytes(content: bytes) -> Classes:
    """Return predicted classes from the form they are stored in (little-endian int32)."""
    return np.frombuffer(content, dtype="<i4")


def num_changed(before: bytes, now: bytes) -> int:
    """Count the examples whose predicted class differs; both are little-endian int32.

    Raises ValueError where the numbers of examples differ.
    """
    old, new = predictions_from_bytes(before), predictions_from_bytes(now)
    _check_lengths(old, new)
    return int(np.count_nonzero(old != new))


def accuracy(predictions: Classes, labels: Classes) -> float:
    """Return the fraction of examples whose predicted class is the label.

    Raises ValueError where there are no examples or the lengths differ.
    """
    _check_lengths(predictions, labels)
    return float(np.mean(predictions == labels))


def macro_f1(predictions: Classes, labels: Classes) -> float:
    """Return the mean of F1 = 2 tp / (2 tp + fp + fn) over the classes that occur in either argument.

    Raises ValueError where there are no examples or the lengths differ.
    """
    _check_lengths(predictions, labels)
    num_classes = int(max(predictions.max(), labels.max())) + 1
    hits = np.bincount(labels[predictions == labels], minlength=num_classes)
    marked = np.bincount(predictions, minlength=num_classes) + np.bincount(labels, minlength=num_classes)
    return float(np.mean(2 * hits[marked > 0] / marked[marked > 0]))


def f1(predictions: Classes, labels: Classes) -> float | None:
    """Return F1 of class 1, the positive one of two; None where no label is of that class.

    Raises ValueError where there are no examples or the lengths differ.
    """
    _check_lengths(predictions, labels)
    if not (labels == 1).any():
        return None
    return float(f1_score(labels, predictions, labels=[1], average="macro", zero_division=0.0))


def matthews(predictions: Classes, labels: Classes) -> float:
    """Return Matthews' correlation, -1 to 1; 0 where predictions or labels are all equal, by definition.

    Raises ValueError where there are no examples or the lengths differ.
    """
    _check_lengths(predictions, labels)
    if np.ptp(predictions) == 0 or np.ptp(labels) == 0:
        return 0.0  # scikit-learn's answer too, which it gives with a warning where both are of one class
    return float(matthews_corrcoef(labels, predictions))


def pearson(predictions: Scores, labels: Scores) -> float | None:
    """Return Pearson's correlation, -1 to 1; None where predictions or labels are all equal.

    Raises ValueError where there are no examples or the lengths differ.
    """
    return _correlation(lambda p, y: stats.pearsonr(p, y).statistic, predictions, labels)


def spearman(predictions: Scores, labels: Scores) -> float | None:
    """Return Spearman's rank correlation, -1 to 1; None where predictions or labels are all equal.

    Raises ValueError where there are no examples or the lengths differ.
    """
    return _correlation(lambda p, y: stats.spearmanr(p, y).statistic, predictions, labels)


def _correlation(
    statistic: Callable[[Scores, Scores], float], predictions: Scores, labels: Scores
) -> float | None:
    """The statistic in double precision; None where one side does not vary and it is undefined."""
    _check_lengths(predictions, labels)
    if np.ptp(predictions) == 0 or np.ptp(labels) == 0:
        return None
    with warnings.catch_warnings():
        # the values are compared bit for bit elsewhere; here a nearly constant input is no alarm
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)
        value = float(statistic(predictions.astype(np.float64), labels.astype(np.float64)))
    return value if np.isfinite(value) else None


CLASS_METRICS: Mapping[str, Callable[[Classes, Classes], float | None]] = MappingProxyType(
    {"accuracy": accuracy, "macro_f1": macro_f1, "f1": f1, "matthews": matthews}
)
"""Metrics of predicted classes by name; each takes (predictions, labels); None is undefined."""
SCORE_METRICS: Mapping[str, Callable[[Scores, Scores], float | None]] = MappingProxyType(
    {"spearman": spearman, "pearson": pearson}
)
"""Metrics of predicted scores by name; each takes (predictions, labels); None is undefined."""


def negative_flip_rate(before: Classes, now: Classes, labels: Classes) -> float:
    """Return |right before and wrong now| / N (Yan et al. 2021, "Positive-Congruent Training").

    It is stricter than equal accuracy, in which two flips can cancel.
    Raises ValueError where there are no examples or the lengths differ.
    """
    _check_lengths(before, labels)
    _check_lengths(now, labels)
    return float(np.mean((before == labels) & (now != labels)))


def _check_lengths(first: Classes | Scores, second: Classes | Scores) -> None:
    if len(first) != len(second):
        raise ValueError(f"got {len(first)} and {len(second)} examples; both must be of the same split")
    if not len(first):
        raise ValueError("got no examples; a metric needs at least one")
