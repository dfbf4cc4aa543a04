from dataclasses import replace

import numpy as np
import pytest
from sklearn.naive_bayes import MultinomialNB

from tasks.simulated.word_model import (
    LEAD_WORDS,
    SCALE,
    STANDARD_ERROR,
    Sample,
    WordModel,
    draw,
    estimate_bayes_accuracy,
    posterior,
    random_stream,
    solve_clarity,
)


def two_words(**changes: object) -> WordModel:
    """Two classes, two words, texts of one word: small enough to work out by hand."""
    model = WordModel(
        class_shares=np.array([0.7, 0.3]),
        background=np.array([0.5, 0.5]),
        own_words=np.array([[True, False], [False, True]]),
        own_share=0.5,
        clarity=0.8,
        lengths=np.array([1]),
        label_noise=0.1,
    )
    return replace(model, **changes)


def many_words(num_classes: int = 4, **changes: object) -> WordModel:
    """A few classes over 60 words, texts of 5 to 15 words."""
    stream = random_stream("many words")
    own = np.zeros((num_classes, 60), np.bool_)
    for row in range(num_classes):
        own[row, row * 5 : row * 5 + 5] = True
    weights = stream.random(60) + 0.2
    model = WordModel(
        class_shares=np.arange(1.0, num_classes + 1) / np.arange(1.0, num_classes + 1).sum(),
        background=weights / weights.sum(),
        own_words=own,
        own_share=0.4,
        clarity=1.0,
        lengths=np.arange(5, 16),
        label_noise=0.02,
    )
    return replace(model, **changes)


def word_counts(model: WordModel, sample: Sample) -> np.ndarray:
    counts = np.zeros((len(sample.lengths), len(model.background)))
    np.add.at(counts, (np.repeat(np.arange(len(sample.lengths)), sample.lengths), sample.words), 1)
    return counts


def test_the_posterior_is_the_one_worked_out_by_hand():
    """Two one-word texts get the posteriors that Bayes' theorem gives on paper."""
    # Clear texts: P(own word) = 0.75. The first word: class 0 by 0.7 (0.8 * 0.75 + 0.2 * 0.5) = 0.49,
    # class 1 by 0.3 (0.8 * 0.25 + 0.2 * 0.5) = 0.09; the second word: 0.21 and 0.21.
    sample = Sample(labels=np.array([0, 0]), lengths=np.array([1, 1]), words=np.array([0, 1]))
    first, second = 0.49 / 0.58, 0.21 / 0.42
    expected = [0.9 * first + 0.1 * 0.7, 0.9 * second + 0.1 * 0.7]
    np.testing.assert_allclose(posterior(two_words(), sample)[:, 0], expected, atol=1e-8)


def test_the_bayes_estimate_agrees_with_the_exact_value():
    """Over the two possible texts, 0.58 (0.9 * 49/58 + 0.07) + 0.42 (0.9 / 2 + 0.07) = 0.7 is exact."""
    exact = 0.58 * (0.9 * 0.49 / 0.58 + 0.07) + 0.42 * (0.9 * 0.5 + 0.07)
    estimate = estimate_bayes_accuracy(two_words(), "exact")
    assert exact == pytest.approx(0.7)
    assert estimate.standard_error < STANDARD_ERROR
    assert abs(estimate.accuracy - exact) < 4 * estimate.standard_error


def test_the_bayes_estimate_is_what_the_true_posterior_reaches_on_fresh_texts():
    """The classifier that knows the distributions hits as often as the estimate says."""
    model = many_words(clarity=0.6)
    estimate = estimate_bayes_accuracy(model, "estimate")
    fresh = draw(model, random_stream("fresh"), 40_000)
    hits = posterior(model, fresh).argmax(axis=1) == fresh.labels
    error = np.hypot(estimate.standard_error, hits.std() / np.sqrt(len(hits)))
    assert abs(hits.mean() - estimate.accuracy) < 4 * error


def test_the_posterior_is_calibrated_class_by_class():
    """Over many texts the posteriors add up to the labels seen, for every class."""
    model = many_words(clarity=0.6, label_noise=0.2)
    sample = draw(model, random_stream("calibration"), 40_000)
    expected = posterior(model, sample)
    for label in range(4):
        seen = sample.labels == label
        for texts in (expected[:, label] > 0.5, expected[:, label] <= 0.5):
            gap = expected[texts, label].mean() - seen[texts].mean()
            assert abs(gap) < 4 * 0.5 / np.sqrt(texts.sum())


def test_a_learned_naive_bayes_comes_close_to_the_bayes_accuracy_and_not_above():
    """With many examples of an easy task an independent learner reaches it within 1.5 points."""
    model = many_words()
    estimate = estimate_bayes_accuracy(model, "easy")
    train = draw(model, random_stream("easy train"), 20_000)
    test = draw(model, random_stream("easy test"), 20_000)
    learner = MultinomialNB().fit(word_counts(model, train), train.labels)
    hits = learner.predict(word_counts(model, test)) == test.labels
    error = np.hypot(estimate.standard_error, hits.std() / np.sqrt(len(hits)))
    assert estimate.accuracy - 0.015 < hits.mean() < estimate.accuracy + 3 * error


def test_label_noise_takes_its_share_of_the_bayes_accuracy():
    """Where texts leave no doubt, only the noise does: 1 - noise + noise * sum of squared shares."""
    certain = many_words(own_share=0.95, lengths=np.array([50]), label_noise=0.3)
    shares = certain.class_shares
    estimate = estimate_bayes_accuracy(certain, "certain")
    assert estimate.accuracy == pytest.approx(0.7 + 0.3 * float(shares @ shares), abs=0.006)


def test_without_clear_texts_only_the_largest_class_can_be_guessed():
    """With clarity 0 every posterior is the class shares."""
    vague = many_words(clarity=0.0)
    sample = draw(vague, random_stream("vague"), 50)
    np.testing.assert_allclose(posterior(vague, sample), np.tile(vague.class_shares, (50, 1)))


def test_words_after_the_lead_tell_nothing():
    """Changing every word after the lead leaves the posterior as it was."""
    model = many_words(lengths=np.array([LEAD_WORDS + 50]))
    sample = draw(model, random_stream("long"), 20)
    words = sample.words.reshape(20, -1).copy()
    words[:, LEAD_WORDS:] = 0
    changed = replace(sample, words=words.ravel())
    np.testing.assert_array_equal(posterior(model, changed), posterior(model, sample))


def test_words_are_drawn_with_the_probabilities_of_class_and_background():
    """Word frequencies of the leads are those of the class, later ones those of the background."""
    model = many_words(num_classes=2, lengths=np.array([2 * LEAD_WORDS]), label_noise=0.0)
    sample = draw(model, random_stream("frequencies"), 2000)
    words = sample.words.reshape(2000, -1)
    for rows, expected in (
        (words[sample.labels == 0, :LEAD_WORDS], model.word_probabilities()[0]),
        (words[sample.labels == 1, :LEAD_WORDS], model.word_probabilities()[1]),
        (words[:, LEAD_WORDS:], model.background),
    ):
        seen = np.bincount(rows.ravel(), minlength=60) / rows.size
        np.testing.assert_allclose(seen, expected, atol=5 * np.sqrt(0.1 / rows.size))


def test_probabilities_are_whole_multiples_that_sum_to_one():
    """What is sampled and what the posterior uses are the same integers."""
    scaled = many_words().word_probabilities() * SCALE
    np.testing.assert_array_equal(scaled, np.rint(scaled))
    np.testing.assert_array_equal(scaled.sum(axis=1), np.full(5, SCALE))


def test_the_clarity_is_solved_for_the_wanted_bayes_accuracy():
    """The solved model's Bayes accuracy lies within two points of the aim, or at the end of the range."""
    model = many_words()
    for target in (0.55, 0.7, 0.85):
        solved = solve_clarity(model, "clarity", target=target)
        assert abs(estimate_bayes_accuracy(solved, "solved").accuracy - target) < 0.02
    assert solve_clarity(model, "clarity", target=1.0).clarity > 0.999
    assert solve_clarity(model, "clarity", target=0.0).clarity < 0.001


def test_a_stream_depends_on_all_of_its_key():
    """Equal keys give equal numbers, any other key others, 1 and "1" too."""
    keys: list[tuple[str | int, ...]] = [("a", 1), ("a", "1"), ("a1",), ("a", 1, 0), (1, "a")]
    firsts = [random_stream(*key).random() for key in keys]
    assert len(set(firsts)) == len(keys)
    assert firsts == [random_stream(*key).random() for key in keys]
