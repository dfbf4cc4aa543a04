"""Commands that do not compute load nothing that does."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "tests/kept/780da04/recorded.sqlite.gz"
HEAVY = ("torch", "transformers", "datasets", "sqlalchemy", "matplotlib", "numpy")
COMMANDS = ("run", "verify", "watch", "report", "plan", "service", "compare", "study")
STREAM = ("run", "--suite", "additional17")
MISTAKES = {
    "option": ((*STREAM, "--sead", "1"), "--sead"),
    "suite": (("run", "--suite", "additonal17"), "did you mean 'additional17'?"),
    "method": ((*STREAM, "--method", "hoolsby"), "did you mean 'houlsby'?"),
    "option of a method": ((*STREAM, "--method", "lora:rang=4"), "did you mean 'rank'?"),
    "task": ((*STREAM, "--tasks", "arline"), "did you mean 'airline'?"),
    "preset": ((*STREAM, "--preset", "quik"), "did you mean 'quick'?"),
    "list": ((*STREAM, "--adapter-size", "4,x"), "--adapter-size is '4,x'"),
    "folder": ((*STREAM, "--db", "sqlite:///nowhere/runs.db"), "does not exist"),
    "two slashes": ((*STREAM, "--db", "sqlite://runs.db"), "write three slashes"),
    "memory": ((*STREAM, "--db", "sqlite://"), "gone when the command ends"),
    "kind of database": ((*STREAM, "--db", "mysql://host/x"), "'mysql', which is not supported"),
    "database of a study": (("study", "latency", "--db", "sqlite://runs.db"), "write three slashes"),
    "database of a service": (
        ("service", "--arrivals", "all-at-once", "--run", "x", "--db", "a.db"),
        "no database",
    ),
    "database": (("report", "--db", "sqlite:///none.db", "--run", "mine"), "There is no database"),
    "run": (("verify", "--db", "sqlite:///kept.db", "--run", "latncy"), "did you mean 'latency'?"),
    "watched run": (("watch", "--db", "sqlite:///kept.db", "--run", "latncy"), "did you mean 'latency'?"),
    "compared run": (("compare", "--db", "sqlite:///kept.db", "--runs", "latncy"), "did you mean 'latency'?"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder in which every heavy library ends the process that imports it."""
    for name in HEAVY:
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name} is loaded')\n")
    (tmp_path / "kept.db").write_bytes(gzip.decompress(KEPT.read_bytes()))
    return tmp_path


def call(folder: Path, command: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of the stream in the folder."""
    return subprocess.run(
        [sys.executable, "-m", f"stream.{command}", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{folder}:{ROOT}"},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_help_loads_nothing_that_computes(folder: Path, command: str) -> None:
    """The help of each command comes without any of the heavy libraries."""
    done = call(folder, command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: python -m stream.{command}" in done.stdout


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_answered_without_what_computes(folder: Path, mistake: str) -> None:
    """A mistaken option, name or path gets its sentence before anything heavy is loaded."""
    (command, *options), sentence = MISTAKES[mistake]
    done = call(folder, command, *options)
    assert done.returncode == 2, done.stderr
    assert sentence in done.stderr


def test_importing_changes_nothing_in_the_process() -> None:
    """Neither the environment nor the answer to Ctrl-C is another after `import stream`."""
    script = (
        "import os, signal; before = dict(os.environ), signal.getsignal(signal.SIGINT)\n"
        "import stream, tasks, db, stream.run\n"
        "assert before == (dict(os.environ), signal.getsignal(signal.SIGINT))"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
