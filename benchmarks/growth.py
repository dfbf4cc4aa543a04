"""A long stream of small simulated tasks: what each arrival costs besides training and evaluation.

Re-evaluation and its rows grow with the number of tasks by nature; they are measured apart. Everything else
must cost the thousandth arrival what it cost the hundredth. Reports are written from the ledger in processes
of their own at several lengths of the stream.
"""

import csv
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from benchmarks.result import RESULTS, Figure, Result
from benchmarks.tiny_backbone import save_tiny_backbone
from stream.display import QuietDisplay
from stream.engine import simulator
from stream.engine.configuration import Overrides, Place, Preset, RunConfiguration, limits_for, recipe_for
from stream.engine.session import run_session
from stream.learning.learner import Learner
from stream.report import leave_reports
from stream.results.coverage import FULL, Coverage, parse_coverage
from stream.results.growth import GrowthPoint
from stream.results.run_results import TaskResult
from tasks import DataMode

OPTIONS = "train=40,valid=10,test=20,classes=2..4,words=8"
"""Of the simulated tasks."""
GROWTH_BOUND = 2.0
"""Largest ratio of the last tenth of the arrivals to the second tenth for what may not grow."""
MEMORY_BOUND_MB = 300.0
"""Memory that may be added between the second tenth of the arrivals and the last."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One arrival; seconds are CPU time of the process, so that neighbours on the machine matter little."""

    arrival: int
    other_seconds: float
    """Neither training, nor re-evaluation and its rows."""
    learn_seconds: float
    """Training and the evaluation in memory right after it."""
    reevaluate_seconds: float
    """All tasks so far, with reading, hashing, rows and display."""
    wall_seconds: float
    database_bytes: int
    resident_bytes: int
    """Physical memory of the process."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportPoint:
    """The reports of a run of so many arrivals, written by `python -m stream.report`."""

    arrivals: int
    seconds: float
    """CPU time of the process, its start included."""
    peak_bytes: int


class _Clock:
    """CPU time by part of the loop, read and set back at every arrival."""

    def __init__(self) -> None:
        self.parts = {"learn": 0.0, "reevaluate": 0.0}
        self.since, self.wall = time.process_time(), time.perf_counter()

    def timed(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            started = time.process_time()
            try:
                return call(*arguments, **named)
            finally:
                self.parts[part] += time.process_time() - started

        return wrapped

    def lap(self) -> tuple[dict[str, float], float]:
        """CPU seconds by part and wall seconds since the last call."""
        now, wall = time.process_time(), time.perf_counter()
        parts = {**self.parts, "other": now - self.since - sum(self.parts.values())}
        took = wall - self.wall
        self.parts, self.since, self.wall = dict.fromkeys(self.parts, 0.0), now, wall
        return parts, took


class _Recorder(QuietDisplay):
    """Takes a point at the end of every arrival, and reports at some of them."""

    def __init__(self, clock: _Clock, database: Path, report_at: Sequence[int]) -> None:
        super().__init__()
        self.points: list[Point] = []
        self.reports: list[ReportPoint] = []
        self._clock, self._database, self._report_at = clock, database, frozenset(report_at)

    def arrival_finished(self, task: TaskResult, point: GrowthPoint) -> None:
        super().arrival_finished(task, point)
        parts, wall = self._clock.lap()
        self.points.append(
            Point(
                arrival=task.position + 1,
                other_seconds=parts["other"],
                learn_seconds=parts["learn"],
                reevaluate_seconds=parts["reevaluate"],
                wall_seconds=wall,
                database_bytes=sum(f.stat().st_size for f in self._database.parent.glob("runs.db*")),
                resident_bytes=_resident_bytes(),
            )
        )
        if task.position + 1 in self._report_at:
            self.reports.append(_report(self._database, task.position + 1))
            self._clock.lap()


def measure_growth(num_tasks: int, reevaluate: str = FULL) -> Result:
    """Run the stream and compare its last tenth of arrivals with its second."""
    torch.set_num_threads(1)
    report_at = sorted({max(num_tasks * share // 10, 1) for share in (1, 2, 5, 10)})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clock = _Clock()
        recorder = _Recorder(clock, folder / "runs.db", report_at)
        with _timed_loop(clock):
            run_session(
                _configuration(folder, num_tasks, reevaluate), _place(folder), recorder, leave_reports
            )
        end, _ = clock.lap()
    _write_points(recorder.points, RESULTS / "growth.csv")
    _draw(recorder, RESULTS / "growth.png")
    return _result(recorder, parse_coverage(reevaluate), num_tasks, end["other"])


@contextmanager
def _timed_loop(clock: _Clock) -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(patch.object(Learner, "learn", clock.timed("learn", Learner.learn)))
        timed = clock.timed("reevaluate", simulator.reevaluate)
        stack.enter_context(patch.object(simulator, "reevaluate", timed))
        yield


def _configuration(folder: Path, num_tasks: int, reevaluate: str = FULL) -> RunConfiguration:
    few = Overrides(num_epochs=1, batch_size=20, max_length=32)
    return RunConfiguration(
        suite=f"simulated:{num_tasks},{OPTIONS}",
        data=DataMode.SIMULATED,
        backbone=str(save_tiny_backbone(folder / "backbone")),
        adapter_size=8,
        preset=Preset.QUICK,
        limits=limits_for(Preset.QUICK, few),
        recipe=recipe_for(Preset.QUICK, few),
        reevaluate=reevaluate,
    )


def _place(folder: Path) -> Place:
    return Place(database=f"sqlite:///{folder / 'runs.db'}", name="growth", out=folder / "out", device="cpu")


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _report(database: Path, arrivals: int) -> ReportPoint:
    out = database.parent / "report"
    command = ["stream.report", "--db", f"sqlite:///{database}", "--run", "growth", "--out", str(out)]
    done = subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(done.pid, 0)
    done.returncode = os.waitstatus_to_exitcode(status)
    assert done.returncode == 0, f"the report of {arrivals} arrivals failed"
    return ReportPoint(
        arrivals=arrivals, seconds=used.ru_utime + used.ru_stime, peak_bytes=used.ru_maxrss * 1024
    )


def _result(recorder: _Recorder, coverage: Coverage, num_tasks: int, end_seconds: float) -> Result:
    points, reports = recorder.points, recorder.reports
    tenth = max(num_tasks // 10, 1)
    early, late = points[tenth : 2 * tenth] or points[:1], points[-tenth:]

    def medians(of: Callable[[Point], float]) -> tuple[float, float]:
        return statistics.median(map(of, early)), statistics.median(map(of, late))

    other, learn = medians(lambda p: p.other_seconds), medians(lambda p: p.learn_seconds)
    memory = medians(lambda p: p.resident_bytes / 1e6)
    cell = medians(lambda p: p.reevaluate_seconds / len(coverage.due(p.arrival - 1)))
    rows = sum(len(coverage.due(after)) for after in range(num_tasks))
    figures = [
        *_pair("CPU of an arrival outside training and evaluation", "ms", *(1e3 * s for s in other)),
        *_pair("CPU of an arrival's training", "ms", *(1e3 * s for s in learn)),
        *_pair("CPU of one re-evaluation with its row", "ms", *(1e3 * s for s in cell)),
        *_pair("resident memory", "MB", *memory),
        Figure(name="CPU of the end: results and reports", unit="s", values=(end_seconds,)),
        Figure(name="database", unit="MB", values=(points[-1].database_bytes / 1e6,)),
        Figure(name="database per re-evaluation", unit="bytes", values=(points[-1].database_bytes / rows,)),
        Figure(name="wall time of the run", unit="min", values=(sum(p.wall_seconds for p in points) / 60,)),
    ]
    for report in reports:
        of = f"of {report.arrivals} arrivals"
        figures.append(Figure(name=f"CPU of the reports {of}", unit="s", values=(report.seconds,)))
        figures.append(Figure(name=f"peak memory {of}", unit="MB", values=(report.peak_bytes / 1e6,)))
    failures = []
    if other[1] > GROWTH_BOUND * other[0]:
        failures.append(f"an arrival's other work grew {other[1] / other[0]:.1f} times")
    if memory[1] - memory[0] > MEMORY_BOUND_MB:
        failures.append(f"memory grew by {memory[1] - memory[0]:.0f} MB")
    return Result(
        title=f"a stream of {num_tasks} simulated tasks on a tiny backbone",
        figures=tuple(figures),
        setting={
            "suite": f"simulated:{num_tasks},{OPTIONS}",
            "data": "simulated",
            "backbone": "random, 1 layer of 32 units",
            "reevaluate": coverage.text,
            "re-evaluations": rows,
            "reports": [asdict(report) for report in reports],
        },
        failures=tuple(failures),
    )


def _pair(name: str, unit: str, early: float, late: float) -> Iterator[Figure]:
    yield Figure(name=f"{name}, second tenth", unit=unit, values=(early,))
    yield Figure(name=f"{name}, last tenth", unit=unit, values=(late,))


def _write_points(points: Sequence[Point], path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(Point)])
        for point in points:
            row = asdict(point)
            writer.writerow([f"{v:.6f}" if isinstance(v, float) else v for v in row.values()])


def _draw(recorder: _Recorder, path: Path) -> None:
    import matplotlib.pyplot as plt

    arrivals = [point.arrival for point in recorder.points]
    curves: dict[str, list[float]] = {
        "outside training and evaluation, CPU ms": [1e3 * p.other_seconds for p in recorder.points],
        "re-evaluation with its rows, CPU s": [p.reevaluate_seconds for p in recorder.points],
        "database, MB": [p.database_bytes / 1e6 for p in recorder.points],
        "resident memory, MB": [p.resident_bytes / 1e6 for p in recorder.points],
    }
    figure, axes = plt.subplots(2, 2, figsize=(9, 5.5), layout="constrained")
    for axis, (title, values) in zip(axes.flat, curves.items(), strict=True):
        axis.plot(arrivals, values, linewidth=0.8)
        axis.set_title(title, fontsize=9)
        axis.set_ylim(bottom=0)
        axis.set_xlabel("arrival", fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)
