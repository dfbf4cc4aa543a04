"""`python -m benchmarks stream`: a whole `quick` run as the command line makes it, its time by part.

Overhead is what neither trains nor evaluates nor prepares data: ledger, digests, display and reports. The run
has one thread, so that other threads' CPU time can be told: the tokenizer's while it tokenises, otherwise the
display's, which draws in a thread of its own.
"""

import io
import tempfile
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import dataclass
from inspect import isgeneratorfunction
from pathlib import Path

import torch

from benchmarks.meter import REST, Boundary, Meter
from benchmarks.result import Figure, Result
from db import Database, Ledger
from stream import report
from stream.display import Display, DisplayKind, open_display
from stream.engine import serving, simulator, wiring
from stream.engine.configuration import Overrides, Place, Preset, RunConfiguration, limits_for, recipe_for
from stream.engine.serving import TaskServer
from stream.engine.session import run_session
from stream.learning import evaluation, learner, training
from stream.learning.learner import Learner
from stream.model.backbone.backbone import Backbone
from stream.results.run_results import RunResults
from tasks import DataMode, resolve_home

OVERHEAD = ("ledger", "digests", "display", "reports")
OVERHEAD_BOUND = 0.03
"""Largest share of the wall time that overhead may have."""
PARTS = ("load backbone", "load data", "tokenise", "train", "validate", "evaluate", *OVERHEAD, REST)


@dataclass(frozen=True, kw_only=True, slots=True)
class WholeRunOptions:
    """What the command line says."""

    tasks: tuple[str, ...] = ()
    """Tasks of additional17; none: all."""
    data_home: Path | None = None
    display: DisplayKind = "dashboard"


class _Terminal(io.StringIO):
    """A terminal that nobody looks at: the display draws as it would on one."""

    def isatty(self) -> bool:
        """It says that it is one."""
        return True


def measure_stream(options: WholeRunOptions) -> Result:
    """Run it once and say where its time went."""
    torch.set_num_threads(1)
    home = resolve_home(options.data_home)
    few = Overrides()
    configuration = RunConfiguration(
        suite="additional17",
        tasks=options.tasks or None,
        data=DataMode.SIMULATED if home is None else DataMode.AUTO,
        preset=Preset.QUICK,
        limits=limits_for(Preset.QUICK, few),
        recipe=recipe_for(Preset.QUICK, few),
    )
    meter, results = run_measured(configuration, home, options.display)
    return _result(meter, results, options)


def run_measured(
    configuration: RunConfiguration, home: Path | None, display_kind: DisplayKind
) -> tuple[Meter, RunResults]:
    """Run a configuration in a folder that is thrown away; what took how long, and what came out."""
    display = open_display(display_kind, output=_Terminal(), errors=io.StringIO())
    place = Place(data_home=home, name="measured", device="cpu")
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        meter = Meter(lambda part: part if part in ("tokenise", "load data") else "display")
        with meter.watching(list(_boundaries(display))):
            results = run_session(configuration, place, display, lambda *of: report.leave_reports(*of))
        meter.lap()
    return meter, results


def _boundaries(display: Display) -> Iterator[Boundary]:
    """Every function through which a part is entered."""
    for part, owner, names in (
        ("load backbone", wiring, ("load_backbone",)),
        ("load data", wiring, ("load_task",)),
        ("tokenise", Learner, ("prepare",)),
        ("train", learner, ("train",)),
        ("validate", training, ("lay_out", "predict_set")),
        ("evaluate", Learner, ("in_memory",)),
        ("evaluate", TaskServer, ("evaluate",)),
        ("digests", evaluation, ("logits_digest",)),
        ("digests", serving, ("fingerprint",)),
        ("digests", Backbone, ("fingerprint",)),
        ("ledger", simulator, ("load_results",)),
        ("reports", report, ("leave_reports",)),
        ("display", type(display), _display_methods()),
    ):
        yield from (Boundary(part=part, owner=owner, name=name) for name in names)
    for kind in (Database, *Ledger.__mro__[:-1]):
        for name, member in vars(kind).items():
            call = member.__func__ if isinstance(member, classmethod) else member
            if not name.startswith("_") and callable(call) and not isgeneratorfunction(call):
                yield Boundary(part="ledger", owner=kind, name=name)


def _display_methods() -> tuple[str, ...]:
    entered = ("__enter__", "__exit__")
    members = vars(Display).items()
    return tuple(n for n, member in members if callable(member) and (n in entered or not n.startswith("_")))


def overhead_share(meter: Meter) -> float:
    """Share of the wall time that overhead has at most, as if all waited for the display's thread."""
    return sum(max(meter.wall[part], meter.cpu[part]) for part in OVERHEAD) / meter.wall.total()


def _result(meter: Meter, results: RunResults, options: WholeRunOptions) -> Result:
    figures: list[Figure] = []
    for clock, seconds in (("wall", meter.wall), ("CPU", meter.cpu)):
        total = seconds.total()
        figures.append(Figure(name=f"{clock} time", unit="s", values=(total,)))
        for part in PARTS:
            figures += [
                Figure(name=f"{clock}: {part}", unit="s", values=(seconds[part],)),
                Figure(name=f"{clock}: {part}, share", unit="", values=(seconds[part] / total,)),
            ]
    share = overhead_share(meter)
    figures.append(Figure(name="overhead, share of wall time at most", unit="", values=(share,)))
    return Result(
        title=f"a whole quick run of {len(results.tasks)} tasks of additional17, time by part",
        figures=tuple(figures),
        setting={
            "data": {task.name: task.data for task in results.tasks},
            "display": options.display,
            "threads": torch.get_num_threads(),
            "evaluations": len(results.comparisons),
        },
        failures=(f"overhead has {share:.1%} of the wall time",) if share > OVERHEAD_BOUND else (),
        tables=(_table(meter),),
    )


def _table(meter: Meter) -> str:
    lines = ["| part | wall s | share | CPU s | share |", "|---|---|---|---|---|"]
    wall, cpu = meter.wall.total(), meter.cpu.total()
    for part in PARTS:
        w, c = meter.wall[part], meter.cpu[part]
        lines.append(f"| {part} | {w:,.1f} | {w / wall:.1%} | {c:,.1f} | {c / cpu:.1%} |")
    lines.append(f"| whole run | {wall:,.1f} | | {cpu:,.1f} | |")
    return "\n".join([*lines, "", f"Overhead: {overhead_share(meter):.1%} of the wall time at most."])
