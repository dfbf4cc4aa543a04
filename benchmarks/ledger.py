"""Cost of the ledger: one committed evaluation and one committed task, against bare SQLite writes."""

import hashlib
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.result import Figure, Result, interleaved, ratios
from db import Database, Ledger
from db.records import (
    EvaluationRecord,
    NewRun,
    Owner,
    ParameterCounts,
    ParametersRecord,
    PlanRecord,
    TaskRecord,
)

NUM_TASKS = 20
BLOB_BYTES = 1_000_000
"""About what one task of MiniLM with adapters of size 24 stores."""
PREDICTIONS = bytes(4 * 300)
PLAN = PlanRecord(sha256=hashlib.sha256(b"plan").hexdigest(), content={})


def measure_ledger(repeats: int) -> Result:
    """Milliseconds per evaluation row, per stored task and per read-and-hashed blob; bytes per row."""
    with tempfile.TemporaryDirectory() as folder:
        writer = _Writer(Path(folder))
        times = interleaved(
            {
                "evaluation row, ledger": writer.evaluations,
                "evaluation row, bare SQLite": lambda: _bare(Path(folder), rows=True),
                "task of 1 MB, ledger": writer.tasks,
                "task of 1 MB, bare SQLite": lambda: _bare(Path(folder), rows=False),
                "blob read and hashed": writer.reads,
            },
            repeats,
        )
    figures = [Figure(name=name, unit="ms", values=values) for name, values in times.items()]
    for what in ("evaluation row", "task of 1 MB"):
        ratio = ratios(times[f"{what}, ledger"], times[f"{what}, bare SQLite"])
        figures.append(Figure(name=f"{what}: ledger / bare SQLite", unit="x", values=ratio))
    return Result(
        title="the ledger, each write in a transaction of its own",
        figures=tuple(figures),
        setting={"num_tasks": NUM_TASKS, "blob_bytes": BLOB_BYTES, "repeats": repeats},
    )


class _Writer:
    """A fresh run per measurement in one database."""

    def __init__(self, folder: Path) -> None:
        self._database = Database.open(f"sqlite:///{folder / 'ledger.db'}")
        self._num_runs = 0

    def _run(self, *, stored: bool) -> Ledger:
        self._num_runs += 1
        ledger = self._database.create_run(new_run(f"run-{self._num_runs}"))
        ledger.record_plan(PLAN)
        for position in range(NUM_TASKS):
            ledger.record_task(task_record(position))
            if stored:
                ledger.record_parameters([parameters_record(position, self._num_runs)], PREDICTIONS)
        return ledger

    def tasks(self) -> float:
        ledger = self._run(stored=False)
        contents = [parameters_record(position, self._num_runs) for position in range(NUM_TASKS)]
        return _milliseconds(
            lambda: [ledger.record_parameters([content], PREDICTIONS) for content in contents], NUM_TASKS
        )

    def evaluations(self) -> float:
        ledger = self._run(stored=True)
        cells = [(after, on) for after in range(NUM_TASKS) for on in range(after + 1)]
        return _milliseconds(
            lambda: [ledger.record_evaluation(evaluation_record(*cell), PREDICTIONS) for cell in cells],
            len(cells),
        )

    def reads(self) -> float:
        ledger = self._run(stored=True)
        return _milliseconds(
            lambda: [ledger.parameters_content(position) for position in range(NUM_TASKS)], NUM_TASKS
        )


def _bare(folder: Path, *, rows: bool) -> float:
    """The same number of commits of the same size without any of the ledger's work."""
    with sqlite3.connect(folder / "bare.db", isolation_level=None) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE IF NOT EXISTS bare (content BLOB)")
        count = NUM_TASKS * (NUM_TASKS + 1) // 2 if rows else NUM_TASKS
        content = bytes(300) if rows else bytes(BLOB_BYTES)
        return _milliseconds(
            lambda: [connection.execute("INSERT INTO bare VALUES (?)", (content,)) for _ in range(count)],
            count,
        )


def _milliseconds(run: Callable[[], object], count: int) -> float:
    started = time.perf_counter()
    run()
    return 1e3 * (time.perf_counter() - started) / count


def new_run(name: str) -> NewRun:
    """A run of `NUM_TASKS` tasks."""
    return NewRun(
        name=name,
        suite="benchmark",
        method="houlsby",
        isolated=True,
        task_names=tuple(f"task-{position}" for position in range(NUM_TASKS)),
        backbone="none",
        backbone_sha256="",
        backbone_params=1,
        backbone_bytes=4,
        configuration={},
        environment={},
    )


def task_record(position: int) -> TaskRecord:
    """A task."""
    return TaskRecord(
        position=position,
        name=f"task-{position}",
        title="",
        data="simulated",
        labels=("a", "b"),
        num_train=1,
        num_valid=1,
        num_test=300,
        fingerprint="",
        truncated_fraction=0.0,
        metric="accuracy",
        paper_adapters=None,
        paper_fine_tuning=None,
        bayes_accuracy=None,
        notes=(),
        seed=position,
    )


def parameters_record(
    position: int, run: int, *, num_bytes: int = BLOB_BYTES
) -> tuple[ParametersRecord, bytes]:
    """What a task stored, its content different for each run and position."""
    content = f"{run}-{position}".encode().ljust(num_bytes, b"\0")
    record = ParametersRecord(
        position=position,
        owner=Owner.OWN,
        sha256=hashlib.sha256(content).hexdigest(),
        recipe_sha256=hashlib.sha256(f"{run}-{position}".encode()).hexdigest(),
        counts=ParameterCounts(adapter=num_bytes // 4),
        num_bytes=num_bytes,
        reads_backbone=True,
        best_epoch=0,
        valid=0.5,
        learned_value=0.5,
        learned_logits_sha256=hashlib.sha256(b"logits").hexdigest(),
        learned_predictions_sha256=hashlib.sha256(PREDICTIONS).hexdigest(),
        plan_sha256=PLAN.sha256,
        seconds=0.0,
        num_trained=num_bytes // 4,
    )
    return record, content


def evaluation_record(after: int, on: int) -> EvaluationRecord:
    """One cell R[after, on]."""
    return EvaluationRecord(
        after=after,
        on=on,
        split="test",
        metric="accuracy",
        value=0.5,
        logits_sha256=hashlib.sha256(b"logits").hexdigest(),
        predictions_sha256=hashlib.sha256(PREDICTIONS).hexdigest(),
        plan_sha256=PLAN.sha256,
        changed_predictions=0,
        num_examples=300,
        seconds=0.0,
    )
