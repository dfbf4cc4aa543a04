"""Real processes: Ctrl-C, two on one run, a viewer beside them."""

import shlex
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import db.storage.locks
from db import Database, Ledger
from stream import watch
from stream.commands import options
from stream.commands.place import resume_command
from stream.display import Display
from stream.engine import session
from stream.engine.scheduler import TaskStream
from stream.learning.learner import Learner
from stream.results.run_results import RunResults, load_results
from stream.run import main, parser
from tests.end_to_end.conftest import Outcome

ROOT = Path(__file__).parents[2]


def heeding_interrupts() -> None:
    """Undo what a shell does to its background jobs: they ignore Ctrl-C, and so would their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def under_way(home: Path, tiny_folder: Path) -> Iterator[subprocess.Popen[str]]:
    """`python -m stream.run` in a process of its own, inside a training that would take minutes."""
    words = [sys.executable, "-m", "stream.run", "--suite", "tiny.toml", "--backbone", str(tiny_folder)]
    words += ["--adapter-size", "4", "--epochs", "5000", "--display", "plain"]
    with subprocess.Popen(
        words,
        cwd=home,
        env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "STREAM_CACHE": str(home / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heeding_interrupts,
    ) as process:
        assert process.stdout is not None
        while "epoch" not in (line := process.stdout.readline()):
            assert line, process.stderr.read() if process.stderr else ""
        yield process
        process.kill()


def stored_statuses() -> dict[str, str]:
    """Status of each run as it stands in the table, whoever reads it."""
    connection = sqlite3.connect("runs.db")
    rows = connection.execute("SELECT name, status FROM runs").fetchall()
    connection.close()
    return dict(rows)


def test_a_run_in_another_process_is_seen_held_and_interrupted(
    run: Callable[..., Outcome],
    under_way: subprocess.Popen[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is watched, refused to a second process, and Ctrl-C leaves it resumable with exit code 130."""
    monkeypatch.setattr(db.storage.locks, "PATIENCE_SECONDS", 0.01)
    assert watch.main(["--once"]) == 0
    assert "birds" in capsys.readouterr().out
    second = run("--name", "tiny-houlsby-quick", "--epochs", "5000", "--resume")
    assert second.code == 2
    assert "held by another live process" in second.err
    assert stored_statuses() == {"tiny-houlsby-quick": "running"}

    under_way.send_signal(signal.SIGINT)
    _, errors = under_way.communicate()
    assert under_way.returncode == 130
    assert "Traceback" not in errors
    assert errors.startswith("interrupted; everything done so far is saved. Go on with:\n")
    assert stored_statuses() == {"tiny-houlsby-quick": "interrupted"}

    # the printed command is accepted, as far as it can be told without training for minutes
    monkeypatch.setattr(session, "simulate", leaving_it_at_that)
    command = shlex.split(errors.splitlines()[1])
    assert command[:3] == ["python", "-m", "stream.run"]
    assert main(command[3:]) == 0
    assert "none of 3 learned yet" in capsys.readouterr().out
    with Database.open("sqlite:///runs.db", read_only=True) as database:
        assert database.run_names() == ["tiny-houlsby-quick"]


def test_an_interrupted_run_with_a_numbered_name_is_resumed_under_it(
    run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command names the run that was interrupted, not the first one of that default name."""
    assert run("--tasks", "birds").code == 0
    monkeypatch.setattr(session, "simulate", interrupting)
    interrupted = run("--tasks", "birds")
    assert interrupted.code == 130
    assert interrupted.err.rstrip().endswith("--name tiny-houlsby-quick-2 --resume")
    assert stored_statuses() == {"tiny-houlsby-quick": "finished", "tiny-houlsby-quick-2": "interrupted"}


def leaving_it_at_that(
    stream: TaskStream, learner: Learner, ledger: Ledger, display: Display, learn: object
) -> RunResults:
    """A loop that learns nothing more."""
    results = load_results(ledger)
    display.run_started(results)
    return results


def interrupting(*given: object) -> None:
    """A loop in which the user presses Ctrl-C."""
    raise KeyboardInterrupt


def test_nothing_is_promised_before_anything_was_started(
    run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the suite is read leaves no run, and no command to resume one."""
    monkeypatch.setattr(options, "open_suite", interrupting)
    outcome = run()
    assert (outcome.code, outcome.err) == (130, "interrupted before anything was started\n")
    assert not Path("runs.db").exists()


@pytest.mark.parametrize(
    ("given", "ends"),
    [
        (["--suite", "a b.toml"], "--suite 'a b.toml' --name x --resume"),
        (["--suite", "s", "--name", "x"], "--suite s --name x --resume"),
        (["--suite", "s", "--name=x", "--resume"], "--suite s --name=x --resume"),
    ],
)
def test_the_command_that_resumes_repeats_the_options(given: list[str], ends: str) -> None:
    """What was given is kept word by word, and only what is missing is added."""
    assert resume_command("stream.run", parser(), given, "x") == f"python -m stream.run {ends}"


def test_another_thread_count_does_not_disturb_verification(
    run: Callable[..., Outcome], tiny_folder: Path, home: Path
) -> None:
    """A verifying process that would use two threads takes the recorded number and proves the run."""
    assert run("--name", "mine", "--tasks", "birds,clouds").code == 0
    found = subprocess.run(
        [sys.executable, "-m", "stream.verify", "--run", "mine"],
        cwd=home,
        env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines()[-1] == "proven bit for bit: 2 of 2 tasks"
