import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest

from tasks.card import TaskCard
from tasks.errors import DataError
from tasks.fingerprint import task_fingerprint
from tasks.simulated.texts import (
    LABEL_NOISE,
    TaskShape,
    aimed_accuracy,
    class_shares,
    expected_chars,
    simulate_task,
    split_sizes,
    text_lengths,
    word_list,
    word_model,
)
from tasks.task import DataStatus, Limits, PaperFigures, Task

NO_LIMITS = Limits()


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """A card reduced to what the simulation reads."""

    name: str = "weather"
    title: str = "Weather reports"
    metric: str = "accuracy"
    num_rows: int | None = None
    num_test: int | None = None
    num_labels: int | None = None
    class_counts: Mapping[str, int] = field(default_factory=dict)
    mean_chars: float | None = 80.0
    paper: PaperFigures | None = None


def paper(**changes: float) -> PaperFigures:
    figures = {
        "num_train": 900,
        "num_valid": 110,
        "num_test": 120,
        "num_labels": 3,
        "mean_chars": 60.0,
        "adapters": 0.8,
        "fine_tuning": 0.81,
        "variable_fine_tuning": 0.8,
        "no_bert": 0.7,
        "epochs_adapters": 20,
        "epochs_fine_tuning": 50,
    }
    return PaperFigures(**(figures | changes))  # type: ignore[arg-type]


SKEWED = Shape(class_counts={"sun": 1000, "rain": 2000, "fog": 200})


def contents(task: Task) -> list[tuple[list[str], list[int]]]:
    return [(list(split.texts), list(split.labels)) for split in (task.train, task.valid, task.test)]


def test_a_small_task_never_changes():
    """Its fingerprint is pinned: a change of the generator would silently make old runs incomparable."""
    task = simulate_task(SKEWED, limits=Limits(max_train=20, max_valid=5, max_test=5))
    assert task.fingerprint == "0d436f56b51f9c5d04cf2f2adef2c70c1976712f5b55d06f503e52caf2413814"


def test_another_process_generates_the_same_bytes():
    """The fingerprint does not depend on the process, whose string hashes are salted anew."""
    program = """
import json, sys
from types import SimpleNamespace
from tasks.simulated.texts import simulate_task
from tasks.task import Limits
card = SimpleNamespace(**json.loads(sys.argv[1]), num_labels=None, num_rows=None, num_test=None, paper=None)
print(simulate_task(card, limits=Limits(max_train=300, max_valid=5, max_test=5), seed=3).fingerprint)
"""
    known = {
        "name": "w",
        "title": "W",
        "metric": "accuracy",
        "class_counts": {"a": 9, "b": 5},
        "mean_chars": 40.0,
    }
    limits = Limits(max_train=300, max_valid=5, max_test=5)
    here = simulate_task(Shape(**known), limits=limits, seed=3)
    command = [sys.executable, "-c", program, json.dumps(known)]
    there = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    assert there == here.fingerprint


def test_seed_and_name_both_count():
    """Another seed or another name gives other texts."""
    limits = Limits(max_train=5, max_valid=5, max_test=5)
    tasks = [
        simulate_task(SKEWED, limits=limits),
        simulate_task(SKEWED, limits=limits, seed=1),
        simulate_task(Shape(name="other", class_counts=SKEWED.class_counts), limits=limits),
    ]
    assert len({tuple(task.train.texts) for task in tasks}) == 3


def test_a_cap_keeps_the_first_examples():
    """Whatever the cap, example i of a split is the same, and so are classes and Bayes accuracy."""
    full = simulate_task(SKEWED, limits=NO_LIMITS)
    capped = simulate_task(SKEWED, limits=Limits(max_train=700, max_valid=1, max_test=257))
    for (texts, labels), (few_texts, few_labels), cap in zip(
        contents(full), contents(capped), (700, 1, 257), strict=True
    ):
        assert (few_texts, few_labels) == (texts[:cap], labels[:cap])
        assert len(few_texts) == cap
    assert capped.labels == full.labels
    assert capped.bayes_accuracy == full.bayes_accuracy


def test_the_splits_are_different_texts():
    """Train, validation and test examples come from streams of their own."""
    task = simulate_task(SKEWED, limits=Limits(max_train=200, max_valid=200, max_test=200))
    train, valid, test = (set(split.texts) for split in (task.train, task.valid, task.test))
    assert len(train | valid | test) == 600


def test_the_task_has_the_cards_shape():
    """Sizes, class names, class shares and mean length are the card's, within sampling error."""
    task = simulate_task(SKEWED, limits=NO_LIMITS)
    assert task.labels == ("fog", "rain", "sun")
    assert (len(task.train), len(task.valid), len(task.test)) == (2560, 320, 320)
    seen = Counter(task.train.labels)
    for label, share in enumerate((0.0625, 0.625, 0.3125)):
        assert seen[label] / 2560 == pytest.approx(share, abs=4 * 0.5 / np.sqrt(2560))
    chars = np.array([len(text) for text in task.train.texts])
    assert chars.mean() == pytest.approx(80, abs=4 * chars.std() / np.sqrt(2560))
    assert chars.std() > 20


def test_the_papers_sizes_come_first():
    """With figures of the paper their sizes and class number count; 80/10/10 is cut the same way."""
    shape = Shape(paper=paper(), mean_chars=None)
    sizes = split_sizes(shape)
    assert (sizes.train, sizes.valid, sizes.test) == (900, 110, 120)
    labels, shares = class_shares(shape)
    assert labels == ("class 000", "class 001", "class 002")
    np.testing.assert_allclose(shares, np.array([6, 3, 2]) / 11)
    economic_news = split_sizes(Shape(class_counts={"no": 6571, "yes": 1420}))
    assert (economic_news.train, economic_news.valid, economic_news.test) == (6392, 799, 800)


@pytest.mark.parametrize("mean_chars", [5.0, 57.0, 205.0, 1903.0])
def test_the_mean_length_is_solved_for(mean_chars: float):
    """The model's expected number of characters is the card's, within a tenth for very short texts."""
    shape = Shape(class_counts={"a": 60, "b": 40}, mean_chars=mean_chars)
    model = word_model(shape, np.array([0.6, 0.4]), 0)
    assert expected_chars(model) == pytest.approx(mean_chars, rel=0.12 if mean_chars < 10 else 0.01)


def test_lengths_are_log_normal_around_their_mean():
    """The median lies below the mean by the factor exp(spread² / 2)."""
    lengths = text_lengths(200.0)
    assert lengths.mean() == pytest.approx(200, rel=0.002)
    assert np.median(lengths) == pytest.approx(200 * np.exp(-0.125), rel=0.01)
    assert text_lengths(0.1).min() == 1


def test_the_bayes_accuracy_lies_near_the_published_accuracy():
    """A paper accuracy of 0.8 gives a stand-in whose best reachable accuracy is within two points of it."""
    task = simulate_task(
        Shape(paper=paper(), mean_chars=None), limits=Limits(max_train=1, max_valid=1, max_test=1)
    )
    assert task.bayes_accuracy == pytest.approx(0.8, abs=0.02)


def test_the_aim_leaves_something_to_learn_and_respects_the_noise():
    """It is at least a tenth above guessing and at most what label noise allows."""
    shares = np.array([0.9, 0.1])
    ceiling = 1 - LABEL_NOISE + LABEL_NOISE * 0.82
    assert aimed_accuracy(shares, 0.5) == pytest.approx(0.9 + 0.1 * (ceiling - 0.9))
    assert aimed_accuracy(shares, 0.95) == 0.95
    assert aimed_accuracy(shares, 1.0) == pytest.approx(ceiling)


def test_it_says_that_it_is_simulated():
    """Status, notes and fingerprint are in the task; card values are passed on."""
    shape = Shape(paper=paper(), metric="f1")
    task = simulate_task(shape, limits=Limits(max_train=3, max_valid=3, max_test=3))
    assert task.data is DataStatus.SIMULATED
    assert (task.name, task.title, task.metric, task.paper) == (shape.name, shape.title, "f1", shape.paper)
    assert "simulated" in task.notes[0]
    assert f"Bayes accuracy {task.bayes_accuracy:.3f}" in task.notes[1]
    assert task.fingerprint == task_fingerprint(task.name, task.labels, (task.train, task.valid, task.test))


def test_a_class_without_examples_still_exists():
    """A count of zero is taken as one: every class can be drawn."""
    labels, shares = class_shares(Shape(class_counts={"a": 9, "b": 0}))
    assert labels == ("a", "b")
    np.testing.assert_allclose(shares, [0.9, 0.1])


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (Shape(), "0 classes"),
        (Shape(class_counts={"only": 50}), "1 classes"),
        (Shape(class_counts={"a": 5, "b": 4}), "9 examples"),
        (Shape(num_labels=2), "0 examples"),
    ],
)
def test_a_card_that_tells_too_little_is_refused(shape: TaskShape, message: str):
    """Without two classes or ten examples there is no shape to simulate, and the message says so."""
    with pytest.raises(DataError, match=f"weather: cannot be simulated with {message}"):
        simulate_task(shape, limits=NO_LIMITS)


def test_the_word_list_is_plain():
    """More than a thousand different lower-case ASCII words, in alphabetical order."""
    words = word_list()
    assert len(words) > 1000
    assert list(words) == sorted(set(words))
    assert all(word.isascii() and word.isalpha() and word.islower() for word in words)


def test_a_card_of_a_suite_can_be_simulated():
    """`TaskCard` has the attributes that the simulation reads."""
    card = TaskCard(
        name="w", suite="s", title="W", text=("text",), label="label", class_counts={"a": 9, "b": 5}
    )
    assert isinstance(card, TaskShape)
    assert len(simulate_task(card, limits=NO_LIMITS).train) == 11
