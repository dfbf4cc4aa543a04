"""Simulated stand-ins: a task of the same shape as one whose data cannot be had.

Name, classes and their skew, sizes and text lengths are the real task's; the words are random, drawn from
the project's own list (`words.txt`, the same for every backbone). The generator knows its distributions,
so it states the best accuracy any classifier can reach. A stand-in says nothing about how well the real
task can be learned, and every result on it is marked as simulated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from itertools import pairwise
from statistics import NormalDist
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped

from tasks.errors import DataError
from tasks.fingerprint import task_fingerprint
from tasks.simulated.word_model import (
    LEAD_WORDS,
    BayesEstimate,
    Sample,
    WordModel,
    draw,
    estimate_bayes_accuracy,
    random_stream,
    solve_clarity,
)
from tasks.task import DataStatus, Limits, PaperFigures, Split, Task

LABEL_NOISE = 0.02
OWN_WORDS = 6
"""Words that a class prefers; with many classes they overlap."""
OWN_SHARE = 0.4
"""Share of a class's own words in the lead of its clear texts: even one of ten words then has four."""
DEFAULT_ACCURACY = 0.85
"""Aim for the Bayes accuracy where no published accuracy is known."""
LEAST_SIGNAL = 0.1
"""The aim lies at least this far on the way from guessing the largest class to what label noise allows, so
that there is something to learn even where the published accuracy is close to guessing."""
DEFAULT_MEAN_CHARS = 100.0
LENGTH_SPREAD = 0.5
"""Standard deviation of the logarithm of a text's length."""
BLOCK = 256
"""Examples are drawn in blocks with a random stream each, so a cap never changes those that remain."""


@runtime_checkable
class TaskShape(Protocol):
    """What is needed of a task's card to simulate it."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def title(self) -> str: ...  # noqa: D102
    @property
    def metric(self) -> str: ...  # noqa: D102
    @property
    def num_rows(self) -> int | None: ...  # noqa: D102
    @property
    def num_test(self) -> int | None: ...  # noqa: D102
    @property
    def num_labels(self) -> int | None: ...  # noqa: D102
    @property
    def class_counts(self) -> Mapping[str, int]: ...  # noqa: D102
    @property
    def mean_chars(self) -> float | None: ...  # noqa: D102
    @property
    def paper(self) -> PaperFigures | None: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitSizes:
    """Examples per split, before any cap."""

    train: int
    valid: int
    test: int


def simulate_task(
    card: TaskShape, *, limits: Limits, seed: int = 0, further_tests: Sequence[str] = ()
) -> Task:
    """A task of the card's shape with random texts; equal arguments give equal bytes everywhere.

    Each of the `further_tests` is as large as the test split. Only the examples that `limits` leaves are
    generated, and example i of a split is the same under every limit. Raises DataError if the card tells
    neither classes nor sizes, or fewer than two classes.
    """
    labels, shares = class_shares(card)
    sizes = split_sizes(card)
    model = word_model(card, shares, seed)
    bayes = estimate_bayes_accuracy(model, seed, card.name, "bayes accuracy")
    words = word_list()
    train = draw_split(model, (seed, card.name, "train"), _capped(sizes.train, limits.max_train), words=words)
    valid = draw_split(model, (seed, card.name, "valid"), _capped(sizes.valid, limits.max_valid), words=words)
    num_test = _capped(sizes.test, limits.max_test)
    test, *further = (
        draw_split(model, (seed, card.name, split), num_test, words=words)
        for split in ("test", *further_tests)
    )
    return Task(
        name=card.name,
        title=card.title,
        data=DataStatus.SIMULATED,
        labels=labels,
        train=train,
        valid=valid,
        test=test,
        further_tests=dict(zip(further_tests, further, strict=True)),
        fingerprint=task_fingerprint(card.name, labels, (train, valid, test, *further)),
        metric=card.metric,
        paper=card.paper,
        bayes_accuracy=round(bayes.accuracy, 4),
        notes=_notes(bayes),
    )


def class_shares(card: TaskShape) -> tuple[tuple[str, ...], Float64[np.ndarray, " classes"]]:
    """Class names, sorted, and their shares; without counts, Zipf's law over the number of classes."""
    if card.class_counts:
        labels = tuple(sorted(card.class_counts))
        weights = np.array([max(card.class_counts[label], 1) for label in labels], np.float64)
    else:
        num_labels = card.num_labels or (card.paper.num_labels if card.paper else 0)
        labels = tuple(f"class {index:03d}" for index in range(num_labels))
        weights = 1 / np.arange(1.0, num_labels + 1)
    if len(labels) < 2:
        raise DataError(
            f"{card.name}: cannot be simulated with {len(labels)} classes; "
            "give class_counts or num_labels with at least 2 classes"
        )
    return labels, weights / weights.sum()


def split_sizes(card: TaskShape) -> SplitSizes:
    """The paper's sizes, or 80/10/10 of all examples, cut as the paper's are (at n*8//10 and n*9//10).

    Where the card states the rows of a test file, the rest is cut 8 : 1.
    """
    if card.paper is not None:
        return SplitSizes(train=card.paper.num_train, valid=card.paper.num_valid, test=card.paper.num_test)
    total = sum(card.class_counts.values()) or card.num_rows or 0
    if total < 10:
        raise DataError(
            f"{card.name}: cannot be simulated with {total} examples; give class_counts of at least 10 in all"
        )
    if card.num_test is not None and (rest := total - card.num_test) >= 2:
        return SplitSizes(train=8 * rest // 9, valid=rest - 8 * rest // 9, test=card.num_test)
    first, second = total * 8 // 10, total * 9 // 10
    return SplitSizes(train=first, valid=second - first, test=total - second)


def word_model(card: TaskShape, shares: Float64[np.ndarray, " classes"], seed: int) -> WordModel:
    """Distributions for a task: a shuffled Zipf background, own words per class, difficulty by the paper."""
    words = word_list()
    stream = random_stream(seed, card.name, "distributions")
    # Mandelbrot's offset keeps the most frequent word near 2 %, as in text without function words.
    rank = np.argsort(stream.random(len(words)), kind="stable")
    zipf = 1 / (rank + 10.0)
    background = zipf / zipf.sum()
    mean_chars = card.mean_chars or (card.paper.mean_chars if card.paper else DEFAULT_MEAN_CHARS)
    word_chars = np.array([len(word) for word in words], np.float64)
    mean_words = (mean_chars + 1) / (float(background @ word_chars) + 1)
    vague = WordModel(
        class_shares=shares,
        background=background,
        own_words=_own_words(stream, len(shares), len(words)),
        own_share=OWN_SHARE,
        clarity=0.0,
        lengths=text_lengths(mean_words),
        label_noise=LABEL_NOISE,
    )
    aim = aimed_accuracy(shares, card.paper.adapters if card.paper else DEFAULT_ACCURACY)
    model = solve_clarity(vague, seed, card.name, "clarity", target=aim)
    # The words that the classes favour may be shorter or longer than the others.
    stretch = (mean_chars + 1) / (expected_chars(model) + 1)
    return replace(model, lengths=text_lengths(mean_words * stretch))


def expected_chars(model: WordModel) -> float:
    """Mean number of characters of the model's texts, spaces included."""
    word_chars = np.array([len(word) for word in word_list()], np.float64)
    per_row = model.word_probabilities() @ word_chars + 1
    background = float(per_row[-1])
    in_lead = model.clarity * float(model.class_shares @ per_row[:-1]) + (1 - model.clarity) * background
    lead = np.minimum(model.lengths, LEAD_WORDS)
    return float((lead * in_lead + (model.lengths - lead) * background).mean()) - 1


def aimed_accuracy(shares: Float64[np.ndarray, " classes"], published: float) -> float:
    """The published accuracy, but at least `LEAST_SIGNAL` above guessing and never above the noise."""
    guessing = float(shares.max())
    ceiling = 1 - LABEL_NOISE + LABEL_NOISE * float(shares @ shares)
    return min(max(published, guessing + LEAST_SIGNAL * (ceiling - guessing)), ceiling)


def text_lengths(mean_words: float) -> Int64[np.ndarray, " quantiles"]:
    """1024 equally likely numbers of words, log-normal around `mean_words`, at least 1."""
    normal = NormalDist()
    quantiles = np.array([normal.inv_cdf((index + 0.5) / 1024) for index in range(1024)])
    spread = np.exp(LENGTH_SPREAD * quantiles)
    lengths: Int64[np.ndarray, " quantiles"]
    lengths = np.maximum(np.rint(mean_words * spread / spread.mean()), 1).astype(np.int64)
    return lengths


@cache
def word_list() -> tuple[str, ...]:
    """The everyday English words that all simulated texts are made of."""
    return tuple(files("tasks").joinpath("words.txt").read_text(encoding="utf-8").split())


def _own_words(
    stream: np.random.Generator, num_classes: int, num_words: int
) -> Bool[np.ndarray, "classes words"]:
    """A random subset of `OWN_WORDS` words for each class."""
    order = np.argsort(stream.random((num_classes, num_words)), axis=1, kind="stable")
    own = np.zeros((num_classes, num_words), np.bool_)
    np.put_along_axis(own, order[:, :OWN_WORDS], True, axis=1)
    return own


def _capped(size: int, cap: int | None) -> int:
    return size if cap is None else min(size, cap)


def draw_split(
    model: WordModel, key: tuple[str | int, ...], num_examples: int, *, words: Sequence[str]
) -> Split:
    """The first `num_examples` examples of the split that `key` names; `words` spells the model's words."""
    spelling = np.array(words, dtype=object)
    texts: list[str] = []
    labels: list[int] = []
    for block in range(-(-num_examples // BLOCK)):
        sample = draw(model, random_stream(*key, block), BLOCK)
        texts += _spelled(sample, spelling)
        labels += sample.labels.tolist()
    return Split(texts=texts[:num_examples], labels=labels[:num_examples])


def _spelled(sample: Sample, spelling: Shaped[np.ndarray, " words"]) -> list[str]:
    """The texts of a sample, words separated by one space."""
    spelled = spelling[sample.words].tolist()
    ends = np.cumsum(sample.lengths).tolist()
    return [" ".join(spelled[start:end]) for start, end in pairwise([0, *ends])]


def _notes(bayes: BayesEstimate) -> tuple[str, ...]:
    return (
        "simulated stand-in: random words in the real task's shape, not the real data",
        f"Bayes accuracy {bayes.accuracy:.3f} ± {1.96 * bayes.standard_error:.3f} (95 %): the most any "
        f"classifier can reach; {LABEL_NOISE:.0%} of the labels are drawn anew at random",
    )
