"""This project's sides: `python -m benchmarks.peers.ours`, driven like those of other libraries.

Training is one call of `train` on the same tokens. Re-evaluation is the loop itself (`simulate`) on a stream
whose tasks are all learned: each further arrival brings a tiny task, after which every earlier task is
evaluated again from the ledger's bytes and recorded. Measured is the time from the end of the tiny task's
training, its own storing and evaluation included, to the last record.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.own_training import one_epoch
from benchmarks.peers.conversation import Conversation, open_conversation
from benchmarks.peers.material import MAX_LENGTH, first, read_tasks
from db import Database, Ledger
from db.records import EpochRecord, NewRun
from stream.display.quiet import QuietDisplay
from stream.engine.environment import describe_environment
from stream.engine.scheduler import TaskStream
from stream.engine.simulator import simulate
from stream.learning.encoding import TokenSet
from stream.learning.evaluation import evaluate, make_plan
from stream.learning.learner import Learner
from stream.learning.objectives.objective import BY_ACCURACY
from stream.learning.recipe import Recipe
from stream.model.backbone.loading import load_backbone
from stream.model.backbone.names import MINILM
from stream.model.backbone.parameters import TaskParameters
from stream.model.backbone.precision import choose_device, choose_dtype
from stream.model.methods.specification import method_named
from stream.results.growth import GrowthPoint
from stream.results.run_results import TaskResult
from tasks import Task

TINY = 32
"""Training examples of the tasks of the re-evaluated stream, whose training is not measured."""
FURTHER = "further"
"""Name of the tiny tasks whose arrivals are measured, with a number."""


class OwnSide:
    """What one process of this project holds."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    def open(self, *, threads: int, method: Mapping[str, Any], batch_size: int, **_: Any) -> dict[str, Any]:
        """Load the backbone; answer with versions."""
        torch.set_num_threads(threads)
        device = choose_device("cpu")
        self._backbone = load_backbone(MINILM, device=device, dtype=choose_dtype(device))
        self._method = method_named(method["name"], adapter_size=method["adapter_size"])
        self._batch_size = batch_size
        return {"versions": {"torch": torch.__version__}}

    def choose(self, **training: Any) -> dict[str, Any]:
        """Warm up; there is nothing to choose."""
        self.train(**training)
        return self._setting()

    def _setting(self) -> dict[str, Any]:
        return {"setting": {"weights": str(self._backbone.dtype).removeprefix("torch.")}}

    def train(
        self, *, train_file: str, test_file: str | None, num_labels: int, seed: int, learning_rate: float
    ) -> dict[str, Any]:
        """Train one epoch from fresh parameters, timed as a whole, and measure the accuracy."""
        tokens = TokenSet.from_bytes(Path(train_file).read_bytes())
        epochs: list[EpochRecord] = []
        run = one_epoch(
            self._backbone,
            self._method,
            tokens,
            num_labels=num_labels,
            batch_size=self._batch_size,
            learning_rate=learning_rate,
            seed=seed,
            epoch_finished=epochs.append,
        )
        started = time.perf_counter()
        trained = run()
        seconds = time.perf_counter() - started
        return {
            "seconds": seconds,
            "tokens": tokens.num_tokens,
            "loss": epochs[-1].train_loss,
            "num_trained": trained.num_trained,
            "accuracy": None if test_file is None else self._accuracy(trained.values, Path(test_file)),
        }

    def _accuracy(self, parameters: TaskParameters, test: Path) -> float:
        tokens = TokenSet.from_bytes(test.read_bytes())
        plan = make_plan(tokens, self._backbone)
        return evaluate(self._backbone, parameters, tokens, scoring=BY_ACCURACY, plan=plan).value

    def store(self, *, tasks_folder: str, folder: str, num_measured: int) -> dict[str, Any]:
        """Run the stream; answer and wait for `evaluate` before each further arrival.

        Returns at the stream's end the answer to the last one.
        """
        tasks = _small_tasks(Path(tasks_folder), num_measured)
        with Database.open(f"sqlite:///{Path(folder) / 'runs.db'}") as database:
            learner = self._learner()
            stream = TaskStream(names=tuple(tasks), run_seed=0, load=tasks.__getitem__)
            ledger = _new_ledger(database, learner, stream)
            sizes = {position: len(task.test) for position, task in enumerate(tasks.values())}
            display = _Measured(self._conversation, sizes, self._setting())
            simulate(stream, learner, ledger, display)
        return display.measured

    def _learner(self) -> Learner:
        return Learner(
            backbone=self._backbone,
            backbone_sha256=self._backbone.fingerprint(),
            method=self._method,
            recipe=Recipe(num_epochs=1, batch_size=self._batch_size, max_length=MAX_LENGTH),
        )


class _Measured(QuietDisplay):
    """Times the re-evaluations of further arrivals, each of which waits for its `evaluate` command."""

    def __init__(self, conversation: Conversation, sizes: Mapping[int, int], before: dict[str, Any]) -> None:
        super().__init__()
        self._conversation = conversation
        self._sizes = sizes
        self._started = 0.0
        self.measured = before
        """Answer to the last command."""

    def arrival_started(self, position: int, name: str, data: str, num_train: int, num_labels: int) -> None:
        """Answer the command before a further arrival, and wait for the next."""
        if name.startswith(FURTHER):
            self._conversation.say(self.measured)
            if self._conversation.heard() is None:
                raise SystemExit

    def epoch_finished(self, epoch: EpochRecord) -> None:
        """The arrival is trained (one epoch): what follows is measured."""
        self._started = time.perf_counter()

    def arrival_finished(self, task: TaskResult, point: GrowthPoint) -> None:
        """All earlier tasks were re-evaluated."""
        seconds = time.perf_counter() - self._started
        if task.name.startswith(FURTHER):
            examples = sum(size for position, size in self._sizes.items() if position <= task.position)
            self.measured = {"seconds": seconds, "examples": examples}


def _small_tasks(folder: Path, num_further: int) -> dict[str, Task]:
    """The stream's tasks with few training examples, and the tiny ones that arrive after them, by name."""
    tasks = [
        replace(task, train=first(task.train, TINY), valid=first(task.valid, TINY))
        for task in read_tasks(folder)
    ]
    tiny = [
        replace(
            tasks[0],
            name=f"{FURTHER}-{number}",
            fingerprint=f"{number:064x}",
            test=first(tasks[0].test, 2),
        )
        for number in range(num_further)
    ]
    return {task.name: task for task in [*tasks, *tiny]}


def _new_ledger(database: Database, learner: Learner, stream: TaskStream) -> Ledger:
    backbone, method = learner.backbone, learner.method
    return database.create_run(
        NewRun(
            name="peers",
            suite="additional17",
            method=method.name,
            isolated=method.isolated,
            regime=method.regime,
            task_names=stream.names,
            backbone=backbone.name,
            backbone_sha256=learner.backbone_sha256,
            backbone_params=backbone.num_parameters,
            backbone_bytes=backbone.num_bytes,
            configuration={},
            environment=describe_environment(backbone.device, backbone.dtype),
        )
    )


if __name__ == "__main__":
    conversation = open_conversation()
    side = OwnSide(conversation)
    conversation.serve({"open": side.open, "choose": side.choose, "train": side.train, "store": side.store})
