"""What always answering with the most frequent class gives."""

from dataclasses import replace

import pytest

from stream.learning.objectives.objective import scoring_of
from stream.study.ablation.work import majority_value
from tasks.task import Split, Task
from tests.stream.tiny import tiny_tokenizer
from tests.tiny_runs import scored_task, span_task, tiny_task


def value_of(task: Task) -> float | None:
    """The majority value of a task, its validation split tokenised as a study does."""
    scoring = scoring_of(task)
    tokens = scoring.objective.encode(tiny_tokenizer(), task.valid, max_length=24).tokens
    return majority_value(task, scoring, tokens)


def labelled(train: list[int], valid: list[int], metric: str = "accuracy") -> Task:
    """A task whose splits have these labels."""

    def split(labels: list[int]) -> Split:
        return Split(texts=["ba be"] * len(labels), labels=labels)

    return replace(tiny_task("a"), train=split(train), valid=split(valid), metric=metric)


def test_the_class_is_frequent_in_training_and_judged_on_validation() -> None:
    """Class 1 leads in training and is a quarter of validation; of equally frequent ones it is the first."""
    assert value_of(labelled([1, 1, 0], [0, 0, 0, 1])) == 0.25
    assert value_of(labelled([0, 1], [0, 0, 0, 1])) == 0.75


def test_the_metric_is_the_tasks_own() -> None:
    """F1 of always positive is 2p / (1 + p); Matthews' correlation of a constant is 0."""
    assert value_of(labelled([1, 1, 0], [0, 0, 0, 1], "f1")) == pytest.approx(2 * 0.25 / 1.25)
    assert value_of(labelled([1, 1, 0], [0, 0, 0, 1], "matthews")) == 0.0


@pytest.mark.parametrize("make", [scored_task, span_task])
def test_without_classes_there_is_none(make: object) -> None:
    """Scores and spans have no most frequent class."""
    assert value_of(make("doors")) is None  # type: ignore[operator]
