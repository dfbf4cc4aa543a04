"""`python -m benchmarks peers`: this project beside other libraries, trained and re-evaluated in turn.

Every side gets the same token ids of the same examples, the same backbone, batch size, number of steps,
rates, adapter size and threads, in a process of its own. One repeat trains every task once from fresh
parameters with its own seed, on every side in turn; ratios are taken within a repeat.
"""

import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.environments import LIBRARIES, default_folder, library_python, requirements
from benchmarks.peers.material import TaskFiles, data_of, load_tasks, write_tasks
from benchmarks.peers.outcome import ReevaluationOutcome, TrainingOutcome, peers_result
from benchmarks.peers.rounds import Answer, crew_of
from benchmarks.peers.sides import REEVALUATION, TRAINING, Side
from benchmarks.peers.worker import Worker, WorkerError
from benchmarks.result import Result
from stream.errors import UserError
from stream.model.backbone.loading import load_backbone, minilm_folder
from stream.model.backbone.names import MINILM
from stream.model.methods.bottleneck import default_adapter_size
from stream.model.methods.specification import method_named
from tasks import Limits, resolve_home

BATCH_SIZE = 32
TEST_EXAMPLES = 300
"""Test examples of a trained task, at most."""
REEVALUATED_EXAMPLES = 100
"""Test examples of a re-evaluated task, at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PeersOptions:
    """What the command line says."""

    repeats: int = 3
    """Interleaved repeats whose speeds are reported."""
    seeds: int = 3
    """Seeds whose accuracies are reported; seed i is that of repeat i."""
    steps: int = 40
    """Optimiser steps of a training: one epoch."""
    threads: int | None = None
    """None: as many as torch would take."""
    tasks: tuple[str, ...] = ("airline", "corporate-messaging")
    """Tasks that are trained."""
    stream: tuple[str, ...] = ()
    """Tasks that are re-evaluated; none: all of additional17."""
    data_home: Path | None = None
    folder: Path | None = None
    """Where the libraries' environments are kept; None: in the user's cache."""


def measure_peers(options: PeersOptions) -> Result:
    """Train and re-evaluate with every side.

    Raises:
        UserError: an option's value is not allowed.
    """
    for name in ("repeats", "seeds", "steps", "threads"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise UserError(f"--{name} is {value}; it must be 1 or more.")
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as scratch:
        return _Comparison(options, Path(scratch)).run()


class _Comparison:
    """One run of the benchmark: what all of its parts share."""

    def __init__(self, options: PeersOptions, scratch: Path) -> None:
        self._options = options
        self._scratch = scratch
        self._size = default_adapter_size(load_backbone(MINILM).architecture)
        self._pythons, self._failures = _interpreters(options.folder or default_folder())

    def run(self) -> Result:
        """Both halves, and everything that has to be known about them."""
        training, trained = self._training()
        reevaluation, evaluated = self._reevaluation()
        setting = {
            "threads": torch.get_num_threads(),
            "batch_size": BATCH_SIZE,
            "adapter_size": self._size,
            "learning_rates": {method: self._rate(method) for method in ("houlsby", "lora", "fine-tune")},
            "steps": {task.name: -(-task.num_train // BATCH_SIZE) for task in trained},
            "data": data_of(trained),
            "test_examples": {task.name: task.num_test for task in trained},
            "reevaluated_data": data_of(evaluated),
            "reevaluated_examples": sum(task.num_test for task in evaluated),
            "repeats": self._options.repeats,
            "seeds": self._options.seeds,
            "requirements": {library: list(requirements(library)) for library in self._pythons},
        }
        failures = (*self._failures, *training.failures, *reevaluation.failures)
        return peers_result(training, reevaluation, setting=setting, failures=failures)

    def _training(self) -> tuple[TrainingOutcome, tuple[TaskFiles, ...]]:
        options = self._options
        limits = Limits(max_train=options.steps * BATCH_SIZE, max_valid=TEST_EXAMPLES, max_test=TEST_EXAMPLES)
        files = self._tasks(options.tasks, limits, "trained")
        sides = self._possible(side for group in TRAINING.values() for side in group)
        _say(f"training {len(files)} tasks on {len(sides)} sides")
        with crew_of(sides, self._start) as crew:
            chosen = crew.each(lambda side, worker: self._train(side, worker, files[0], 0, "warm_up"))
            rounds = crew.rounds(
                max(options.repeats, options.seeds),
                lambda side, worker, seed: {
                    task.name: self._train(side, worker, task, seed, "train") for task in files
                },
            )
            return (
                TrainingOutcome(
                    rounds=rounds,
                    chosen=chosen,
                    repeats=options.repeats,
                    seeds=options.seeds,
                    failures=tuple(crew.failures),
                ),
                files,
            )

    def _train(self, side: Side, worker: Worker, task: TaskFiles, seed: int, part: str) -> Answer:
        return worker.ask(
            "train" if part == "train" else "choose",
            train_file=str(getattr(task, part)),
            test_file=str(task.test) if part == "train" else None,
            num_labels=task.num_labels,
            seed=seed,
            learning_rate=self._rate(side.method),
        )

    def _reevaluation(self) -> tuple[ReevaluationOutcome, tuple[TaskFiles, ...]]:
        options = self._options
        limits = Limits(max_train=BATCH_SIZE, max_valid=BATCH_SIZE, max_test=REEVALUATED_EXAMPLES)
        files = self._tasks(options.stream, limits, "stream")
        sides = self._possible(REEVALUATION)
        _say(f"re-evaluating {len(files)} tasks on {len(sides)} sides")
        with crew_of(sides, self._start) as crew:
            chosen = crew.each(lambda side, worker: self._store(side, worker, files))
            rounds = crew.rounds(options.repeats, lambda side, worker, _: worker.ask("evaluate"))
            return ReevaluationOutcome(rounds=rounds, chosen=chosen, failures=tuple(crew.failures)), files

    def _store(self, side: Side, worker: Worker, files: Sequence[TaskFiles]) -> Answer:
        folder = Path(tempfile.mkdtemp(dir=self._scratch))
        if side.ours:
            return worker.ask(
                "store",
                tasks_folder=str(self._scratch / "stream"),
                folder=str(folder),
                num_measured=self._options.repeats,
            )
        return worker.ask(
            "store",
            tests={task.name: str(task.test) for task in files},
            num_labels={task.name: task.num_labels for task in files},
            folder=str(folder),
        )

    def _tasks(self, names: Sequence[str], limits: Limits, folder: str) -> tuple[TaskFiles, ...]:
        tasks = load_tasks(names, resolve_home(self._options.data_home), limits)
        return write_tasks(tasks, self._scratch / folder, batch_size=BATCH_SIZE)

    def _possible(self, sides: Iterable[Side]) -> list[Side]:
        return [side for side in sides if side.ours or side.library in self._pythons]

    def _start(self, side: Side) -> Worker:
        python = Path(sys.executable) if side.ours else self._pythons[side.library]
        module = "benchmarks.peers.ours" if side.ours else "benchmarks.peers.library"
        home = Path(tempfile.mkdtemp(dir=self._scratch))
        threads = torch.get_num_threads()
        worker = Worker([python, "-m", module], threads=threads, log=home / "log")
        try:
            worker.ask(
                "open",
                threads=threads,
                backbone=str(minilm_folder()),
                packages=[] if side.ours else [side.library, "transformers", "accelerate"],
                batch_size=BATCH_SIZE,
                method=self._method(side.method),
                **side.options(),
            )
        except WorkerError:
            worker.close()
            raise
        return worker

    def _method(self, name: str) -> Mapping[str, Any]:
        lora = method_named("lora", adapter_size=self._size).options
        return {
            "name": name,
            "adapter_size": self._size,
            "rank": lora["rank"],
            "alpha": lora["alpha"],
        }

    def _rate(self, method: str) -> float:
        return method_named(method, adapter_size=self._size).learning_rate


def _interpreters(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Interpreter of each library's environment, and which could not be made."""
    pythons: dict[str, Path] = {}
    failures: list[str] = []
    for library in LIBRARIES:
        try:
            pythons[library] = library_python(library, folder)
        except UserError as error:
            failures.append(str(error))
    return pythons, failures


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
