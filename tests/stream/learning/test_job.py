"""Jobs that hold several tasks: which epoch passes over which task, and whose head learns."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from stream.learning import training
from stream.learning.checkpoints import NoCheckpoints
from stream.learning.job import TaskData, TrainingJob
from stream.learning.training import Trained, train
from stream.model.encoder.encoder import encode
from stream.model.encoder.packing import Batch
from stream.model.methods.bottleneck import houlsby
from stream.model.methods.method import fresh_parameters, head_sites
from tests.stream.learning.jobs import RECIPE, KeptCheckpoints, Stopped, Watcher, tokens_of
from tests.stream.tiny import TINY, tiny_backbone, tiny_task

BACKBONE = tiny_backbone()
SIZES = (24, 11)
"""Training examples of the two tasks: three steps an epoch, and two."""
LABELS = (2, 3)


def joint_job(*num_epochs: int) -> TrainingJob:
    """Two tasks over one body of adapters, each with a head of its own."""
    heads = [
        replace(site, name=site.name.replace("head.", f"head.{i}."))
        for i, num_labels in enumerate(LABELS)
        for site in head_sites(TINY, num_labels)
    ]
    sites = (*houlsby(4).body(TINY), *heads)
    return TrainingJob(
        backbone=BACKBONE,
        sites=sites,
        start=fresh_parameters(sites, BACKBONE, {}, 0),
        data=[part(i, epochs) for i, epochs in enumerate(num_epochs)],
        recipe=RECIPE,
        seed=0,
        recipe_sha256="recipe",
        position=0,
    )


def part(i: int, num_epochs: int) -> TaskData:
    task = tiny_task(num_train=SIZES[i], num_labels=LABELS[i])
    return TaskData(
        train=tokens_of(BACKBONE, task.train),
        valid=tokens_of(BACKBONE, task.valid),
        num_epochs=num_epochs,
        head=f"head.{i}",
    )


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, list[int]]]:
    """(task, examples) of every step that is taken."""
    steps: list[tuple[int, list[int]]] = []
    take_step = training._Training._take_step

    def recorded(self: training._Training, examples: training.TrainingBatch) -> None:
        steps.append((examples.part, examples.indices.tolist()))
        take_step(self, examples)

    monkeypatch.setattr(training._Training, "_take_step", recorded)
    return steps


@pytest.mark.parametrize("longest", range(1, 13))
def test_epochs_are_spread_evenly(longest: int) -> None:
    """A task passes through all of its epochs in order, at even distances, as idle before as after them."""
    for few in range(1, longest + 1):
        job = joint_job(longest, few)
        found = [
            (epoch, own) for epoch in range(job.num_epochs) for i, _, own in job.taking_part(epoch) if i == 1
        ]
        assert [own for _, own in found] == list(range(few))
        distances = {b - a for (a, _), (b, _) in pairwise(found)}
        assert max(distances, default=0) - min(distances, default=0) <= 1
        idle_before, idle_after = found[0][0], longest - 1 - found[-1][0]
        assert abs(idle_before - idle_after) <= 1


def test_the_longest_task_takes_part_in_each_epoch() -> None:
    """The job has the epochs of the task with most, whichever comes first."""
    job = joint_job(2, 5)
    assert job.num_epochs == 5
    assert [own for epoch in range(5) for i, _, own in job.taking_part(epoch) if i == 1] == list(range(5))


def test_steps_are_counted_over_the_tasks_that_take_part() -> None:
    """24 and 11 examples in batches of 8 are three and two steps; the second sits out every other epoch."""
    assert joint_job(4, 2).first_steps == (0, 5, 8, 13, 16)
    assert joint_job(1).first_steps == (0, 3)


def test_each_batch_comes_from_one_task(taken: list[tuple[int, list[int]]]) -> None:
    """Every epoch takes each example of its tasks once, batches of the tasks mixed."""
    job = joint_job(4, 2)
    train(job, NoCheckpoints(), Watcher().observer)
    assert len(taken) == job.first_steps[-1]
    for epoch in range(4):
        steps = taken[job.first_steps[epoch] : job.first_steps[epoch + 1]]
        for i in range(2):
            examples = sorted(e for task, batch in steps for e in batch if task == i)
            takes_part = i in {j for j, _, _ in job.taking_part(epoch)}
            assert examples == (list(range(SIZES[i])) if takes_part else [])
    orders = {tuple(task for task, _ in taken[start : start + 5]) for start in (0, 8)}
    assert not orders <= {(0, 0, 0, 1, 1), (1, 1, 0, 0, 0)}


def test_batches_of_a_task_do_not_depend_on_the_others(taken: list[tuple[int, list[int]]]) -> None:
    """A task's batches are those it would have alone, in its own epochs."""
    train(joint_job(2, 2), NoCheckpoints(), Watcher().observer)
    together = [batch for task, batch in taken if task == 0]
    taken.clear()
    train(joint_job(2), NoCheckpoints(), Watcher().observer)
    assert sorted(together) == sorted(batch for _, batch in taken)


def test_each_task_is_served_with_its_own_head() -> None:
    """The logits of a task reach the body and its own head, not the other one."""
    job = joint_job(1, 1)
    tensors = {name: tensor.clone().requires_grad_() for name, tensor in job.start.items()}
    batch = Batch(token_ids=torch.tensor([[2, 30, 41, 3]]), lengths=torch.tensor([4]))
    for i, data in enumerate(job.data):
        logits = encode(BACKBONE, data.served(tensors), batch)
        assert logits.shape == (1, LABELS[i])
        gradients = torch.autograd.grad(logits.square().sum(), list(tensors.values()), allow_unused=True)
        unreached = {name for name, g in zip(tensors, gradients, strict=True) if g is None}
        assert unreached == {f"head.{1 - i}.weight", f"head.{1 - i}.bias"}


def test_a_job_of_one_task_serves_what_it_holds() -> None:
    """Where the head goes by its plain name the tensors are handed on as they are."""
    data = replace(part(0, 1), head="head")
    tensors = {"head.weight": torch.zeros(2, 32)}
    assert data.served(tensors) is tensors


def essence(result: Trained) -> tuple[object, ...]:
    return result.values.to_bytes(), result.best_epoch, result.valid, result.num_trained


def test_all_heads_learn_and_are_kept() -> None:
    """The result holds the body and every head, each of them changed."""
    job = joint_job(2, 1)
    values = train(job, NoCheckpoints(), Watcher().observer).values
    assert set(values) == {site.name for site in job.sites}
    assert not [name for name, value in values.items() if torch.equal(value, job.start[name])]


def accuracy(data: TaskData, result: Trained) -> float:
    """Share of the task's validation texts that the result gets right."""
    tokens = data.valid
    batch = tokens.batch(torch.arange(len(tokens)), int(tokens.lengths.max()))
    predicted = encode(BACKBONE, data.served(result.values), batch).argmax(1)
    return float((predicted == tokens.labels).double().mean())


def test_validation_is_the_mean_over_the_tasks() -> None:
    """An epoch's validation is the mean of the tasks' metrics; its tokens are those of the tasks in it."""
    job, watcher = joint_job(2, 1), Watcher()
    result = train(job, NoCheckpoints(), watcher.observer)
    assert result.valid == pytest.approx(sum(accuracy(data, result) for data in job.data) / 2)
    tokens = [data.train.num_tokens for data in job.data]
    assert [epoch.num_tokens for epoch in watcher.epochs] == [sum(tokens), tokens[0]]


@pytest.mark.parametrize("step", [1, 4, 7, 9])
def test_stopped_in_the_middle(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job of several tasks taken up again after any step ends with the straight one's bytes and epochs."""
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    straight, watcher = train(joint_job(3, 2), NoCheckpoints(), Watcher().observer), Watcher()
    checkpoints, before = KeptCheckpoints(stop_after=step), Watcher()
    with pytest.raises(Stopped):
        train(joint_job(3, 2), checkpoints, before.observer)
    assert essence(train(joint_job(3, 2), checkpoints, watcher.observer)) == essence(straight)
    assert [epoch.epoch for epoch in before.epochs + watcher.epochs] == [0, 1, 2]


def test_the_best_epoch_comes_after_all_tasks_took_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Although validation only falls, the kept epoch is the first one that leaves no head untrained."""
    values = iter([0.9, 0.8, 0.7, 0.6, 0.5])
    monkeypatch.setattr(training._Training, "_validate", lambda self: (next(values), 1.0))
    job = replace(joint_job(5, 1), recipe=replace(RECIPE, patience=1))
    assert job.first_whole_epoch == 2
    result = train(job, NoCheckpoints(), Watcher().observer)
    assert (result.best_epoch, result.valid) == (2, 0.7)
    assert next(values) == 0.5  # one epoch without a better one was waited for
