"""What a command costs before it does anything: its help, and its answers to mistakes.

Each command is started as a process of its own, and its processor time is what the system accounts for it,
beside that of the same command in another checkout.
"""

import gzip
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.result import Figure, Result, interleaved, ratios

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "tests/kept/780da04/recorded.sqlite.gz"
COMMANDS: dict[str, tuple[str, ...]] = {
    **{
        f"{name} --help": (f"stream.{name}", "--help")
        for name in ("run", "verify", "watch", "report", "plan", "service", "compare", "study")
    },
    "a mistaken option": ("stream.run", "--suite", "additional17", "--sead", "1"),
    "a mistaken suite": ("stream.run", "--suite", "additonal17"),
    "a mistaken method": ("stream.run", "--suite", "additional17", "--method", "hoolsby"),
    "a mistaken task": ("stream.run", "--suite", "additional17", "--tasks", "arline"),
    "a mistaken path": ("stream.run", "--suite", "additional17", "--db", "sqlite:///nowhere/runs.db"),
    "a mistaken run": ("stream.verify", "--db", "sqlite:///kept.db", "--run", "mine"),
    "a missing database": ("stream.report", "--db", "sqlite:///nowhere.db", "--run", "mine"),
}
"""What is typed, by what it is."""
AIM = 0.1
"""Of the other checkout's processor time."""


def measure_startup(before: Path, repeats: int) -> Result:
    """Processor time of each command here, and its ratio to the one in the checkout `before`."""
    figures: list[Figure] = []
    missed: list[str] = []
    for name, arguments in COMMANDS.items():
        contestants = {
            "now": lambda given=arguments: _cpu_seconds(ROOT, given),
            "before": lambda given=arguments: _cpu_seconds(before, given),
        }
        found = interleaved(contestants, repeats)
        ratio = Figure(name=f"{name}: ratio", unit="of before", values=ratios(found["now"], found["before"]))
        figures += [Figure(name=f"{name}: now", unit="s of processor time", values=found["now"]), ratio]
        if ratio.median > AIM:
            missed.append(f"{name}: {ratio.median:.2f} of before, aim {AIM}")
    return Result(
        title="Start-up of the commands",
        figures=tuple(figures),
        setting={"before": _commit(before), "repeats": repeats},
        failures=tuple(missed),
    )


def _cpu_seconds(checkout: Path, arguments: Sequence[str]) -> float:
    """User and system time of a process with the checkout's packages, in a folder of its own."""
    script = f"import sys, runpy; sys.path.insert(0, {str(checkout.resolve())!r})\n"
    script += (
        "name, *sys.argv[1:] = sys.argv[1:]; runpy.run_module(name, run_name='__main__', alter_sys=True)"
    )
    earlier = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "kept.db").write_bytes(gzip.decompress(KEPT.read_bytes()))
        subprocess.run(
            [sys.executable, "-c", script, *arguments], cwd=folder, capture_output=True, check=False
        )
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return now.ru_utime + now.ru_stime - earlier.ru_utime - earlier.ru_stime


def _commit(checkout: Path) -> str:
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
