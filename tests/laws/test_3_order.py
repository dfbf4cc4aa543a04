"""Law 3: a task's parameters depend on run seed, task and recipe, never on its position."""

import pytest

from db import Database
from stream.engine import scheduler
from stream.learning.learner import Learner
from stream.model.backbone.backbone import Backbone
from stream.model.methods.catalogue import sequential
from stream.model.methods.specification import method_named
from tests.tiny_runs import ISOLATED, NAMES, ONE_EPOCH, own_digests, run_tasks, tiny_learner, tiny_task


def digests_by_order(database: Database, learner: Learner) -> list[dict[str, str]]:
    """SHA-256 of own parameters by task name, in two orders of three tasks."""
    tasks = [tiny_task(name, num_labels=2 + i % 2) for i, name in enumerate(NAMES[:3])]
    for run, order in (("forth", tasks), ("round", [tasks[2], tasks[0], tasks[1]])):
        run_tasks(database, learner, order, run=run)
    return [own_digests(database.ledger(run)) for run in ("forth", "round")]


def test_two_orders_give_equal_bytes(database: Database, backbone: Backbone) -> None:
    """Three tasks in two orders: each task's stored bytes are the same, and no two tasks' are."""
    forth, round_ = digests_by_order(database, tiny_learner(backbone))
    assert forth == round_
    assert set(forth) == set(NAMES[:3])
    assert len(set(forth.values())) == 3


@pytest.mark.parametrize("text", ISOLATED)
def test_whatever_came_before_each_method_gives_equal_bytes(
    database: Database, backbone: Backbone, text: str
) -> None:
    """Under each method that shares nothing, a task learned second has the bytes of one learned first."""
    learner = tiny_learner(backbone, method_named(text, adapter_size=4), ONE_EPOCH)
    tasks = [tiny_task(name) for name in NAMES[:2]]
    run_tasks(database, learner, tasks, run="second")
    run_tasks(database, learner, tasks[1:], run="first")
    second, first = (own_digests(database.ledger(run)) for run in ("second", "first"))
    assert second[NAMES[1]] == first[NAMES[1]]


def test_a_seed_by_position_would_be_seen(
    database: Database, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With seeds that follow the position, each task's bytes differ between the orders."""
    monkeypatch.setattr(scheduler.TaskStream, "__getitem__", seeded_by_position)
    forth, round_ = digests_by_order(database, tiny_learner(backbone))
    assert all(forth[name] != round_[name] for name in forth)


def seeded_by_position(stream: scheduler.TaskStream, position: int) -> scheduler.Arrival:
    name = stream.names[position]
    return scheduler.Arrival(position=position, name=name, seed=position, load=lambda: stream.load(name))


def test_a_shared_body_depends_on_the_order(database: Database, backbone: Backbone) -> None:
    """Sequential fine-tuning makes no such promise: its heads differ between the orders."""
    forth, round_ = digests_by_order(database, tiny_learner(backbone, sequential()))
    assert all(forth[name] != round_[name] for name in forth)
