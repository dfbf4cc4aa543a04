"""The classifiers that `no_bert` searches among: a family over TF-IDF weighted terms.

A candidate is made of plain values (family, view, one number of the family ...), so the winner can be
written down instead of pickled. Every classifier gives a score per class of the task, also for classes that
its training rows lack, and its prediction is the class of the highest score.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int64
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import ComplementNB, MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from stream.learning.no_bert.terms import Block, Counts, columns_of

Scores = Float32[np.ndarray, "examples num_labels"]

_NUM_TOPICS = 64
"""Dimensions of the latent semantic analysis under gradient boosting."""
_NUM_TREES = 300
"""Trees of a boosted model over all its classes, within 10 to 100 rounds; each round grows one per class."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """What a family needs to know of the data it is fitted to."""

    num_rows: int
    num_terms: int
    num_classes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """A kind of classifier and the one number that is searched for it."""

    parameter: str
    """scikit-learn's name of the number."""
    low: float
    high: float
    """The number is drawn log-uniformly between the two."""
    build: Callable[[float, int, Size], Any]
    """From the number, a seed and the size to an unfitted scikit-learn estimator."""
    has_margins: bool = True
    """Whether it scores by `decision_function`; otherwise by the logarithm of its probabilities."""


def _logistic(strength: float, seed: int, size: Size) -> Any:
    # one class against the rest: time grows with the classes only linearly, and memory not at all
    return OneVsRestClassifier(LogisticRegression(C=strength, solver="liblinear", random_state=seed))


def _boosting(rate: float, seed: int, size: Size) -> Any:
    trees_a_round = 1 if size.num_classes == 2 else size.num_classes
    return make_pipeline(
        TruncatedSVD(min(_NUM_TOPICS, size.num_rows, size.num_terms), random_state=seed),
        HistGradientBoostingClassifier(
            learning_rate=rate,
            max_iter=max(10, min(100, _NUM_TREES // trees_a_round)),
            max_leaf_nodes=15,
            min_samples_leaf=5,
            early_stopping=False,  # its split fails where a class has a single row
            random_state=seed,
        ),
    )


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "logistic regression": Family(parameter="C", low=0.3, high=100.0, build=_logistic),
        "ridge": Family(
            parameter="alpha",
            low=0.1,
            high=20.0,
            build=lambda number, seed, size: RidgeClassifier(alpha=number, random_state=seed),
        ),
        "stochastic gradient descent": Family(
            parameter="alpha",
            low=1e-5,
            high=1e-2,
            build=lambda number, seed, size: SGDClassifier(
                loss="modified_huber", alpha=number, max_iter=50, random_state=seed
            ),
        ),
        "linear support vector machine": Family(
            parameter="C",
            low=0.02,
            high=5.0,
            build=lambda number, seed, size: LinearSVC(C=number, max_iter=200, random_state=seed),
        ),
        "multinomial naive Bayes": Family(
            parameter="alpha",
            low=1e-3,
            high=1.0,
            build=lambda number, seed, size: MultinomialNB(alpha=number),
            has_margins=False,
        ),
        "complement naive Bayes": Family(
            parameter="alpha",
            low=1e-2,
            high=3.0,
            build=lambda number, seed, size: ComplementNB(alpha=number),
            has_margins=False,
        ),
        "gradient boosting on LSA": Family(
            parameter="learning_rate", low=0.03, high=0.3, build=_boosting, has_margins=False
        ),
    }
)
"""What is searched, by name."""


@dataclass(kw_only=True, eq=False, repr=False)
class TermClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A family over a view of term counts, as scikit-learn's search wants it: parameters as attributes.

    Where there is nothing to learn from (one class, fewer than two terms) it answers with the frequencies of
    the classes.
    """

    blocks: tuple[Block, ...]
    num_labels: int
    seed: int
    family: str = "logistic regression"
    view: str = "words"
    number: float = 1.0
    """The family's own parameter."""
    min_df: int = 1
    """A term counts that occurs in so many of the training rows."""
    sublinear_tf: bool = True
    num_examples: int | None = None
    """The first so many rows are fitted; None takes all. It is what successive halving hands out."""

    def fit(self, counts: Counts, labels: Int64[np.ndarray, " examples"]) -> "TermClassifier":
        """Fit the first `num_examples` rows."""
        counts, labels = counts[: self.num_examples], labels[: self.num_examples]
        self.classes_ = np.unique(labels)
        kept = np.bincount(counts.indices, minlength=counts.shape[1]) >= self.min_df
        groups = columns_of(self.view, self.blocks, kept)
        size = Size(num_rows=len(labels), num_terms=sum(map(len, groups)), num_classes=len(self.classes_))
        self.learnt_ = size.num_classes > 1 and size.num_terms > 1
        self.model_ = self._pipeline(groups, size) if self.learnt_ else DummyClassifier(strategy="prior")
        with np.errstate(invalid="ignore", divide="ignore"):  # explained variance of rows that are all equal
            self.model_.fit(counts, labels)
        return self

    def scores(self, counts: Counts) -> Scores:
        """Margins or log-probabilities of each class of the task; a class unknown to the fit comes last."""
        if not counts.shape[0]:
            return np.zeros((0, self.num_labels), np.float32)
        if self.learnt_ and FAMILIES[self.family].has_margins:
            known = two_columns(self.model_.decision_function(counts))
        else:
            known = np.log(np.maximum(self.model_.predict_proba(counts), np.finfo(np.float32).tiny))
        wide = np.repeat(known.min(axis=1, keepdims=True) - 1, self.num_labels, axis=1)
        wide[:, self.classes_] = known
        return wide.astype(np.float32)

    def predict(self, counts: Counts) -> Int64[np.ndarray, " examples"]:
        """Class index of the highest score; the lowest index among equals."""
        highest: Int64[np.ndarray, " examples"] = self.scores(counts).argmax(axis=1)
        return highest

    def _pipeline(self, groups: list[np.ndarray], size: Size) -> Any:
        weights = ColumnTransformer(
            [
                (f"group {i}", TfidfTransformer(sublinear_tf=self.sublinear_tf), columns)
                for i, columns in enumerate(groups)
                if len(columns)
            ],
            sparse_threshold=1.0,
        )
        return make_pipeline(weights, FAMILIES[self.family].build(self.number, self.seed, size))


def two_columns(margins: Float[np.ndarray, "..."]) -> Float[np.ndarray, "examples classes"]:
    """Margins per class; the single margin of a binary classifier becomes half for and half against."""
    return margins if margins.ndim == 2 else np.stack([-margins / 2, margins / 2], axis=1)
