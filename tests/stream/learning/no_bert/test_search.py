import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import RidgeClassifier, SGDClassifier
from threadpoolctl import threadpool_info, threadpool_limits

from stream.errors import UserError
from stream.learning.no_bert import pipelines
from stream.learning.no_bert import search as no_bert
from stream.learning.no_bert.budget import SearchBudget
from stream.learning.no_bert.pipelines import Family
from stream.learning.no_bert.search import search_pipelines
from tasks.task import Split, Task
from tests.stream.tiny import tiny_task

FEW = SearchBudget(num_candidates=4)
MORE = SearchBudget(num_candidates=10)
"""Enough for both of two families to be drawn."""


def made_task(
    train: Sequence[tuple[str, int]],
    valid: Sequence[tuple[str, int]] | None = None,
    *,
    num_labels: int = 2,
    metric: str = "accuracy",
) -> Task:
    """A task of these rows; what validates (or trains) also tests."""

    def split(rows: Sequence[tuple[str, int]]) -> Split:
        return Split(texts=[text for text, _ in rows], labels=[label for _, label in rows])

    judged = split(valid or train)
    task = tiny_task(num_labels=num_labels)
    return replace(task, train=split(train), valid=judged, test=judged, metric=metric)


def noisy_task(num_rows: int = 240, num_labels: int = 3) -> Task:
    """Every second text holds its class's word, the others say nothing."""
    generator = np.random.default_rng(5)
    words = [f"w{i}" for i in range(40)]

    def rows(count: int) -> list[tuple[str, int]]:
        labels = generator.integers(num_labels, size=count).tolist()
        hints = [f"hint{label}" if generator.random() < 0.5 else "" for label in labels]
        return [
            (f"{' '.join(generator.choice(words, 6))} {hint}", label)
            for hint, label in zip(hints, labels, strict=True)
        ]

    return made_task(rows(num_rows), rows(60), num_labels=num_labels)


@pytest.fixture
def only(monkeypatch):
    """Leave these families only."""

    def leave(families: Mapping[str, Family]) -> None:
        for module in (no_bert, pipelines):
            monkeypatch.setattr(module, "FAMILIES", MappingProxyType(dict(families)))

    return leave


def family(build) -> Family:
    return Family(parameter="alpha", low=0.1, high=1.0, build=build)


def test_a_task_that_words_decide_is_solved():
    """Where each class has its own word, every test row is right and nothing needs saying."""
    task = tiny_task(num_labels=3, num_train=60)
    found = search_pipelines(task, budget=FEW, seed=0)
    assert found.scores["test"].shape == (10, 3)
    assert found.scores["test"].dtype == np.float32
    assert found.scores["test"].argmax(1).tolist() == list(task.test.labels)
    assert (found.valid, found.notes) == (1.0, ())


def test_equal_calls_give_equal_scores():
    """The same task, budget and seed give the same winner and the same bytes, the clock aside."""
    first, second = (search_pipelines(noisy_task(), budget=FEW, seed=2**63 - 1) for _ in range(2))
    assert first.scores["test"].tobytes() == second.scores["test"].tobytes()
    assert first.description == second.description
    assert (first.valid, first.num_fits) == (second.valid, second.num_fits)


def test_the_seed_decides_what_is_tried():
    """Two seeds draw different candidates."""
    first, second = (search_pipelines(noisy_task(), budget=FEW, seed=seed) for seed in (1, 2))
    assert first.description != second.description


def test_the_winner_is_written_down():
    """The description survives JSON and is in order; it names family, view and the family's own number."""
    found = search_pipelines(noisy_task(), budget=FEW, seed=3)
    assert json.loads(json.dumps(found.description)) == found.description
    assert list(found.description) == sorted(found.description)
    number = pipelines.FAMILIES[str(found.description["family"])].parameter
    assert set(found.description) == {"family", "view", "min_df", "sublinear_tf", number}


def test_every_fit_is_counted(only):
    """240 rows: 7 candidates on 120 and 4 on 240 rows, and the winner once more, make 12 fits."""
    seen = []

    def build(number, seed, size):
        seen.append(size.num_rows)
        return RidgeClassifier(alpha=number)

    only({"ridge": family(build)})
    found = search_pipelines(noisy_task(), budget=SearchBudget(num_candidates=7, factor=2), seed=0)
    assert seen == [120] * 7 + [240] * 4 + [240]
    assert (found.num_candidates, found.num_fits) == (7, 12)


def test_the_better_family_wins(only):
    """Between guesses and a linear model, the linear model is found."""
    guess = family(lambda number, seed, size: DummyClassifier(strategy="uniform", random_state=seed))
    only({"guess": replace(guess, has_margins=False), "ridge": pipelines.FAMILIES["ridge"]})
    found = search_pipelines(noisy_task(), budget=MORE, seed=0)
    assert found.description["family"] == "ridge"
    assert found.valid > 0.55


def test_the_test_split_plays_no_part_in_the_search():
    """Other test texts and labels change neither the winner nor its validation metric."""
    task = noisy_task()
    other = replace(task, test=Split(texts=["hint0"] * 4, labels=[0] * 4))
    first, second = (search_pipelines(each, budget=FEW, seed=4) for each in (task, other))
    assert (first.description, first.valid) == (second.description, second.valid)
    assert second.scores["test"].shape == (4, 3)


def test_validation_rows_are_not_trained_on():
    """With one candidate there is nothing to choose, and other validation rows change no score."""
    task = noisy_task()
    other = replace(task, valid=Split(texts=["hint0 hint1 new"] * 9, labels=[2] * 9))
    one = SearchBudget(num_candidates=1)
    first, second = (search_pipelines(each, budget=one, seed=4) for each in (task, other))
    assert first.scores["test"].tobytes() == second.scores["test"].tobytes()
    assert first.valid != second.valid


def test_a_task_is_judged_by_its_own_metric(only):
    """Where one family is more accurate and the other has the better macro F1, the metric decides."""
    majority = family(lambda number, seed, size: DummyClassifier(strategy="most_frequent"))
    only({"majority": replace(majority, has_margins=False), "ridge": pipelines.FAMILIES["ridge"]})
    rows = [("a", 0)] * 30 + [("b", 1)] * 12
    judges = [("a", 0)] * 10 + [("b", 0)] * 3 + [("b", 1)] * 2
    winners = {}
    for metric in ("accuracy", "macro_f1"):
        found = search_pipelines(made_task(rows, judges, metric=metric), budget=MORE, seed=0)
        winners[metric] = found.description["family"], found.valid
    assert winners == {
        "accuracy": ("majority", pytest.approx(13 / 15)),
        "macro_f1": ("ridge", pytest.approx((20 / 23 + 4 / 7) / 2)),
    }


def test_second_segments_are_read():
    """Where only the second segment tells the class, it is learnt."""
    rows = [("the same text", i % 2) for i in range(24)]
    task = made_task(rows)
    pairs = [("yes", "no")[label] for _, label in rows]
    splits = {name: replace(task.train, pairs=pairs) for name in ("train", "valid", "test")}
    assert search_pipelines(replace(task, **splits), budget=FEW, seed=0).valid == 1.0


@pytest.mark.parametrize("num_rows", [1, 2, 20])
def test_a_class_with_a_single_row_is_no_obstacle(num_rows):
    """Tiny tasks, one row of one class among them, give finite scores."""
    rows = [("rare", 1)] + [(f"common {i % 3}", 0) for i in range(num_rows - 1)]
    found = search_pipelines(made_task(rows), budget=FEW, seed=0)
    assert found.scores["test"].shape == (num_rows, 2)
    assert np.isfinite(found.scores["test"]).all()


@pytest.mark.parametrize("name", pipelines.FAMILIES)
def test_every_family_copes_with_24_rows_of_15_classes(only, name):
    """More classes than half the rows warn of nothing, and every class is scored."""
    only({name: pipelines.FAMILIES[name]})
    rows = [(f"word{i % 15} and more", i % 15) for i in range(24)]
    found = search_pipelines(made_task(rows, num_labels=15), budget=SearchBudget(num_candidates=2), seed=0)
    assert np.isfinite(found.scores["test"]).all()


def test_texts_without_a_word_are_answered_with_the_most_frequent_class():
    """Empty and blank texts leave nothing to learn from, and a note says so."""
    found = search_pipelines(made_task([("", 1), (" ", 1), ("", 0)] * 7), budget=FEW, seed=0)
    assert found.description == {"family": "most frequent class"}
    assert found.scores["test"].argmax(1).tolist() == [1] * 21
    assert "the most frequent class is predicted" in found.notes[0]


def test_some_empty_texts_are_no_obstacle():
    """Rows without text are classified beside the others."""
    rows = [("good", 1), ("bad", 0), ("", 1), ("ugly", 0)] * 6
    found = search_pipelines(made_task(rows), budget=FEW, seed=0)
    assert found.valid >= 0.75
    assert found.notes == ()


def test_a_class_missing_in_training_is_scored_last_and_named():
    """A class that no training row has gets a finite score below all others."""
    rows = [("left", 0), ("right", 2)] * 12
    found = search_pipelines(made_task(rows, [*rows, ("middle", 1)], num_labels=4), budget=FEW, seed=0)
    assert (found.scores["test"].argmin(1) == 1).all()
    assert (found.scores["test"][:, 1] == found.scores["test"][:, 3]).all()
    assert np.isfinite(found.scores["test"]).all()
    assert found.notes == ("2 of 4 classes are not in the training split",)


def test_one_class_in_training_is_predicted():
    """With a single class there is nothing to learn, and both notes say so."""
    found = search_pipelines(made_task([("a b", 1), ("c d", 1)] * 5), budget=FEW, seed=0)
    assert found.scores["test"].argmax(1).tolist() == [1] * 10
    assert [note.split()[0] for note in found.notes] == ["nothing", "1"]


def test_a_fit_that_did_not_converge_is_noted(only):
    """The winner's unfinished optimisation is told; that of other candidates is not."""
    only({"hasty": family(lambda number, seed, size: SGDClassifier(alpha=number, max_iter=1, tol=1e-9))})
    found = search_pipelines(noisy_task(), budget=FEW, seed=0)
    assert len(found.notes) == 1
    assert "Maximum number of iteration" in found.notes[0]


def test_a_split_without_rows_is_the_users_mistake():
    """An empty training or validation split is refused in one sentence."""
    task = tiny_task()
    nothing = Split(texts=[], labels=[])
    with pytest.raises(UserError, match="Task tiny has no training examples"):
        search_pipelines(replace(task, train=nothing), budget=FEW, seed=0)
    with pytest.raises(UserError, match="Task tiny has no validation examples"):
        search_pipelines(replace(task, valid=nothing), budget=FEW, seed=0)


def test_no_test_rows_give_no_scores():
    """An empty test split gives an array of no rows."""
    task = replace(tiny_task(), test=Split(texts=[], labels=[]))
    assert search_pipelines(task, budget=FEW, seed=0).scores["test"].shape == (0, 2)


def num_threads() -> list[int]:
    return sorted({library["num_threads"] for library in threadpool_info()})


def test_the_search_has_one_thread_and_the_process_keeps_its_own(only):
    """A process on two threads fits on one, and is back on two afterwards."""
    seen = []

    def build(number, seed, size):
        seen.extend(num_threads())
        return RidgeClassifier(alpha=number)

    only({"ridge": family(build)})
    with threadpool_limits(2):
        search_pipelines(tiny_task(), budget=SearchBudget(num_candidates=1), seed=0)
        assert num_threads() == [2]
    assert seen == [1, 1]


def test_a_small_budget_tries_fewer_and_says_so():
    """A budget of a hundred microseconds tries three of 24 candidates and does not count pieces of words."""
    found = search_pipelines(noisy_task(), budget=SearchBudget(max_seconds=1e-4), seed=0)
    assert found.num_candidates == 3
    assert "character" not in str(found.description["view"])
    assert [note.split(":")[0].split(",")[0] for note in found.notes] == [
        "no pieces of words",
        "3 of 24 candidates",
    ]
