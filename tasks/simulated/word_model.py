"""Class-conditional word distributions: texts whose best possible classifier is known.

A text has a class, drawn by the class shares, and a length that says nothing about the class. In a clear
text the first `LEAD_WORDS` words are independent draws from the word distribution of its class; all other
words come from the background that the classes have in common, and a vague text has no others. So Bayes'
theorem gives the exact posterior of the class, and the mean of its maximum over fresh texts is the Bayes
accuracy: no classifier reaches more.

Difficulty lies in the share of vague texts. Spreading thin evidence over all texts instead would give the
same Bayes accuracy, but a task that takes far more examples to learn.

The same key gives the same bytes on every platform: the only randomness is PCG64's uniform numbers, and
they are looked up in tables of integers, where the last bits of a platform's `exp` do not show.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.sparse import csr_array

LEAD_WORDS = 100
"""Only these many first words depend on the class. Real texts open with their matter too; and with it all
within the usual 128 tokens, cutting a long text there takes nothing away from what can be reached."""

SCALE = 2**32
"""Probabilities are whole multiples of 1 / SCALE: what is sampled is exactly what the posterior uses."""

STANDARD_ERROR = 0.002
"""The Bayes accuracy is estimated until its standard error is below this: 95 % lie within 0.4 points."""

TEXTS_PER_ESTIMATE_BLOCK = 2000
MIN_ESTIMATE_BLOCKS = 3
"""Never stop earlier, so that the standard error is itself well known when it is compared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WordModel:
    """The distribution of labelled texts; everything about it is known."""

    class_shares: Float64[np.ndarray, " classes"]
    """Probability of each class; positive, sums to 1."""
    background: Float64[np.ndarray, " words"]
    """Probability of each word where no class speaks; positive, sums to 1."""
    own_words: Bool[np.ndarray, "classes words"]
    """The words that a class uses more often than the background does; at least one each."""
    own_share: float
    """Share of the words of a clear lead that are drawn from the class's own words, evenly."""
    clarity: float
    """Share of texts that are clear; 0 makes the classes indistinguishable."""
    lengths: Int64[np.ndarray, " quantiles"]
    """Words per text, at least 1; each entry is equally likely."""
    label_noise: float
    """Share of labels that are drawn anew from the class shares, whatever the text says."""

    def word_thresholds(self) -> Int64[np.ndarray, "classes_and_background words"]:
        """Cumulative word probabilities times `SCALE`; one row per class, then the background's."""
        own = self.own_words / self.own_words.sum(axis=1, keepdims=True)
        clear = (1 - self.own_share) * self.background + self.own_share * own
        return _thresholds(np.vstack([clear, self.background]))

    def word_probabilities(self) -> Float64[np.ndarray, "classes_and_background words"]:
        """Probability of each word in the clear lead of each class and elsewhere, exactly as sampled."""
        probabilities: Float64[np.ndarray, "classes_and_background words"]
        probabilities = np.diff(self.word_thresholds(), axis=1, prepend=0) / SCALE
        return probabilities


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """Texts drawn from a `WordModel`, as numbers."""

    labels: Int64[np.ndarray, " texts"]
    """What an observer is told: the class, or with label noise sometimes another one."""
    lengths: Int64[np.ndarray, " texts"]
    """Words per text."""
    words: Int64[np.ndarray, " positions"]
    """Word indices of all texts, one after the other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BayesEstimate:
    """The mean of the largest posterior over `num_texts` fresh texts."""

    accuracy: float
    standard_error: float
    num_texts: int


def random_stream(*key: str | int | float) -> np.random.Generator:
    """A generator that depends on `key` alone, through SHA-256; the same in every process."""
    digest = hashlib.sha256(json.dumps(key).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))


def draw(model: WordModel, stream: np.random.Generator, num_texts: int) -> Sample:
    """Draw `num_texts` independent labelled texts."""
    for_class, for_clarity, for_noise, for_label, for_length = stream.random((5, num_texts))
    shares = _thresholds(model.class_shares[None, :])
    classes = _look_up(shares, np.zeros(num_texts, np.int64), for_class)
    redrawn = _look_up(shares, np.zeros(num_texts, np.int64), for_label)
    lengths = model.lengths[(for_length * len(model.lengths)).astype(np.int64)]
    starts = np.cumsum(lengths) - lengths
    position_in_text = np.arange(lengths.sum()) - np.repeat(starts, lengths)
    background_row = len(model.class_shares)
    lead_row = np.where(for_clarity < model.clarity, classes, background_row)
    rows = np.where(position_in_text < LEAD_WORDS, np.repeat(lead_row, lengths), background_row)
    return Sample(
        labels=np.where(for_noise < model.label_noise, redrawn, classes),
        lengths=lengths,
        words=_look_up(model.word_thresholds(), rows, stream.random(len(rows))),
    )


def posterior(model: WordModel, sample: Sample) -> Float64[np.ndarray, "texts classes"]:
    """Probability of each label given the text, by Bayes' theorem, label noise included.

    A lead is one class's or, where the text is vague, the background's: as many hypotheses as classes and
    one more, whose log-likelihoods are word counts times log-probabilities. Later words have the same
    probability under each and drop out. A vague text leaves the class shares as they were.
    """
    leads = _cut(sample, LEAD_WORDS)
    ends = np.append(0, np.cumsum(leads.lengths))
    counts = csr_array(
        (np.ones(len(leads.words)), leads.words, ends), shape=(len(leads.lengths), len(model.background))
    )
    with np.errstate(divide="ignore"):  # log 0: a hypothesis that cannot be true, where clarity is 0 or 1
        prior = np.log(np.append(model.clarity * model.class_shares, 1 - model.clarity))
    scores = counts @ np.log(model.word_probabilities()).T + prior
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    hypotheses = weights / weights.sum(axis=1, keepdims=True)
    classes = hypotheses[:, :-1] + hypotheses[:, -1:] * model.class_shares
    labels: Float64[np.ndarray, "texts classes"]
    labels = (1 - model.label_noise) * classes + model.label_noise * model.class_shares
    return labels


def estimate_bayes_accuracy(model: WordModel, *key: str | int | float) -> BayesEstimate:
    """Bayes accuracy of `model` by Monte Carlo, to a standard error below `STANDARD_ERROR`.

    Each fresh text contributes its largest posterior, not a hit or a miss: the same mean with less
    variance. `key` names the random stream.
    """
    short = _leads(model)
    found = np.empty(0)
    for block in count():
        sample = draw(short, random_stream(*key, block), TEXTS_PER_ESTIMATE_BLOCK)
        found = np.concatenate([found, posterior(short, sample).max(axis=1)])
        error = float(found.std(ddof=1) / np.sqrt(len(found)))
        if error < STANDARD_ERROR and block + 1 >= MIN_ESTIMATE_BLOCKS:
            break
    return BayesEstimate(accuracy=float(found.mean()), standard_error=error, num_texts=len(found))


def solve_clarity(
    model: WordModel, *key: str | int | float, target: float, num_texts: int = 2000
) -> WordModel:
    """The model with the clarity at which the Bayes accuracy is about `target`, by bisection.

    Every step sees the same random numbers, so the search is deterministic. It is exact to the noise of
    `num_texts` texts (about one point); measure the result with `estimate_bayes_accuracy`. A target out
    of reach gives a clarity next to 0 or 1.
    """
    short = _leads(model)
    low, high = 0.0, 1.0
    for _ in range(10):
        middle = (low + high) / 2
        candidate = replace(short, clarity=middle)
        sample = draw(candidate, random_stream(*key), num_texts)
        if posterior(candidate, sample).max(axis=1).mean() < target:
            low = middle
        else:
            high = middle
    return replace(model, clarity=(low + high) / 2)


def _cut(sample: Sample, num_words: int) -> Sample:
    """The first `num_words` words of each text."""
    starts = np.cumsum(sample.lengths) - sample.lengths
    position_in_text = np.arange(len(sample.words)) - np.repeat(starts, sample.lengths)
    return Sample(
        labels=sample.labels,
        lengths=np.minimum(sample.lengths, num_words),
        words=sample.words[position_in_text < num_words],
    )


def _leads(model: WordModel) -> WordModel:
    """The same model with every text cut after its lead: the same posteriors, fewer words to draw."""
    return replace(model, lengths=np.minimum(model.lengths, LEAD_WORDS))


def _thresholds(weights: Float64[np.ndarray, "rows columns"]) -> Int64[np.ndarray, "rows columns"]:
    """Cumulative weights of each row, scaled so that the last is `SCALE` exactly."""
    cumulative = np.cumsum(weights, axis=1)
    thresholds: Int64[np.ndarray, "rows columns"]
    thresholds = np.rint(cumulative / cumulative[:, -1:] * SCALE).astype(np.int64)
    return thresholds


def _look_up(
    thresholds: Int64[np.ndarray, "rows columns"],
    rows: Int64[np.ndarray, " draws"],
    uniforms: Float64[np.ndarray, " draws"],
) -> Int64[np.ndarray, " draws"]:
    """The column that each uniform number in [0, 1) falls into, in its row."""
    num_rows, num_columns = thresholds.shape
    # One sorted array of whole numbers serves every row: row r occupies [r * SCALE, (r + 1) * SCALE).
    stacked = (thresholds + np.arange(num_rows)[:, None] * SCALE).ravel()
    wanted = (uniforms * SCALE).astype(np.int64) + rows * SCALE
    columns: Int64[np.ndarray, " draws"]
    columns = np.searchsorted(stacked, wanted, side="right") - rows * num_columns
    return columns
