"""The plan beside what a run counts: the same numbers for every method of the catalogue."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from db import Database
from db.records import Owner, Regime
from stream.display import QuietDisplay
from stream.engine.joint import learn_jointly
from stream.engine.simulator import simulate
from stream.learning.recipe import Recipe
from stream.model.backbone.backbone import Backbone
from stream.model.methods.family import METHODS
from stream.model.methods.specification import method_named
from stream.plan.expected import ExpectedTask
from stream.plan.work import StreamPlan, plan_stream
from stream.results.growth import GrowthPoint
from stream.results.run_results import RunResults
from tasks.splits import SplitSizes
from tasks.task import Task
from tests.stream.tiny import tiny_backbone
from tests.tiny_runs import start_run, tiny_learner, tiny_stream, tiny_task

RECIPE = Recipe(learning_rate=1e-3, num_epochs=2, batch_size=20, max_length=16)
NO_TENSORS = "no-bert"
"""Trains no tensors, so there is nothing to plan."""
VARIANTS = (
    *(name for name in METHODS if name != NO_TENSORS),
    *("fine-tune:1", "houlsby:7:deep:norm", "houlsby:placement=attention:layers=1", "adapter-l:parallel"),
    *("lora:rank=2", "prefix:length=3:hidden=5"),
)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return tiny_backbone()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An empty database as a file's content: migrating costs more than a tiny run."""
    file = tmp_path_factory.mktemp("empty") / "runs.db"
    Database.open(f"sqlite:///{file}").close()
    return file.read_bytes()


@pytest.fixture
def database(empty: bytes, tmp_path: Path) -> Iterator[Database]:
    (tmp_path / "runs.db").write_bytes(empty)
    with Database.open(f"sqlite:///{tmp_path / 'runs.db'}") as opened:
        yield opened


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    """Two tasks with different numbers of classes and test examples."""
    return [tiny_task("birds", num_test=10), tiny_task("clouds", num_labels=3, first=4, num_test=12)]


def plan_of(tasks: list[Task], backbone: Backbone, method: str) -> StreamPlan:
    expected = [
        ExpectedTask(
            name=task.name,
            num_labels=len(task.labels),
            sizes=SplitSizes(num_train=len(task.train), num_valid=len(task.valid), num_test=len(task.test)),
            num_epochs=2,
        )
        for task in tasks
    ]
    made = method_named(method, adapter_size=4)
    return plan_stream(backbone.architecture, made, expected, batch_size=RECIPE.batch_size)


def run(database: Database, tasks: list[Task], backbone: Backbone, method: str) -> RunResults:
    learner = tiny_learner(backbone, method_named(method, adapter_size=4), RECIPE)
    loop = learn_jointly if learner.method.regime is Regime.JOINT else simulate
    stream = tiny_stream(tasks)
    return loop(stream, learner, start_run(database, learner, stream.names), QuietDisplay())


def without_bytes(point: GrowthPoint) -> GrowthPoint:
    return replace(point, task_bytes=0, total_bytes=0)


@pytest.mark.parametrize("method", VARIANTS)
def test_plan_and_run_count_the_same(
    method: str, tasks: list[Task], backbone: Backbone, database: Database
) -> None:
    """Parameters by kind, totals, growth and trained fraction of each arrival are those of the run."""
    plan, results = plan_of(tasks, backbone, method), run(database, tasks, backbone, method)
    planned = [arrival.size for arrival in plan.arrivals]
    assert len(planned) == 2
    assert [without_bytes(point) for point in planned] == [
        without_bytes(point) for point in results.growth.points
    ]
    assert plan.num_reevaluated == sum(entry.num_examples for entry in results.comparisons)


def test_stored_bytes_are_the_plans_and_headers(
    tasks: list[Task], backbone: Backbone, database: Database
) -> None:
    """A stored blob is longer than planned by its header, whose length its first eight bytes say."""
    plan, results = plan_of(tasks, backbone, "houlsby"), run(database, tasks, backbone, "houlsby")
    ledger = database.ledger("tiny")
    for planned, counted in zip(plan.arrivals, results.growth.points, strict=True):
        content = ledger.parameters_content(planned.position, Owner.OWN)
        header = 8 + int.from_bytes(content[:8], "little")
        assert counted.task_bytes - planned.size.task_bytes == header


def test_every_method_is_compared() -> None:
    """A method that is added to the catalogue is compared too, without anyone thinking of it."""
    assert {variant.split(":")[0] for variant in VARIANTS} | {NO_TENSORS} == set(METHODS)
