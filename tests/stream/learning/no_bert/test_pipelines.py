import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import RidgeClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from stream.learning.no_bert.pipelines import TermClassifier
from stream.learning.no_bert.terms import TermCounter
from tasks.task import Split

TEXTS = [f"{'xyzxy'[i % 5]} {'uvw'[i // 2 % 3]} {'abca'[i % 4]} tail{i % 2}" for i in range(30)]
LABELS = np.array([i % 3 for i in range(30)])
NEW = ["x u a", "y nothing tail1", "", "z w c tail0 tail0"]


def fitted(labels: np.ndarray, **settings: object) -> tuple[TermClassifier, np.ndarray]:
    """The classifier fitted to `TEXTS` and its scores of `NEW`."""
    counter = TermCounter(Split(texts=TEXTS, labels=labels.tolist()), characters=True)
    classifier = TermClassifier(
        blocks=counter.blocks, num_labels=int(labels.max()) + 1, seed=0, **settings
    ).fit(counter.count(Split(texts=TEXTS, labels=labels.tolist())), labels)
    return classifier, classifier.scores(counter.count(Split(texts=NEW, labels=[0] * len(NEW))))


def words(size: int, **settings: object) -> TfidfVectorizer:
    return TfidfVectorizer(token_pattern=r"\b\w+\b", ngram_range=(1, size), **settings)


def test_words_are_weighted_as_scikit_learn_weighs_them():
    """A ridge over words gives the margins of TfidfVectorizer and RidgeClassifier."""
    _, scores = fitted(LABELS, family="ridge", view="words", number=0.7, min_df=11, sublinear_tf=False)
    plain = make_pipeline(words(1, min_df=11), RidgeClassifier(alpha=0.7)).fit(TEXTS, LABELS)
    np.testing.assert_allclose(scores, plain.decision_function(NEW), atol=1e-4)


def test_groups_of_terms_are_normalised_apart():
    """Words with bigrams beside characters give the margins of a union of two TfidfVectorizers."""
    _, scores = fitted(LABELS, family="ridge", view="words, bigrams, characters")
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
    union = make_union(words(2, sublinear_tf=True), pieces)
    plain = make_pipeline(union, RidgeClassifier(alpha=1.0)).fit(TEXTS, LABELS)
    np.testing.assert_allclose(scores, plain.decision_function(NEW), atol=1e-4)


def test_fewer_examples_know_only_their_own_terms():
    """Fitted to the first 12 rows, it equals scikit-learn fitted to the first 12 texts."""
    _, scores = fitted(LABELS, family="ridge", view="words", num_examples=12)
    plain = make_pipeline(words(1, sublinear_tf=True), RidgeClassifier()).fit(TEXTS[:12], LABELS[:12])
    np.testing.assert_allclose(scores, plain.decision_function(NEW), atol=1e-4)


def test_a_binary_margin_becomes_two_columns():
    """The difference of the two columns is scikit-learn's margin, so argmax is its prediction."""
    labels = LABELS % 2
    _, scores = fitted(labels, family="linear support vector machine", view="words", number=1.0)
    plain = make_pipeline(words(1, sublinear_tf=True), LinearSVC(random_state=0)).fit(TEXTS, labels)
    np.testing.assert_allclose(scores[:, 1] - scores[:, 0], plain.decision_function(NEW), atol=1e-3)
    assert scores.argmax(1).tolist() == plain.predict(NEW).tolist()


def test_probabilities_become_their_logarithms():
    """Naive Bayes gives scikit-learn's log-probabilities."""
    _, scores = fitted(LABELS, family="multinomial naive Bayes", view="words", number=0.01)
    plain = make_pipeline(words(1, sublinear_tf=True), MultinomialNB(alpha=0.01)).fit(TEXTS, LABELS)
    np.testing.assert_allclose(scores, plain.predict_log_proba(NEW), atol=1e-4)


@pytest.mark.parametrize("num_rows", [4, 9])
@pytest.mark.parametrize("family", ["ridge", "gradient boosting on LSA"])
def test_rows_that_are_all_equal_are_fitted(family, num_rows):
    """Equal texts with different labels have no variance to explain; that is no error."""
    same = Split(texts=["a b c d"] * num_rows, labels=[0] * num_rows)
    counter = TermCounter(same, characters=False)
    counts = counter.count(same)
    classifier = TermClassifier(blocks=counter.blocks, num_labels=2, seed=0, family=family)
    assert np.isfinite(classifier.fit(counts, np.arange(num_rows) % 2).scores(counts)).all()
