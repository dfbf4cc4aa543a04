from dataclasses import replace
from itertools import product
from math import comb

import numpy as np
import pytest

from tasks.simulated.difficulty import STATED_ERROR, measure_difficulty, reduced
from tasks.simulated.word_model import (
    Sample,
    WordModel,
    draw,
    estimate_bayes_accuracy,
    posterior,
    random_stream,
)


def slots(num_classes: int, length: int = 4, **changes: object) -> WordModel:
    """Each class has two words of its own among 30, equally frequent; texts of one length."""
    own = np.arange(30) // 2 == np.arange(num_classes)[:, None]
    background = np.append(np.full(20, 0.6 / 20), np.full(10, 0.4 / 10))
    model = WordModel(
        class_shares=np.full(num_classes, 1 / num_classes),
        background=background,
        own_words=own,
        own_share=0.4,
        clarity=0.5,
        lengths=np.array([length]),
        label_noise=0.1,
    )
    return replace(model, **changes)


def exact_bayes_accuracy(model: WordModel, clarity: float) -> float:
    """The sum over all texts of the largest joint probability of text and label, in plain Python.

    A text is how often it holds a word of each class; the number of texts alike is a multinomial
    coefficient, and each label's joint probability is that of the class, or of a label drawn anew.
    """
    num_classes, (length,) = len(model.class_shares), model.lengths.tolist()
    of_class = 2 * 0.6 / 20
    cells = [of_class] * num_classes + [1 - num_classes * of_class]
    total = 0.0
    for counts in product(range(length + 1), repeat=num_classes):
        if sum(counts) > length:
            continue
        all_counts = [*counts, length - sum(counts)]
        alike, left = 1, length
        for amount in all_counts:
            alike, left = alike * comb(left, amount), left - amount
        vague = float(np.prod([cell**amount for cell, amount in zip(cells, all_counts, strict=True)]))
        joint = []
        for label, share in enumerate(model.class_shares.tolist()):
            clear_cells = [0.6 * cell + 0.4 * (index == label) for index, cell in enumerate(cells)]
            clear = float(np.prod([c**amount for c, amount in zip(clear_cells, all_counts, strict=True)]))
            joint.append(share * (clarity * clear + (1 - clarity) * vague))
        text = sum(joint)
        total += alike * max(
            0.9 * of_label + 0.1 * share * text
            for of_label, share in zip(joint, model.class_shares.tolist(), strict=True)
        )
    return total


@pytest.mark.parametrize(("num_classes", "length"), [(2, 1), (2, 5), (3, 4), (4, 3)])
def test_the_estimate_is_right_within_its_stated_error(num_classes: int, length: int):
    """At every clarity the value worked out over all texts lies within 1.5 stated 95 % errors (99.7 %)."""
    model = slots(num_classes, length)
    difficulty = measure_difficulty(model, "exact", num_classes, length)
    for clarity in (0.0, 0.1, 0.25, 0.53, 0.8, 1.0):
        exact = exact_bayes_accuracy(model, clarity)
        assert abs(difficulty.accuracy(clarity) - exact) <= 1.5 * difficulty.error(clarity) + 1e-9
    assert difficulty.error(1.0) <= STATED_ERROR


def test_the_stated_error_is_the_scatter_there_is():
    """Over 60 random streams, deviations from the exact value are as large as stated."""
    model = slots(2, 3)
    exact = exact_bayes_accuracy(model, 0.75)
    found = [measure_difficulty(model, "scatter", repeat) for repeat in range(60)]
    ratios = [(one.accuracy(0.75) - exact) / one.error(0.75) * 1.96 for one in found]
    # The mean of 60 squared standard normal numbers lies in this interval in 999 of 1000 cases.
    assert 0.5 < np.mean(np.square(ratios)) < 1.7


@pytest.mark.parametrize("target", [0.45, 0.6, 0.7])
def test_a_target_is_met(target: float):
    """At the solved clarity the exact Bayes accuracy is the target, within the stated error."""
    model = slots(3, 5)
    difficulty = measure_difficulty(model, "target")
    clarity = difficulty.solve(target)
    assert difficulty.accuracy(clarity) == pytest.approx(target, abs=5e-4)
    assert abs(exact_bayes_accuracy(model, clarity) - target) < 1.5 * difficulty.error(clarity) + 5e-4


def test_a_target_out_of_reach_gives_the_nearest_clarity():
    """More than clear texts allow gives clarity 1, less than guessing gives 0."""
    difficulty = measure_difficulty(slots(2), "ends")
    assert (difficulty.solve(0.99), difficulty.solve(0.2)) == (1.0, 0.0)


def test_it_agrees_with_the_estimate_on_the_full_model():
    """Words counted one by one give the Bayes accuracy that classes of words gave, long texts included."""
    model = slots(4, lengths=np.array([8, 20, 130]), clarity=0.6)
    reduction, full = measure_difficulty(model, "reduced"), estimate_bayes_accuracy(model, "full")
    error = np.hypot(full.standard_error, reduction.error(0.6) / 1.96)
    assert abs(reduction.accuracy(0.6) - full.accuracy) < 4 * error


def test_reduction_keeps_every_posterior():
    """A text has the same posterior whether its words are told apart or only whose they are."""
    model = slots(3, 12)
    sample = draw(model, random_stream("texts"), 200)
    whose = np.minimum(sample.words // 2, 3)
    small = Sample(labels=sample.labels, lengths=sample.lengths, words=whose)
    np.testing.assert_allclose(posterior(reduced(model), small), posterior(model, sample), atol=1e-6)


def test_classes_of_unequal_frequency_are_refused():
    """With them the line would not be straight."""
    with pytest.raises(AssertionError, match="equally frequent"):
        measure_difficulty(slots(2, class_shares=np.array([0.6, 0.4])), "unequal")


def test_what_cannot_be_reduced_is_refused():
    """Words of two classes, or of unequal frequency within one, have likelihood ratios of their own."""
    model = slots(2)
    both = model.own_words.copy()
    both[1, 0] = True
    with pytest.raises(AssertionError, match="same word"):
        reduced(replace(model, own_words=both))
    uneven = model.background.copy()
    uneven[:2] += (0.01, -0.01)
    with pytest.raises(AssertionError, match="frequency"):
        reduced(replace(model, background=uneven))
