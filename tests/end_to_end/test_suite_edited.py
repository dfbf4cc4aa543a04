"""A suite file that was edited between the start of a run and its resumption."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import Outcome
from tests.tiny_runs import NAMES, write_suite

BIRDS, CLOUDS, DOORS, ENGINES = NAMES


def query(text: str) -> list[tuple[Any, ...]]:
    """The rows that the database holds."""
    with closing(sqlite3.connect("runs.db")) as connection:
        return connection.execute(text).fetchall()


def standing() -> list[tuple[Any, ...]]:
    """How the runs stand."""
    return query("SELECT name, status, message, finished_at FROM runs")


def list_tasks(names: Sequence[str]) -> None:
    """Let the suite name these tasks; the files stay as they are, and those of new names are there."""
    for name in names:
        if not Path(f"{name}.csv").exists():
            Path(f"{name}.csv").write_text(Path(f"{BIRDS}.csv").read_text(encoding="utf-8"))
    tasks = [
        f'[[task]]\nname = "{name}"\ntrain = "{name}.csv"\ntext = "text"\nlabel = "label"' for name in names
    ]
    Path("tiny.toml").write_text("\n".join(['name = "tiny"', *tasks]) + "\n", encoding="utf-8")


def refused(outcome: Outcome, *words: str) -> None:
    """One sentence with these words on standard error, and exit code 2."""
    assert outcome.code == 2, outcome.err
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("\n") == 1
    assert [word for word in words if word not in outcome.err] == []


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ((BIRDS, DOORS, CLOUDS), ("at position 1", "'clouds'", "'doors'")),
        ((CLOUDS, BIRDS, DOORS), ("at position 0", "'birds'", "'clouds'")),
        ((BIRDS, DOORS), ("at position 1", "'clouds'", "'doors'")),
        ((BIRDS, CLOUDS), ("at position 2", "'doors'", "no task")),
        ((BIRDS, CLOUDS, "windows"), ("at position 2", "'doors'", "'windows'")),
        ((BIRDS, CLOUDS, DOORS, ENGINES), ("at position 3", "no task", "'engines'")),
    ],
    ids=["swapped", "first swapped", "removed", "last removed", "renamed", "appended"],
)
def test_a_run_under_way_is_not_continued_with_other_tasks(
    run: Callable[..., Outcome], names: Sequence[str], words: Sequence[str]
) -> None:
    """The first position that differs is named, nothing is learned, and the run stands as it stood."""
    good = Path("clouds.csv").read_text(encoding="utf-8")
    Path("clouds.csv").write_text(good.replace("label", "lable"), encoding="utf-8")
    assert run("--name", "mine", "--epochs", "1").code == 2
    Path("clouds.csv").write_text(good, encoding="utf-8")
    before = standing()
    list_tasks(names)
    refused(run("--name", "mine", "--epochs", "1", "--resume"), "'mine'", "--name", *words)
    assert query("SELECT position, name FROM tasks") == [(0, BIRDS)]
    assert standing() == before
    list_tasks((BIRDS, CLOUDS, DOORS))
    assert run("--name", "mine", "--epochs", "1", "--resume").code == 0
    assert query("SELECT position, name FROM tasks") == [(0, BIRDS), (1, CLOUDS), (2, DOORS)]


def test_a_finished_run_stays_finished_after_a_mistake(run: Callable[..., Outcome]) -> None:
    """An appended task, and a report that cannot be written, leave its status and its time as they were."""
    given = ("--name", "mine", "--epochs", "1", "--resume")
    assert run(*given).code == 0
    before = standing()
    assert before[0][:2] == ("mine", "finished")
    write_suite(Path(), NAMES)
    refused(run(*given), "at position 3", "'engines'")
    assert standing() == before
    write_suite(Path())
    Path("taken/summary.md").mkdir(parents=True)
    refused(run(*given, "--out", "taken"), "cannot write taken/summary.md")
    assert standing() == before


def test_a_new_run_whose_reports_cannot_be_written_is_finished(run: Callable[..., Outcome]) -> None:
    """Everything was learned and recorded; only its files are missing."""
    Path("taken/summary.md").mkdir(parents=True)
    refused(run("--name", "mine", "--epochs", "1", "--out", "taken"), "cannot write taken/summary.md")
    assert standing()[0][:3] == ("mine", "finished", "")


def test_an_order_by_size_is_the_recorded_one(run: Callable[..., Outcome]) -> None:
    """A file that grew would give another order of arrival; the run is judged by the recorded names."""
    for name, num_rows in ((BIRDS, 60), (CLOUDS, 70), (DOORS, 80)):
        write_suite(Path(), [name], num_rows)
    list_tasks((BIRDS, CLOUDS, DOORS))
    given = ("--name", "mine", "--epochs", "1", "--order", "smallest-first")
    assert run(*given).code == 0
    write_suite(Path(), [BIRDS], 90)
    list_tasks((BIRDS, CLOUDS, DOORS))
    refused(run(*given, "--resume"), "at position 0", "'birds'", "'clouds'")
