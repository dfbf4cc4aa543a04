"""Law 5: a run killed at any moment and started again ends with the rows and digests of one run straight.

STREAM_KILLS sets the number of kills (20 takes a minute).
"""

import multiprocessing
import os
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import pytest
import torch

from db import Database
from db.records import EpochRecord, RunRecord, RunStatus
from stream.display import QuietDisplay, TrainingProgress
from stream.engine.simulator import simulate
from stream.learning import training
from stream.learning.checkpoints import TrainingState
from stream.learning.learner import Learner
from stream.model.backbone.backbone import Backbone
from stream.results.comparisons import ProofStatus
from stream.results.run_results import load_results
from tests.tiny_runs import (
    NAMES,
    command_line,
    recorded_rows,
    run_tasks,
    start_run,
    tiny_learner,
    tiny_stream,
    tiny_task,
    write_suite,
    write_suite_of_kinds,
)

TASKS = tuple(tiny_task(name) for name in NAMES[:2])
STEPS_OF_A_TASK = 18
"""48 examples in batches of 8, three epochs."""
NUM_KILLS = int(os.environ.get("STREAM_KILLS", "5"))
OPTIONS = ("--epochs", "10", "--batch-size", "8", "--adapter-size", "4", "--display", "quiet")


class Stopping(QuietDisplay):
    """Interrupts the run after so many steps, or once so many epochs are recorded."""

    def __init__(self, *, steps: int | None = None, epochs: int | None = None) -> None:
        super().__init__()
        self.steps_seen = self.epochs_seen = 0
        self._steps, self._epochs = steps, epochs

    def training_progressed(self, progress: TrainingProgress) -> None:
        """Count a step, and stop at the one asked for."""
        self.steps_seen += 1
        if self.steps_seen == self._steps:
            raise KeyboardInterrupt

    def epoch_finished(self, epoch: EpochRecord) -> None:
        """Count an epoch, and stop at the one asked for."""
        self.epochs_seen += 1
        if self.epochs_seen == self._epochs:
            raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def _checkpoint_at_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, where nothing is killed: at every step, without waiting for the disk."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(training, "PROGRESS_SECONDS", 0.0)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory, backbone: Backbone) -> dict[str, object]:
    """All rows of an uninterrupted run."""
    file = tmp_path_factory.mktemp("straight") / "runs.db"
    with Database.open(f"sqlite:///{file}") as database:
        run_tasks(database, tiny_learner(backbone), TASKS)
    return dict(recorded_rows(file))


def stopped_and_resumed(
    file: Path, learner: Learner, stop: Stopping, meanwhile: Callable[[Path], None] = lambda _: None
) -> int:
    """Steps that the second process took after the first was stopped."""
    stream = tiny_stream(TASKS)
    with Database.open(f"sqlite:///{file}") as database:
        ledger = start_run(database, learner, stream.names)
        with pytest.raises(KeyboardInterrupt):
            simulate(stream, learner, ledger, stop)
        for checkpoint in ledger.checkpoint_folder().iterdir():
            meanwhile(checkpoint)
    counting = Stopping()
    with Database.open(f"sqlite:///{file}") as database:
        simulate(tiny_stream(TASKS), learner, database.ledger("tiny"), counting)
    return counting.steps_seen


@pytest.mark.parametrize("steps", [1, 6, 9, 17, 18, 25])
def test_a_stop_inside_a_task_changes_nothing(
    file: Path, backbone: Backbone, straight: dict[str, object], steps: int
) -> None:
    """Stopped after so many steps, the training goes on at the next one, and every row is the same."""
    left = stopped_and_resumed(file, tiny_learner(backbone), Stopping(steps=steps))
    assert left == 2 * STEPS_OF_A_TASK - steps
    assert recorded_rows(file) == straight


@pytest.mark.parametrize("epochs", [1, 3, 5])
def test_a_stop_after_an_epochs_row_changes_nothing(
    file: Path, backbone: Backbone, straight: dict[str, object], epochs: int
) -> None:
    """Stopped once an epoch is recorded but not in a checkpoint, that epoch is validated again and agrees."""
    stopped_and_resumed(file, tiny_learner(backbone), Stopping(epochs=epochs))
    assert recorded_rows(file) == straight


def test_a_damaged_checkpoint_costs_time_only(
    file: Path, backbone: Backbone, straight: dict[str, object]
) -> None:
    """Where the checkpoint's bytes changed, the task starts again and ends the same."""

    def damage(checkpoint: Path) -> None:
        content = bytearray(checkpoint.read_bytes())
        content[-1] ^= 1
        checkpoint.write_bytes(content)

    left = stopped_and_resumed(file, tiny_learner(backbone), Stopping(steps=9), damage)
    assert left == 2 * STEPS_OF_A_TASK
    assert recorded_rows(file) == straight


def test_a_state_that_loses_something_would_be_seen(
    file: Path, backbone: Backbone, straight: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resuming without the optimiser's moments gives other parameters, and the comparison shows it."""
    whole = TrainingState.from_bytes

    def forgetful(content: bytes, recipe_sha256: str) -> TrainingState | None:
        state = whole(content, recipe_sha256)
        assert state is not None
        return replace(state, moments=[torch.zeros_like(moment) for moment in state.moments])

    monkeypatch.setattr(TrainingState, "from_bytes", forgetful)
    stopped_and_resumed(file, tiny_learner(backbone), Stopping(steps=9))
    assert recorded_rows(file)["parameters"] != straight["parameters"]


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Processes that start at once: a server that has imported everything and runs nothing forks them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.tiny_runs", "datasets", "transformers.models.bert.modeling_bert"])
    first = context.Process(target=abs, args=(1,))  # waits for the imports
    first.start()
    first.join()
    return context


def test_kills_at_random_moments_change_nothing(
    processes: ForkServerContext, tmp_path: Path, backbone_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILLs before the database exists and at random moments later leave no trace in rows and digests."""
    monkeypatch.setenv("STREAM_CACHE", str(tmp_path / "cache"))
    given = ["--suite", str(write_suite(tmp_path)), "--backbone", str(backbone_folder), *OPTIONS]
    assert killed_and_straight(processes, tmp_path, given, NUM_KILLS) == 6


def test_kills_of_every_kind_of_task_change_nothing(
    processes: ForkServerContext, tmp_path: Path, backbone_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same of a stream with a regression and with pairs that have two test splits."""
    monkeypatch.setenv("STREAM_CACHE", str(tmp_path / "cache"))
    given = ["--suite", str(write_suite_of_kinds(tmp_path)), "--backbone", str(backbone_folder), *OPTIONS]
    assert killed_and_straight(processes, tmp_path, given, num_kills=3) == 4


def killed_and_straight(
    processes: ForkServerContext, tmp_path: Path, given: Sequence[str], num_kills: int
) -> int:
    """Comparisons of a run that was killed so often and ended with the rows of an uninterrupted one."""

    def start(folder: Path) -> ForkServerProcess:
        process = processes.Process(target=command_line, args=([*given, *kept_in(folder)],))
        process.start()
        return process

    began = datetime.now(UTC)
    process = start(tmp_path / "straight")
    process.join()
    assert process.exitcode == 0
    with Database.open(f"sqlite:///{tmp_path}/straight/runs.db", read_only=True) as database:
        moments = random_moments(database.ledger("run").run(), began, num_kills)
    killed = 0
    while killed < num_kills:
        process = start(tmp_path / "killed")
        process.join(next(moments))
        killed += process.exitcode is None
        process.kill()
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL)
    process = start(tmp_path / "killed")
    process.join()
    assert process.exitcode == 0
    assert recorded_rows(tmp_path / "killed/runs.db") == recorded_rows(tmp_path / "straight/runs.db")
    with Database.open(f"sqlite:///{tmp_path}/killed/runs.db", read_only=True) as database:
        results = load_results(database.ledger("run"))
    assert results.run.status is RunStatus.FINISHED
    assert results.proof.status is ProofStatus.PROVEN
    return results.proof.num_equal


def kept_in(folder: Path) -> list[str]:
    """Options that keep a run in a folder, and continue it there."""
    folder.mkdir(exist_ok=True)
    return ["--db", f"sqlite:///{folder}/runs.db", "--out", str(folder / "out"), "--name", "run", "--resume"]


def random_moments(straight: RunRecord, began: datetime, num_kills: int) -> Iterator[float]:
    """Seconds after the start: the first at once, most others inside the work that is left by then."""
    assert straight.finished_at is not None
    before = (straight.created_at - began).total_seconds()
    work = (straight.finished_at - straight.created_at).total_seconds()
    yield 0.0
    drawn = random.Random(5)
    while True:
        yield drawn.uniform(0.0, before + 1.5 * work / num_kills)
