"""The reports of a run lie in the run's own folder, whatever it is called."""

from collections.abc import Callable
from pathlib import Path

import pytest

from db import Database
from stream import report, verify
from stream.results.folder import reports_folder
from stream.service.__main__ import main as service
from stream.study.__main__ import main as study
from tests.end_to_end.conftest import Outcome
from tests.end_to_end.test_bad_input import refused


@pytest.mark.parametrize("name", ["..", "{here}/elsewhere"])
def test_no_name_writes_outside_its_folder(
    run: Callable[..., Outcome], home: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run whose name is a path is resumed, verified and reported, and leaves other files alone."""
    name = name.format(here=home)
    (home / "tasks.csv").write_text("my,own\n")
    assert run("--tasks", "birds", "--name", name).code == 0
    assert run("--tasks", "birds", "--name", name, "--resume").code == 0
    assert verify.main(["--run", name]) == 0
    assert report.main(["--run", name]) == 0
    assert service(["--run", name, "--arrivals", "all-at-once"]) == 0
    assert study(["ablation", "--run", name]) == 0
    assert (home / "tasks.csv").read_text() == "my,own\n"
    assert [folder.name for folder in (home / "runs").iterdir()] == [reports_folder(name).name]
    assert sorted(path.name for path in home.iterdir() if path.suffix != ".db" and path.is_dir()) == [
        "cache",
        "runs",
        "runs.db.files",
    ]
    assert {"service", "studies", "summary.md"} <= {path.name for path in reports_folder(name).iterdir()}


def test_two_names_of_one_path_have_two_folders(run: Callable[..., Outcome], home: Path) -> None:
    """The reports of one run are never those of another; folders below --out neither."""
    seeds = ("--tasks", "birds", "--seeds", "0,1")
    assert run(*seeds, "--name", "../b", "--out", "out/reports").code == 0
    assert len(list((home / "out/reports").iterdir())) == 2
    assert [path.name for path in (home / "out").iterdir()] == ["reports"]


@pytest.mark.parametrize("name", ["", "a\udcff"])
def test_a_name_that_cannot_be_is_refused(run: Callable[..., Outcome], home: Path, name: str) -> None:
    """One sentence, and neither a database nor a folder."""
    refused(run("--tasks", "birds", "--name", name), "name")
    assert not (home / "runs").exists()
    assert not (home / "runs.db").exists()


def test_no_command_stumbles_over_a_name_that_is_no_text(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command that takes a run's name says it in one sentence."""
    Database.open("runs.db").close()
    commands = (
        lambda: report.main(["--run", "a\udcff"]),
        lambda: verify.main(["--run", "a\udcff"]),
        lambda: service(["--run", "a\udcff", "--arrivals", "all-at-once"]),
        lambda: study(["ablation", "--run", "a\udcff"]),
        lambda: study(["latency", "--name", "a\udcff"]),
    )
    for command in commands:
        assert command() == 2
        assert "is no UTF-8 text" in capsys.readouterr().err
