"""Studies on the tiny backbone: what is trained, what is taken over, what is never read."""

from dataclasses import replace
from pathlib import Path

import pytest

from db import Database
from db.records.trials import TrialRecord, TrialStatus
from stream.display import QuietDisplay
from stream.display.protocol import Display
from stream.engine.choosing.grid import study_tasks
from stream.engine.choosing.study_grid import Setting, StudyGrid
from stream.engine.scheduler import task_seed
from stream.errors import StreamError
from stream.model.backbone.backbone import Backbone
from tasks.task import Split, Task
from tests.made_choices import Watching
from tests.tiny_runs import (
    NAMES,
    run_tasks,
    start_run,
    tiny_learner,
    tiny_stream,
    tiny_task,
)

TASKS = [tiny_task(NAMES[0]), tiny_task(NAMES[1])]
GRID = StudyGrid(
    name="size",
    seeds=(0, 1),
    settings=(
        Setting(series="adapters", x=2.0, method="houlsby:size=2", learning_rates=(1e-2,)),
        Setting(series="adapters", x=4.0, method="houlsby:size=4", learning_rates=(1e-2, 1e-3)),
    ),
)
FAILING = StudyGrid(
    name="init-scale",
    seeds=(0,),
    settings=(Setting(series="adapters", x=1e30, method="houlsby:size=2:scale=1e30", learning_rates=(1.0,)),),
)


def study(
    database: Database,
    backbone: Backbone,
    *,
    run: str = "study",
    grid: StudyGrid = GRID,
    display: Display | None = None,
    tasks: list[Task] = TASKS,
) -> tuple[TrialRecord, ...]:
    """Make or continue a study; return its trainings."""
    learner = tiny_learner(backbone)
    names = [task.name for task in tasks]
    ledger = database.ledger(run) if run in database.run_names() else start_run(database, learner, names, run)
    stream = tiny_stream(tasks)
    study_tasks(stream, learner, ledger, display or QuietDisplay(), grid=grid, reuse=True)
    return ledger.trials()


def outcome(trials: tuple[TrialRecord, ...]) -> list[tuple[object, ...]]:
    """What trainings gave, without times and without who trained them."""
    return [(t.position, t.recipe_sha256, t.valid, t.best_epoch, t.sha256, t.status) for t in trials]


def test_every_setting_is_trained_at_each_rate_and_seed(database: Database, backbone: Backbone) -> None:
    """Three pairs of setting and rate, two seeds, two tasks: twelve trainings, seeded as arrivals are."""
    trials = study(database, backbone)
    assert len(trials) == 12 == GRID.num_trainings * 2
    assert {trial.status for trial in trials} == {TrialStatus.FINISHED}
    made = {(t.position, t.method, t.learning_rate, t.seed) for t in trials}
    assert made == {
        (position, method, rate, task_seed(seed, NAMES[position]))
        for position in (0, 1)
        for method, rate in (("houlsby:size=2", 1e-2), ("houlsby:size=4", 1e-2), ("houlsby:size=4", 1e-3))
        for seed in (0, 1)
    }


def test_a_run_of_the_same_recipe_is_not_trained_again(database: Database, backbone: Backbone) -> None:
    """Seed 0 at size 4 and rate 1e-2 was learned by a stream: the study takes its tensors and its history."""
    run_tasks(database, tiny_learner(backbone), TASKS[:1], run="stream")
    watching = Watching()
    trials = study(database, backbone, display=watching, tasks=TASKS[:1])
    sources = {(t.method, t.learning_rate, t.seed): t.source for t in trials}
    assert sources.pop(("houlsby:size=4", 1e-2, task_seed(0, NAMES[0]))) == "stream"
    assert set(sources.values()) == {""}
    stored = database.ledger("stream").parameters(0)[0]
    assert stored.sha256 in {trial.sha256 for trial in trials}
    assert len(watching.epochs) == 5 * 3


@pytest.mark.parametrize("stop_at", [1, 4, 9, 20])
def test_a_study_stopped_anywhere_ends_as_one_that_was_not(
    database: Database, backbone: Backbone, stop_at: int
) -> None:
    """Stopped by Ctrl-C at an event and continued, the trainings and their bytes are the straight study's."""
    with pytest.raises(KeyboardInterrupt):
        study(database, backbone, run="stopped", display=Watching(stop_at=stop_at))
    stopped = outcome(study(database, backbone, run="stopped"))
    learner = tiny_learner(backbone)
    straight = start_run(database, learner, [task.name for task in TASKS], "straight")
    study_tasks(tiny_stream(TASKS), learner, straight, QuietDisplay(), grid=GRID, reuse=False)
    assert stopped == outcome(straight.trials())


def test_a_finished_study_trains_nothing_more(database: Database, backbone: Backbone) -> None:
    """The second time no task is even loaded."""
    first = study(database, backbone)

    def refuse(name: str) -> Task:
        raise AssertionError(f"{name} was loaded")

    stream = replace(tiny_stream(TASKS), load=refuse)
    study_tasks(
        stream, tiny_learner(backbone), database.ledger("study"), QuietDisplay(), grid=GRID, reuse=True
    )
    assert database.ledger("study").trials() == first


def test_a_training_without_a_finite_loss_is_a_failure_and_the_study_goes_on(
    database: Database, backbone: Backbone
) -> None:
    """Weights of 1e30 overflow: the trial failed, with the reason, and has no value."""
    watching = Watching()
    (trial,) = study(database, backbone, grid=FAILING, display=watching, tasks=TASKS[:1])
    assert (trial.status, trial.valid, trial.sha256) == (TrialStatus.FAILED, None, None)
    assert "not finite" in trial.notes[0]
    assert any("not finite" in sentence for sentence in watching.sentences)


def test_the_test_split_changes_nothing(tmp_path: Path, backbone: Backbone) -> None:
    """With other test examples every training gives the same tensors and the same validation metric."""
    results = []
    for name, task in (("own", TASKS[0]), ("other", _with_test_of(TASKS[0], TASKS[1].test))):
        with Database.open(f"sqlite:///{tmp_path}/{name}.db") as database:
            trials = study(database, backbone, tasks=[task])
        results.append([(t.valid, t.sha256) for t in trials])
    assert results[0] == results[1]


def _with_test_of(task: Task, test: Split) -> Task:
    return replace(task, test=test)


def test_a_setting_that_the_backbone_cannot_have_is_said(database: Database, backbone: Backbone) -> None:
    """Five top layers of two: one sentence."""
    grid = replace(
        GRID, settings=(Setting(series="top", x=None, method="fine-tune:5", learning_rates=(1e-3,)),)
    )
    with pytest.raises(StreamError, match="fine-tune:5"):
        study(database, backbone, grid=grid)
