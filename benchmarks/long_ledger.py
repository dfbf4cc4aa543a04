"""The ledger of a long stream, written without training: what records, reading and reports cost as it grows.

`growth` runs a long stream in earnest, which takes half an hour for 1,000 tasks. Here the same half a million
evaluation rows are made up, so that what grows faster than they do is seen within minutes.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.growth import GROWTH_BOUND
from benchmarks.ledger import PLAN, PREDICTIONS, evaluation_record, new_run, parameters_record, task_record
from benchmarks.peers.conversation import peak_bytes
from benchmarks.result import Figure, Result
from db import Database, Ledger
from stream.reports.run import write_reports
from stream.results.run_results import load_results

BLOB_BYTES = 2_000
"""Of a task's tensors: small, since it is the rows that are many."""


def measure_long_ledger(num_tasks: int) -> Result:
    """CPU time of an arrival's records and of a row, early and late; of reading and reports, by length."""
    lengths = sorted({max(num_tasks * share // 10, 1) for share in (1, 2, 5, 10)})
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Database.open(f"sqlite:///{folder / 'runs.db'}") as database:
            tasks = tuple(f"task-{position}" for position in range(num_tasks))
            ledger = database.create_run(replace(new_run("long"), task_names=tasks))
            ledger.record_plan(PLAN)
            arrivals: list[float] = []
            rows: list[float] = []
            for position in range(num_tasks):
                arrivals.append(1e3 * cpu_seconds(lambda at=position: _arrive(ledger, at)))
                rows.append(1e3 * cpu_seconds(lambda at=position: _evaluate_all(ledger, at)) / (position + 1))
                if position + 1 in lengths:
                    figures += _as_it_stands(ledger, folder, position + 1)
    pairs = {"an arrival's records": arrivals, "an evaluation row": rows}
    figures = [f for what, values in pairs.items() for f in _early_and_late(what, values)] + figures
    return Result(
        title=f"the ledger of {num_tasks} arrivals with all rows, made up",
        figures=tuple(figures),
        setting={"arrivals": num_tasks, "blob_bytes": BLOB_BYTES},
        failures=tuple(_failures(pairs)),
    )


def cpu_seconds(run: Callable[[], object]) -> float:
    """CPU time of the process for one call."""
    started = time.process_time()
    run()
    return time.process_time() - started


def _arrive(ledger: Ledger, position: int) -> None:
    ledger.record_task(task_record(position))
    ledger.record_parameters([parameters_record(position, 0, num_bytes=BLOB_BYTES)], PREDICTIONS)


def _evaluate_all(ledger: Ledger, after: int) -> None:
    """The rows of one arrival, committed together as those of a tiny backbone are."""
    ledger.record_evaluations([(evaluation_record(after, on), PREDICTIONS) for on in range(after + 1)])


def _as_it_stands(ledger: Ledger, folder: Path, num_arrivals: int) -> Iterator[Figure]:
    started = time.process_time()
    results = load_results(ledger)
    read = time.process_time() - started
    of = f"of {num_arrivals} arrivals ({len(results.comparisons):,} rows)"
    size = sum(file.stat().st_size for file in folder.glob("runs.db*"))
    yield Figure(name=f"database {of}", unit="MB", values=(size / 1e6,))
    yield Figure(name=f"results read {of}", unit="s", values=(read,))
    reports = cpu_seconds(lambda: write_reports(results, folder / "reports"))
    yield Figure(name=f"reports {of}", unit="s", values=(reports,))
    yield Figure(name=f"peak memory so far {of}", unit="MB", values=(peak_bytes() / 1e6,))


def _tenths(values: Sequence[float]) -> tuple[float, float]:
    """Medians of the second tenth and of the last."""
    tenth = max(len(values) // 10, 1)
    return statistics.median(values[tenth : 2 * tenth] or values[:1]), statistics.median(values[-tenth:])


def _early_and_late(what: str, values: Sequence[float]) -> Iterator[Figure]:
    for when, value in zip(("second tenth", "last tenth"), _tenths(values), strict=True):
        yield Figure(name=f"CPU of {what}, {when}", unit="ms", values=(value,))


def _failures(pairs: dict[str, list[float]]) -> Iterator[str]:
    for what, values in pairs.items():
        early, late = _tenths(values)
        if late > GROWTH_BOUND * early:
            yield f"{what} took {late / early:.1f} times as long in the last tenth as in the second"
