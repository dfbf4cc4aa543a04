"""Metrics of predictions against scikit-learn, SciPy and hand-worked values."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stream.learning.objectives.task_metrics import (
    CLASS_METRICS,
    SCORE_METRICS,
    f1,
    matthews,
    pearson,
    spearman,
)

CLASSES = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=40)
SCORES = st.lists(st.tuples(st.floats(-5, 5, width=32), st.floats(0, 5, width=32)), min_size=2, max_size=40)


def columns(rows: list[tuple[float, float]], form: str) -> tuple[np.ndarray, np.ndarray]:
    first, second = zip(*rows, strict=True)
    return np.array(first, form), np.array(second, form)


def test_f1_of_a_worked_case() -> None:
    """Two hits, one false alarm, two misses of class 1: 2 * 2 / (2 * 2 + 1 + 2) = 4/7."""
    predictions, labels = np.array([1, 1, 1, 0, 0, 0]), np.array([1, 1, 0, 1, 1, 0])
    assert f1(predictions, labels) == pytest.approx(4 / 7)


def test_f1_is_about_class_one() -> None:
    """Exchanging the classes gives the F1 of the other one: 1 hit, 2 misses, 1 false alarm, 2/5."""
    predictions, labels = np.array([1, 1, 1, 0, 0, 0]), np.array([1, 1, 0, 1, 1, 0])
    assert f1(1 - predictions, 1 - labels) == pytest.approx(2 / 5)


def test_f1_without_a_positive_example_is_undefined() -> None:
    """Whatever is predicted, nothing can be found: None and no warning, as 0 would be a bad answer."""
    assert f1(np.array([0, 0]), np.array([0, 0])) is None
    assert f1(np.array([0, 1]), np.array([0, 0])) is None
    assert f1(np.array([0, 0]), np.array([0, 1])) == 0.0


@given(CLASSES)
def test_f1_is_its_formula(rows: list[tuple[int, int]]) -> None:
    """2 tp / (2 tp + fp + fn), counted by hand."""
    predictions, labels = columns(rows, "<i4")
    hits = np.sum((predictions == 1) & (labels == 1))
    wrong = np.sum(predictions != labels)
    expected = pytest.approx(2 * hits / (2 * hits + wrong)) if labels.any() else None
    assert f1(predictions, labels) == expected


def test_matthews_of_a_worked_case() -> None:
    """Tp 2, tn 1, fp 1, fn 2: (2 * 1 - 1 * 2) / sqrt(3 * 4 * 2 * 3) = 0."""
    predictions, labels = np.array([1, 1, 1, 0, 0, 0]), np.array([1, 1, 0, 1, 1, 0])
    assert matthews(predictions, labels) == pytest.approx(0.0)


@given(CLASSES)
def test_matthews_is_pearson_of_two_classes(rows: list[tuple[int, int]]) -> None:
    """Of binary classes the two correlations are one; where Pearson is undefined Matthews is 0."""
    predictions, labels = columns(rows, "<i4")
    if np.ptp(predictions) == 0 or np.ptp(labels) == 0:
        assert matthews(predictions, labels) == 0.0
    else:
        assert matthews(predictions, labels) == pytest.approx(np.corrcoef(predictions, labels)[0, 1])


def test_correlations_of_a_worked_case() -> None:
    """Ranks 1 2 3 4 against 1 3 2 4: 1 - 6 * 2 / (4 * 15) = 0.8."""
    assert spearman(np.array([0.1, 0.2, 0.3, 9.0]), np.array([1.0, 3.0, 2.0, 4.0])) == pytest.approx(0.8)
    assert pearson(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0])) == pytest.approx(1.0)


@pytest.mark.parametrize("metric", SCORE_METRICS.values(), ids=SCORE_METRICS)
def test_a_correlation_of_equal_scores_is_undefined(metric: object) -> None:
    """Neither equal predictions nor equal labels give a number, nor a warning: the answer is None."""
    equal, different = np.array([2.0, 2.0, 2.0]), np.array([1.0, 2.0, 3.0])
    assert metric(equal, different) is None  # type: ignore[operator]
    assert metric(different, equal) is None  # type: ignore[operator]


@given(SCORES)
def test_correlations_are_scipys(rows: list[tuple[float, float]]) -> None:
    """In double precision, ties included; undefined exactly where one side does not vary."""
    predictions, labels = columns(rows, "<f4")
    varies = bool(np.ptp(predictions) > 0 and np.ptp(labels) > 0)
    assert (spearman(predictions, labels) is not None) is varies
    if varies:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ranked = stats.pearsonr(
                stats.rankdata(predictions.astype(float)), stats.rankdata(labels.astype(float))
            )
        assert spearman(predictions, labels) == pytest.approx(ranked.statistic)


@given(SCORES)
def test_ranks_do_not_change_under_a_rising_map(rows: list[tuple[float, float]]) -> None:
    """Spearman sees the order alone."""
    predictions, labels = columns(rows, "<f8")
    before, after = spearman(predictions, labels), spearman(predictions**3 + 2 * predictions, labels)
    if (
        before is not None
        and after is not None
        and len(np.unique(predictions)) == len(np.unique(predictions**3 + 2 * predictions))
    ):
        assert after == pytest.approx(before)


@pytest.mark.parametrize("name", [*CLASS_METRICS, *SCORE_METRICS])
def test_no_examples_are_an_error(name: str) -> None:
    """A metric over nothing is no number."""
    metric = {**CLASS_METRICS, **SCORE_METRICS}[name]
    form = "<i4" if name in CLASS_METRICS else "<f4"
    with pytest.raises(ValueError, match="at least one"):
        metric(np.zeros(0, form), np.zeros(0, form))  # type: ignore[arg-type]
