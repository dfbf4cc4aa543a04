"""Standard errors against SciPy, and the rule for ties by hand."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from stream.learning.objectives.task_metrics import macro_f1
from stream.results.estimates import Judged, paired_difference, score_error
from stream.results.selection.choice import Finalist, choose


def judged(hits: Sequence[int]) -> Judged:
    """Predictions that are right where there is a 1."""
    return Judged(
        hits=np.array(hits), num_examples=len(hits), score=lambda few: float(np.mean(np.array(hits)[few]))
    )


def by_f1(predictions: np.ndarray, labels: np.ndarray) -> Judged:
    return Judged(
        hits=None, num_examples=len(labels), score=lambda few: macro_f1(predictions[few], labels[few])
    )


def finalist(hits: Sequence[int], num_params: int, **changes: float) -> Finalist:
    values = {"num_epochs": 5, "learning_rate": 1e-3, **changes}
    return Finalist(score=float(np.mean(hits)), num_params=num_params, judged=judged(hits), **values)


def random_hits(share: float, seed: int, num_examples: int = 200) -> list[int]:
    return list((np.random.default_rng(seed).random(num_examples) < share).astype(int))


def test_the_error_of_an_accuracy_is_the_binomial_one() -> None:
    """sqrt(p (1 - p) / n) is the deviation of SciPy's binomial distribution over n."""
    hits = random_hits(0.8, 1)
    share = sum(hits) / 200
    assert score_error(judged(hits)) == pytest.approx(stats.binom(200, share).std() / 200, rel=1e-12)


def test_the_error_of_a_difference_is_that_of_the_mean_of_paired_differences() -> None:
    """Sd / sqrt(n) with n - 1, as SciPy's sem has it; the statistic is that of its paired t-test."""
    first, second = random_hits(0.8, 1), random_hits(0.7, 2)
    difference = paired_difference(judged(first), judged(second))
    assert difference.standard_error == pytest.approx(
        stats.sem(np.array(first) - np.array(second)), rel=1e-12
    )
    expected = stats.ttest_rel(first, second).statistic
    assert difference.value / difference.standard_error == pytest.approx(expected, rel=1e-12)


def test_pairing_is_sharper_where_both_fail_on_the_same_examples() -> None:
    """Two candidates that differ on 4 of 200 examples: an error of .010 instead of .040 for two scores."""
    first = [1] * 160 + [0] * 40
    second = [1] * 158 + [0] * 40 + [1, 0]
    difference = paired_difference(judged(first), judged(second))
    independent = math.hypot(score_error(judged(first)), score_error(judged(second)))
    assert difference.standard_error < 0.011 < 0.03 < independent


@pytest.mark.parametrize("seed", [1, 2])
def test_other_metrics_are_bootstrapped(seed: int) -> None:
    """The error of a macro F1, and of the paired difference of two, agrees with SciPy's bootstrap to 10 %."""
    drawn = np.random.default_rng(seed)
    labels = drawn.integers(0, 3, 150)
    first, second = (
        np.where(drawn.random(150) < share, labels, drawn.integers(0, 3, 150)) for share in (0.7, 0.6)
    )
    rows = np.arange(150)
    options = {"n_resamples": 2000, "method": "percentile", "vectorized": False, "random_state": 5}
    one = stats.bootstrap((rows,), lambda few: macro_f1(first[few], labels[few]), **options)
    assert score_error(by_f1(first, labels)) == pytest.approx(one.standard_error, rel=0.1)
    both = stats.bootstrap(
        (rows,), lambda few: macro_f1(first[few], labels[few]) - macro_f1(second[few], labels[few]), **options
    )
    found = paired_difference(by_f1(first, labels), by_f1(second, labels))
    assert found.standard_error == pytest.approx(both.standard_error, rel=0.1)
    assert found.value == macro_f1(first, labels) - macro_f1(second, labels)


def test_bootstrapped_errors_are_the_same_every_time() -> None:
    """No clock and no global generator: a resumed choice finds the same error to the last bit."""
    drawn = np.random.default_rng(4)
    labels = drawn.integers(0, 2, 60)
    predictions = drawn.integers(0, 2, 60)
    assert score_error(by_f1(predictions, labels)) == score_error(by_f1(predictions, labels))


def test_splits_of_two_sizes_are_not_paired() -> None:
    """A difference over other examples would mean nothing."""
    with pytest.raises(ValueError, match="not paired"):
        paired_difference(judged([1, 0]), judged([1]))


def test_a_smaller_one_within_the_error_wins() -> None:
    """Two of 200 worse, on 6 that differ: .010 behind with an error of .0122, so the smaller wins."""
    best = [1] * 160 + [0] * 40
    small = [1] * 156 + [0] * 4 + [1] * 2 + [0] * 38
    chosen = choose([finalist(best, 64), finalist(small, 8)])
    assert (chosen.winner, chosen.best) == (1, 0)
    assert chosen.behind is not None
    assert chosen.behind.value == pytest.approx(0.01)
    assert chosen.behind.standard_error == pytest.approx(0.01223, abs=1e-4)


def test_a_smaller_one_beyond_the_error_loses() -> None:
    """Six of 200 worse on the very same examples otherwise: .030 behind with an error of .0121."""
    best = [1] * 160 + [0] * 40
    small = [1] * 154 + [0] * 46
    chosen = choose([finalist(small, 8), finalist(best, 64)])
    assert (chosen.winner, chosen.best, chosen.behind) == (1, 1, None)


def test_the_smallest_of_several_ties_wins() -> None:
    """Of sizes 2, 8 and 64 with 2 out of reach and 8 tied, 8 wins."""
    best = [1] * 160 + [0] * 40
    tied = [1] * 159 + [0] * 41
    worse = [1] * 120 + [0] * 80
    assert choose([finalist(worse, 2), finalist(best, 64), finalist(tied, 8)]).winner == 2


def test_equal_predictions_tie_however_small_the_error() -> None:
    """Identical predictions have no error at all: the smaller one wins."""
    hits = [1, 1, 0, 1]
    assert choose([finalist(hits, 64), finalist(hits, 4)]).winner == 1


def test_among_equal_sizes_the_better_score_wins_then_the_shorter_training() -> None:
    """Two rates of one size: no smaller one to prefer, so the score decides; then epochs, then the rate."""
    best, tied = [1] * 160 + [0] * 40, [1] * 159 + [0] * 41
    assert choose([finalist(tied, 8, learning_rate=1e-4), finalist(best, 8)]).winner == 1
    assert choose([finalist(best, 8, num_epochs=9), finalist(best, 8, num_epochs=4)]).winner == 1
    assert choose([finalist(best, 8, learning_rate=3e-3), finalist(best, 8)]).winner == 1


def test_a_choice_needs_a_finalist() -> None:
    """Nothing to choose from is a mistake of the caller."""
    with pytest.raises(ValueError, match="finalist"):
        choose([])
