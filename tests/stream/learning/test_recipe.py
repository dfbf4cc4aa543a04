from dataclasses import fields, replace
from typing import Any

import pytest

from stream.learning.recipe import Recipe, recipe_sha256
from tasks.task import PaperFigures, Task
from tests.stream.tiny import tiny_task

COVERS: dict[str, Any] = {
    "task": "fingerprint",
    "seed": 7,
    "method": {"name": "houlsby", "adapter_size": 8, "initial_scale": 1e-2},
    "backbone": "sha",
    "shared": "",
}


def paper_task() -> Task:
    figures = PaperFigures(
        num_train=1,
        num_valid=1,
        num_test=1,
        num_labels=2,
        mean_chars=1.0,
        adapters=0.5,
        fine_tuning=0.5,
        variable_fine_tuning=0.5,
        no_bert=0.5,
        epochs_adapters=50,
        epochs_fine_tuning=20,
    )
    return replace(tiny_task(), paper=figures)


@pytest.mark.parametrize("num_steps", [1, 2, 9, 10, 100, 1234])
def test_schedule(num_steps: int) -> None:
    """The rate rises over the first tenth of the steps to its peak and falls to nearly zero at the end."""
    recipe = Recipe(learning_rate=2e-3)
    rates = [recipe.rate(step, num_steps) for step in range(num_steps)]
    warmup = max(round(num_steps / 10), 1)
    assert all(0 < rate <= 2e-3 for rate in rates)
    assert rates[warmup - 1] == max(rates) == 2e-3
    assert rates[:warmup] == sorted(rates[:warmup])
    assert rates[warmup:] == sorted(rates[warmup:], reverse=True)
    if num_steps > 2:
        assert rates[-1] <= 2e-3 / (num_steps - warmup)


def test_schedule_in_numbers() -> None:
    """Of 20 steps two warm up; step 11 of the remaining 18 has half of the peak."""
    recipe = Recipe(learning_rate=1.0)
    assert [recipe.rate(step, 20) for step in (0, 1, 2, 11, 19)] == [0.5, 1.0, 1.0, 0.5, 1 / 18]


def test_epochs_follow_the_token_budget() -> None:
    """Without a given number, as many epochs as the budget holds, within its bounds."""
    recipe = Recipe(token_budget=1000, min_epochs=2, max_epochs=30)
    task = tiny_task()
    assert recipe.epochs_for(task, 100) == 10
    assert recipe.epochs_for(task, 160) == 6
    assert recipe.epochs_for(task, 5000) == 2
    assert recipe.epochs_for(task, 1) == 30
    assert recipe.epochs_for(task, 0) == 30


def test_a_given_number_of_epochs_wins() -> None:
    """`num_epochs` beats the paper's number, which beats the budget where the task has one."""
    budget = Recipe(token_budget=1000, paper_epochs=True)
    assert budget.epochs_for(paper_task(), 100) == 50
    assert budget.epochs_for(tiny_task(), 100) == 10
    assert replace(budget, paper_epochs=False).epochs_for(paper_task(), 100) == 10
    assert replace(budget, num_epochs=3).epochs_for(paper_task(), 100) == 3


def test_the_hash_covers_every_setting() -> None:
    """Another value of any field of the recipe gives another hash."""
    changed: dict[str, Any] = {
        field.name: not value if isinstance(value, bool) else (value or 0) + 1
        for field in fields(Recipe)
        for value in [getattr(Recipe(), field.name)]
    }
    hashes = {recipe_sha256(replace(Recipe(), **{name: value}), **COVERS) for name, value in changed.items()}
    assert len(hashes | {recipe_sha256(Recipe(), **COVERS)}) == len(fields(Recipe)) + 1


@pytest.mark.parametrize("name", COVERS)
def test_the_hash_covers_data_seed_method_and_backbone(name: str) -> None:
    """Another value of any covered item gives another hash, and so does its absence."""
    plain = recipe_sha256(Recipe(), **COVERS)
    other = {"name": "houlsby", "adapter_size": 16} if name == "method" else "other"
    assert recipe_sha256(Recipe(), **{**COVERS, name: other}) != plain
    assert recipe_sha256(Recipe(), **{k: v for k, v in COVERS.items() if k != name}) != plain


def test_the_hash_is_stable() -> None:
    """Equal recipes give equal hashes, in whatever order the items are named."""
    reverse = dict(reversed(COVERS.items()))
    assert recipe_sha256(Recipe(), **reverse) == recipe_sha256(Recipe(), **COVERS)
    assert len(recipe_sha256(Recipe(), **COVERS)) == 64
