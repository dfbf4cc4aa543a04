"""Law 5 for choices: stopped or killed at any moment, a choice ends with the rows of a straight one."""

import multiprocessing
import os
import random
import signal
from dataclasses import replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from db import Database
from stream.engine.simulator import simulate
from stream.learning import training
from stream.model.backbone.backbone import Backbone
from tests.made_choices import Watching, choosing
from tests.tiny_runs import (
    NAMES,
    RECIPE,
    command_line,
    recorded_rows,
    run_tasks,
    start_run,
    tiny_learner,
    tiny_stream,
    tiny_task,
    write_suite,
)

TASK = tiny_task(NAMES[0])
FOUR = replace(RECIPE, num_epochs=4)
NUM_EVENTS = 2 * (6 + 3 + 2) + 13 + 1
"""Each candidate of each rung begins and ends, 13 epochs, one choice."""
NUM_KILLS = int(os.environ.get("STREAM_KILLS", "3"))
CHOOSING = ("--adapter-size", "2,4", "--learning-rate", "3e-3,1e-2", "--epochs", "4", "--batch-size", "8")


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory, backbone: Backbone) -> dict[str, object]:
    """All rows of an uninterrupted choice."""
    file = tmp_path_factory.mktemp("straight") / "runs.db"
    watching = Watching()
    with Database.open(f"sqlite:///{file}") as database:
        learner = tiny_learner(backbone, recipe=FOUR)
        run_tasks(database, learner, [TASK], display=watching, learn=choosing())
    assert watching.num_events == NUM_EVENTS
    return dict(recorded_rows(file))


@pytest.mark.parametrize("moment", [1, 2, 4, 13, 20, 26, 31, 34, 35, 36])
def test_a_stopped_choice_resumes_to_the_same_rows(
    file: Path,
    backbone: Backbone,
    straight: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
    moment: int,
) -> None:
    """Stopped at this event, with a checkpoint at every step or at rungs only, all rows end the same."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    if moment % 2:
        monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    learner = tiny_learner(backbone, recipe=FOUR)
    stream = tiny_stream([TASK])
    with Database.open(f"sqlite:///{file}") as database:
        ledger = start_run(database, learner, stream.names)
        with pytest.raises(KeyboardInterrupt):
            simulate(stream, learner, ledger, Watching(stop_at=moment), choosing())
    with Database.open(f"sqlite:///{file}") as database:
        simulate(stream, learner, database.ledger("tiny"), Watching(), choosing())
    assert recorded_rows(file) == straight


def test_kills_at_random_moments_change_no_choice(
    tmp_path: Path, backbone_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILLs during a choice on the command line leave no trace in trials, winners and digests."""
    monkeypatch.setenv("STREAM_CACHE", str(tmp_path / "cache"))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.tiny_runs", "datasets", "transformers.models.bert.modeling_bert"])
    suite = write_suite(tmp_path, NAMES[:2])
    given = ["--suite", str(suite), "--backbone", str(backbone_folder), *CHOOSING, "--display", "quiet"]

    def start(folder: Path) -> ForkServerProcess:
        folder.mkdir(exist_ok=True)
        kept = ["--db", f"sqlite:///{folder}/runs.db", "--out", str(folder / "out"), "--name", "run"]
        process = context.Process(target=command_line, args=([*given, *kept, "--resume"],))
        process.start()
        return process

    process = start(tmp_path / "straight")
    process.join()
    assert process.exitcode == 0
    with Database.open(f"sqlite:///{tmp_path}/straight/runs.db", read_only=True) as database:
        run = database.ledger("run").run()
    assert run.finished_at is not None
    work = (run.finished_at - run.created_at).total_seconds()
    drawn, num_kills = random.Random(11), 0
    while num_kills < NUM_KILLS:
        process = start(tmp_path / "killed")
        process.join(drawn.uniform(0.3, 1.0) * work)
        process.kill()
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL)
        if process.exitcode == 0:
            break  # what was left to do took less time than the kill
        num_kills += 1
    process = start(tmp_path / "killed")
    process.join()
    assert process.exitcode == 0
    assert num_kills > 0
    assert recorded_rows(tmp_path / "killed/runs.db") == recorded_rows(tmp_path / "straight/runs.db")
