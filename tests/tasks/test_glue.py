"""The suite glue: real files as their provenance counts them, stand-ins of every kind without."""

import os
from pathlib import Path

import pytest

from tasks import DataMode, Limits, Task, load_task, open_suite
from tasks.task import TaskKind

NAMES = ("cola", "sst-2", "mrpc", "sts-b", "qqp", "mnli", "qnli", "rte")
"""The order of the paper's Table 1."""
SIZES = {
    "cola": (8551, 1043), "sst-2": (67349, 872), "mrpc": (3668, 408), "sts-b": (5749, 1500),
    "qqp": (21393, 7598), "mnli": (3000, 9246), "qnli": (13928, 5463), "rte": (2490, 277),
}  # fmt: skip
"""Rows of the training file and of the dev set, as the files' provenance has them."""
at_hand = pytest.mark.skipif(not os.environ.get("STREAM_DATA"), reason="STREAM_DATA is not set")
FEW = Limits(max_train=60, max_valid=20, max_test=30)


def real(name: str, suite: str = "glue") -> Task:
    """The task from its real files."""
    (card,) = open_suite(suite).select([name]).cards
    return load_task(card, home=Path(os.environ["STREAM_DATA"]), mode=DataMode.REAL)


def stand_in(name: str) -> Task:
    """The task as it is simulated."""
    (card,) = open_suite("glue").select([name]).cards
    return load_task(card, mode=DataMode.SIMULATED, limits=FEW)


def test_the_tasks_arrive_in_the_papers_order():
    """Eight tasks, WNLI left out; each has GLUE's metric and the paper's figures apart from Table 2."""
    cards = open_suite("glue").cards
    assert tuple(card.name for card in cards) == NAMES
    assert [card.metric for card in cards] == [
        "matthews", "accuracy", "f1", "spearman", "f1", "accuracy", "accuracy", "accuracy",
    ]  # fmt: skip
    assert all(card.paper is None and card.published is not None for card in cards)


def test_the_papers_nine_columns_are_there():
    """Three rows of figures for each of the nine columns: MNLI has two, its test splits."""
    published = {card.name: card.published.splits for card in open_suite("glue").cards}
    assert sum(len(splits) for splits in published.values()) == 9
    assert all(len(figures) == 3 for splits in published.values() for figures in splits.values())
    assert published["mnli"]["mismatched"]["adapters, 64"] == 0.846
    assert published["cola"]["test"] == {
        "adapters, best of 8 to 256": 0.595,
        "adapters, 64": 0.569,
        "fine-tuning": 0.605,
    }


@at_hand
@pytest.mark.real_data
@pytest.mark.parametrize("name", NAMES)
def test_the_real_files_are_read_whole(name: str):
    """Train and validation are cut from the training file, the dev set is the test split, no row is lost."""
    task = real(name)
    assert (len(task.train) + len(task.valid), len(task.test)) == SIZES[name]
    assert len(task.valid) == SIZES[name][0] - 8 * SIZES[name][0] // 9
    assert not [note for note in task.notes if "expects" in note or "differ" in note or "pinned" in note]
    assert task.data == ("partial" if name in ("qqp", "mnli", "qnli") else "real")


@at_hand
@pytest.mark.real_data
def test_what_is_no_glue_result_says_so():
    """Partial and derived data carry the sentence wherever their notes are shown."""
    for name in ("qqp", "mnli", "qnli"):
        assert any(note.startswith("not a GLUE result") for note in real(name).notes)
    assert any("DERIVED" in note for note in real("qnli").notes)


@at_hand
@pytest.mark.real_data
def test_scores_and_classes_are_those_of_the_files():
    """STS-B's scores lie in 0 to 5, and MRPC's dev set has 279 paraphrases, the positive class."""
    scores = real("sts-b")
    assert scores.kind is TaskKind.REGRESSION
    assert (min(scores.test.labels), max(scores.test.labels)) == (0.0, 5.0)
    mrpc = real("mrpc")
    assert mrpc.labels[1] == "equivalent"
    assert sum(mrpc.test.labels) == 279


@at_hand
@pytest.mark.real_data
def test_both_dev_sets_of_mnli_are_evaluated():
    """The matched one is the main test split, the mismatched one a further one."""
    assert {name: len(split) for name, split in real("mnli").tests.items()} == {
        "test": 9246,
        "mismatched": 1000,
    }


@at_hand
@pytest.mark.real_data
@pytest.mark.parametrize(("name", "num_test"), [("sst-2", 1821), ("mrpc", 1725), ("sts-b", 1379)])
def test_labelled_test_files_can_be_asked_for(name: str, num_test: int):
    """The suite glue-labelled trains on the same rows and tests on the labelled files."""
    other, own = real(name, "glue-labelled"), real(name)
    assert len(other.test) == num_test
    assert (other.train.texts, other.valid.texts) == (own.train.texts, own.valid.texts)
    assert any("labelled test file" in note for note in other.notes)


@pytest.mark.parametrize("name", NAMES)
def test_every_task_has_a_stand_in_of_its_kind(name: str):
    """Without files: same kind, classes, splits and metric, both segments of pairs, and marked simulated."""
    task, (card,) = stand_in(name), open_suite("glue").select([name]).cards
    assert task.data == "simulated"
    assert (task.kind, task.metric, task.secondary) == (card.kind, card.metric, card.secondary)
    assert set(task.tests) == {"test", *card.tests}
    assert (len(task.train), len(task.valid), len(task.test)) == (60, 20, 30)
    assert (task.train.pairs is not None) == (len(card.text) == 2)
    assert set(task.labels) == set(card.class_counts)
    assert "simulated" in task.notes[0]
    assert stand_in(name).fingerprint == task.fingerprint


def test_a_simulated_regression_has_scores_in_its_range():
    """Scores on levels from the least to the largest; no accuracy is claimed to be reachable."""
    task = stand_in("sts-b")
    assert set(task.train.labels) <= {0.0, 1.0, 2.0, 3.0, 4.0, 5.0}
    assert len(set(task.train.labels)) > 3
    assert (task.labels, task.score_range, task.bayes_accuracy) == ((), (0.0, 5.0), None)


def test_the_positive_class_of_a_stand_in_is_class_one():
    """F1 is about class 1, whatever the names sort to."""
    assert stand_in("mrpc").labels == ("not_equivalent", "equivalent")
