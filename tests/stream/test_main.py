"""All commands under one name."""

import subprocess
import sys
from pathlib import Path

import pytest

from stream.__main__ import COMMANDS, main

ROOT = Path(__file__).parents[2]


def test_every_door_is_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Each command's help is that of its own module, and the list names them all."""
    doors = {path.stem for path in (ROOT / "stream").glob("*.py")} - {"__init__", "__main__"}
    annexes = {path.parent.name for path in (ROOT / "stream").glob("*/__main__.py")}
    assert set(COMMANDS) == doors - {"errors", "process", "words"} | annexes | {"tasks"}
    assert main(["--help"]) == 0
    listed = capsys.readouterr().out
    assert all(f"  {name} " in listed for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_commands_help_is_its_own(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What stands behind the name goes to the command."""
    with pytest.raises(SystemExit) as ending:
        main([name, "--help"])
    assert ending.value.code == 0
    assert "usage: python -m " in capsys.readouterr().out


def test_a_mistaken_command_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    """The nearest name is offered; no name at all gets the list, and exit code 2."""
    assert main(["verfy"]) == 2
    assert "did you mean 'verify'?" in capsys.readouterr().err
    assert main([]) == 2


def test_folders_of_the_packages_names_are_not_in_the_way(tmp_path: Path) -> None:
    """Where a command runs there may be folders db, tasks and stream."""
    for name in ("db", "tasks", "stream"):
        (tmp_path / name).mkdir()
    command = Path(sys.executable).with_name("task-stream")
    for called in ([command, "report", "--help"], [sys.executable, "-m", "stream.report", "--help"]):
        done = subprocess.run(called, cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("stranger", ["db.py", "tasks.py", "db/__init__.py", "tasks/__init__.py"])
def test_a_module_in_the_way_is_named(tmp_path: Path, stranger: str) -> None:
    """A module of the user's that hides a package is named in one sentence; task-stream goes on."""
    (tmp_path / stranger).parent.mkdir(exist_ok=True)
    (tmp_path / stranger).write_text("")
    command = [sys.executable, "-m", "stream.report", "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {tmp_path / stranger} is found in the place of")
    assert done.stderr.count("\n") == 1
    beside = [Path(sys.executable).with_name("task-stream"), "report", "--help"]
    assert subprocess.run(beside, cwd=tmp_path, capture_output=True).returncode == 0
