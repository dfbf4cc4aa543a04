from dataclasses import replace

import pytest
import torch

from stream.learning.checkpoints import NoCheckpoints
from stream.learning.evaluation import evaluate, make_plan
from stream.learning.learner import Learned, Learner
from stream.learning.objectives.objective import BY_ACCURACY
from stream.learning.recipe import Recipe
from stream.model.backbone.parameters import NO_PARAMETERS, TaskParameters
from stream.model.methods.bottleneck import houlsby
from stream.model.methods.catalogue import sequential
from stream.model.methods.method import Method
from tasks import open_suite
from tasks.task import MAIN_SPLIT, Split, Task, TaskKind, TrainingOverrides
from tests.stream.learning.jobs import RECIPE, Watcher
from tests.stream.tiny import TINY, tiny_backbone, tiny_task

BACKBONE = tiny_backbone()


def learner(method: Method | None = None, recipe: Recipe = RECIPE) -> Learner:
    return Learner(
        backbone=BACKBONE,
        backbone_sha256=BACKBONE.fingerprint(),
        method=method or houlsby(4),
        recipe=replace(recipe, num_epochs=1),
    )


def learned(
    who: Learner,
    *,
    task: Task | None = None,
    position: int = 0,
    seed: int = 5,
    shared: TaskParameters = NO_PARAMETERS,
) -> Learned:
    made = task or tiny_task()
    return who.learn(
        who.prepare(made),
        seed=seed,
        position=position,
        shared=shared,
        checkpoints=NoCheckpoints(),
        observer=Watcher().observer,
    )


def test_an_isolated_method_gives_own_tensors_only() -> None:
    """Adapters, layer norms and head come back as the task's own; nothing is shared."""
    result = learned(learner())
    assert set(result.own) == {site.name for site in houlsby(4).sites(TINY, 2)}
    assert not result.shared
    assert result.num_trained == result.own.num_parameters
    assert result.notes == ()


def test_sequentials_body_comes_back_as_shared() -> None:
    """The body is a new version of the stream's tensors, the head the task's own."""
    first = learned(learner(sequential()))
    assert set(first.own) == {"head.weight", "head.bias"}
    assert set(first.shared) == set(BACKBONE.tensors)
    second = learned(learner(sequential()), seed=6, position=1, shared=first.shared)
    assert first.shared.to_bytes() != second.shared.to_bytes()
    from_start = learned(learner(sequential()), seed=6, position=1)
    assert from_start.shared.to_bytes() != second.shared.to_bytes()


def test_position_decides_nothing() -> None:
    """A task learned at another position has equal bytes, evaluation and recipe (law 3)."""
    first, later = learned(learner()), learned(learner(), position=7)
    assert first.own.to_bytes() == later.own.to_bytes()
    assert first.evaluation.logits_sha256 == later.evaluation.logits_sha256
    assert first.recipe_sha256 == later.recipe_sha256


def test_restored_tensors_evaluate_to_the_same_digest() -> None:
    """Tensors read back from their bytes give the digest that the tensors in memory gave."""
    who, task = learner(), tiny_task()
    result = learned(who, task=task)
    tokens = who.prepare(task).tests[MAIN_SPLIT]
    restored = TaskParameters.from_bytes(result.own.to_bytes())
    plan = make_plan(tokens, BACKBONE)
    evaluation = evaluate(BACKBONE, restored, tokens, scoring=BY_ACCURACY, plan=plan)
    assert evaluation.logits_sha256 == result.evaluation.logits_sha256
    assert evaluation.predictions == result.evaluation.predictions
    assert plan == result.tests[MAIN_SPLIT].plan


def test_learning_leaves_the_backbone_alone() -> None:
    """After learning with either method the backbone's fingerprint is what it was (law 7)."""
    for method in (houlsby(4), sequential()):
        who = learner(method)
        learned(who)
        assert BACKBONE.fingerprint() == who.backbone_sha256


def test_cut_texts_are_told_as_a_fraction() -> None:
    """The fraction of cut texts is over the training split."""
    train = Split(texts=["ba " * 30, "be", "bi", "bo"], labels=[0, 1, 0, 1])
    prepared = learner().prepare(replace(tiny_task(), train=train))
    assert prepared.truncated_fraction == 0.25


def test_texts_are_no_longer_than_the_backbone_has_positions() -> None:
    """A maximal length beyond the backbone's positions is bounded by them."""
    assert learner(recipe=replace(RECIPE, max_length=500)).max_length(tiny_task()) == TINY.max_positions
    assert learner(recipe=replace(RECIPE, max_length=12)).max_length(tiny_task()) == 12


def test_the_recipes_identity_covers_what_decides_the_bytes() -> None:
    """Another task, seed, method, option, backbone or shared version is another recipe."""
    who, task = learner(), tiny_task()
    body = TaskParameters({"embeddings.word": torch.zeros(2)})
    identities = [
        who.recipe_identity(task, 5),
        who.recipe_identity(tiny_task("other"), 5),
        who.recipe_identity(task, 6),
        who.recipe_identity(task, 5, body),
        learner(houlsby(8)).recipe_identity(task, 5),
        learner(houlsby(4, initial_scale=1e-3)).recipe_identity(task, 5),
        learner(sequential()).recipe_identity(task, 5),
        learner(recipe=replace(RECIPE, learning_rate=1e-4)).recipe_identity(task, 5),
        replace(who, backbone_sha256="another").recipe_identity(task, 5),
        replace(who, backbone=tiny_backbone(dtype=torch.bfloat16)).recipe_identity(task, 5),
    ]
    assert len(set(identities)) == len(identities)
    assert who.recipe_identity(task, 5, NO_PARAMETERS) == identities[0]
    assert learned(who, task=task).recipe_sha256 == identities[0]


def test_the_papers_epochs_are_part_of_the_recipe_where_they_decide() -> None:
    """Another number in Table 4 is another training under `paper_epochs`, and the same one without."""
    card = next(card for card in open_suite("additional17").cards if card.name == "airline")
    assert card.paper is not None
    once = replace(tiny_task(), paper=card.paper)
    twice = replace(tiny_task(), paper=replace(card.paper, epochs_adapters=2 * card.paper.epochs_adapters))
    by_paper, by_budget = learner(recipe=replace(RECIPE, paper_epochs=True)), learner()
    assert by_paper.recipe_identity(once, 5) != by_paper.recipe_identity(twice, 5)
    assert by_budget.recipe_identity(once, 5) == by_budget.recipe_identity(twice, 5)


def test_threads_are_part_of_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training bytes depend on the number of threads, and so does the identity."""
    before = learner().recipe_identity(tiny_task(), 5)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    assert learner().recipe_identity(tiny_task(), 5) != before


def test_a_task_may_have_a_rate_and_epochs_of_its_own() -> None:
    """What a task's card says of its training goes before the recipe, and tells recipes apart."""
    task = replace(tiny_task(), overrides=TrainingOverrides(num_epochs=1, learning_rate=3e-2))
    who = learner()
    own = who.recipe.for_task(task)
    assert (own.num_epochs, own.learning_rate) == (1, 3e-2)
    assert who.recipe.for_task(tiny_task()) == who.recipe
    assert who.task_data(who.prepare(task)).num_epochs == 1
    assert who.recipe_identity(task, 5) != who.recipe_identity(tiny_task(), 5)


def test_the_loss_of_a_regression_is_part_of_its_identity() -> None:
    """The same task as a regression has another recipe; other kinds have not."""
    task, who = replace(tiny_task(), metric="spearman"), learner()
    regression = replace(task, kind=TaskKind.REGRESSION)
    assert who.recipe_identity(regression, 5) != who.recipe_identity(task, 5)
    assert who.recipe_identity(replace(task, kind=TaskKind.PAIR), 5) == who.recipe_identity(task, 5)
