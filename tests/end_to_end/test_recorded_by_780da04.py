"""What the program recorded at commit 780da04, and what it said of it then, against the program of today.

`tests/kept/780da04` holds two databases of that commit, the tiny backbone and suites they were made with, the
commands as given, and the CSV files of all reports; `make.sh` there made it. Bits are compared where this
machine computes as the recording one did; elsewhere the tests ask for what does not depend on the machine.

Tables are read with `sqlite3` and programs are called by the names a user gives them, so nothing here depends
on where the modules of the project lie.
"""

import csv
import gzip
import json
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "tests" / "kept" / "780da04"
RECORDED, KILLED = "recorded.sqlite", "killed.sqlite"
"""The databases kept: of finished runs, and of the run that was killed."""
FRESH, WIDER = "fresh.sqlite", "wider.sqlite"
"""Databases of today: one that did not exist, and a copy of the finished runs to which one is added."""
RUNS = (
    *("kinds-seed-0", "kinds-seed-1"),
    *("all-lora-rank-2-alpha-4", "all-prefix-length-3-hidden-8", "all-layer-norm", "all-feature"),
    *("all-adapter-l", "all-fine-tune-1", "all-fine-tune", "all-sequential", "all-joint", "all-no-bert"),
    *("form", "sampled", "chosen-seed-0", "chosen-seed-1", "study", "latency", "straight"),
)
"""All runs that were finished, in the order they were made in."""
NUM_REPORTS = 18 * 4 + 2 + 1 + 2 + 1 + 4
"""CSV files kept: 4 of each stream and of the killed one, 1 more of each run that chose and of the one whose
adapters were removed, 2 of the study that trained, 1 of the one of times, 4 of the comparison."""
LAST_COMMAND = -1
"""Of `commands.txt`: the one that made `straight`, which was killed once and left alone once."""

ADDED_SINCE = {"metrics.csv"}
"""Reports that 780da04 did not write."""
CLOCKS = frozenset({"seconds", "reused_seconds", "removed_at", "row_sha256"})
"""Columns that hold times, and the digest of a row, which covers its times."""
LOADED = ("tasks", "test_sets")
"""The tables of what was read."""
COMPUTED = ("epochs", "parameters", "learned_splits", "evaluations", "trials", "measurements")
"""The tables of what was learned and evaluated."""
SETTLED = (
    *("name", "status", "suite", "method", "isolated", "regime", "task_names"),
    *("backbone", "backbone_sha256", "backbone_params", "backbone_bytes"),
)
"""Columns of a run that follow from the command alone."""
OF_THE_MACHINE = ("device", "cpu_capability", "torch_version", "library")
"""The parts of an evaluation plan that the program does not decide; the others have to follow from them."""

CALLER = """
import contextlib, io, json, runpy, sys, traceback
from matplotlib.figure import Figure

drawn = Figure.savefig
Figure.savefig = lambda self, *given, **options: drawn(Figure(), *given, **options)
outcomes = []
for words in json.load(sys.stdin):
    sys.argv, printed, code = list(words), io.StringIO(), 0
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        except SystemExit as ended:
            code = ended.code
        except BaseException:
            code = traceback.format_exc()
    outcomes.append((code, printed.getvalue()))
json.dump(outcomes, sys.stdout)
"""
"""One process in which `python -m` is called for one command after the other, as starting it takes seconds.

Figures are left empty: no test here looks at them, and they would take most of the time. The process is not
that of the tests, whose mask pools are small: they would give other bits."""

Row = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Called:
    """How a command ended."""

    words: Sequence[str]
    code: int | str | None
    """Its exit code, or the traceback of what it let through."""
    printed: str


def kept_copy(folder: Path) -> Path:
    """A copy of what is kept with its databases unpacked, in which paths are as they were."""
    home = folder / "home"
    shutil.copytree(KEPT, home)
    for name in (RECORDED, KILLED):
        (home / name).write_bytes(gzip.decompress((home / f"{name}.gz").read_bytes()))
    shutil.move(home / "reports", home / "reported")
    return home


def called(home: Path, *commands: Sequence[str]) -> list[Called]:
    """The outcomes of commands given in the folder one after the other, on one thread as then."""
    environment = {name: value for name, value in os.environ.items() if name != "STREAM_DATA"}
    environment |= {"PYTHONPATH": str(ROOT), "STREAM_CACHE": str(home / "cache"), "HF_HUB_OFFLINE": "1"}
    environment |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CALLER],
        cwd=home,
        env=environment,
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout)
    return [
        Called(words=words, code=code, printed=printed)
        for words, (code, printed) in zip(commands, outcomes, strict=True)
    ]


def on(database: str, *words: str) -> list[str]:
    """A command on a database of the folder."""
    return [*words, "--db", f"sqlite:///{database}"]


def recorded_commands() -> list[list[str]]:
    """The commands that made the recorded runs, without the database."""
    lines = (KEPT / "commands.txt").read_text(encoding="utf-8").splitlines()
    return [shlex.split(line) for line in lines if not line.startswith("#")]


def rows(database: Path, query: str, *values: str) -> list[dict[str, Any]]:
    """The rows of a query."""
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query, values)]


def rows_of(database: Path, table: str, columns: Sequence[str], runs: Sequence[str]) -> list[Row]:
    """The rows of a table that belong to these runs, each with its run's name; times are left out."""
    marks = ",".join("?" * len(runs))
    chosen = ",".join(f"t.{column}" for column in columns)
    query = f"SELECT r.name AS run, {chosen} FROM {table} t JOIN runs r ON r.id = t.run_id"
    found = [timeless(row) for row in rows(database, f"{query} WHERE r.name IN ({marks})", *runs)]
    return sorted((tuple(row.items()) for row in found if row.get("study") != "latency"), key=repr)


def timeless(row: dict[str, Any]) -> dict[str, Any]:
    """The row without the seconds that the epochs of a trial's history took."""
    if "history" in row:
        row["history"] = [{**epoch, "seconds": 0.0} for epoch in json.loads(row["history"])]
    return row


def columns_of(database: Path, table: str) -> list[str]:
    """The columns that the recorded table has, but clocks and the number of the run."""
    names = [row["name"] for row in rows(database, f"SELECT name FROM pragma_table_info('{table}')")]
    return [name for name in names if name not in CLOCKS | {"run_id"}]


def machines(database: Path) -> set[tuple[str | None, ...]]:
    """The machines and versions of libraries that the plans of a database name."""
    plans = [json.loads(row["content"]) for row in rows(database, "SELECT content FROM plans")]
    return {tuple(plan.get(part) for part in OF_THE_MACHINE) for plan in plans}


def computed_alike(home: Path, database: str) -> bool:
    """Whether whatever was computed into a database was computed as on the recording machine."""
    return machines(home / database) <= machines(home / RECORDED)


def assert_same_tables(home: Path, database: str, runs: Sequence[str] = RUNS) -> None:
    """The rows of these runs are the recorded ones; what the machine decides is asked of one alike only."""
    for table in (*LOADED, *(COMPUTED if computed_alike(home, database) else ())):
        columns = columns_of(home / RECORDED, table)
        then, now = (rows_of(home / name, table, columns, runs) for name in (RECORDED, database))
        assert now == then, table


def assert_holds(then: Any, now: Any, where: str = "configuration") -> None:
    """Every recorded setting has its recorded value; settings that came since are none of our business."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for key, value in then.items():
            assert key in now, f"{where}.{key}"
            assert_holds(value, now[key], f"{where}.{key}")
    else:
        assert now == then, where


def table_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file without the columns of clocks."""
    with path.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    return [{name: cell for name, cell in row.items() if name not in CLOCKS} for row in found]


def reports_of(folder: Path) -> dict[str, Path]:
    """The CSV files below a folder by their path in it, but for those that came since."""
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*.csv"))}
    return {name: path for name, path in files.items() if path.name not in ADDED_SINCE}


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Called], list[Called]]:
    """A folder in which all runs were verified, and then reported and compared into `again`."""
    home = kept_copy(tmp_path_factory.mktemp("looked-at"))
    verified = [on(RECORDED, "stream.verify", "--run", run, "--device", "cpu") for run in RUNS]
    shown = [on(RECORDED, "stream.report", "--run", run, "--out", f"again/{run}") for run in RUNS]
    shown += [on(KILLED, "stream.report", "--run", "straight", "--out", "again/killed")]
    shown += [on(RECORDED, "stream.compare", "--out", "again/compare")]
    outcomes = called(home, *verified, *shown)
    return home, outcomes[: len(verified)], outcomes[len(verified) :]


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeAgain:
    """What recorded commands did when they were given again."""

    home: Path
    fresh: Sequence[Called]
    """All of them, on a database that did not exist."""
    resumed: Called
    """The last one, on the database of the run that was killed."""
    verified: Called
    """That run then."""
    added: Called
    """The last one under another name, on a database that holds what it would train."""


@pytest.fixture(scope="module")
def made_again(tmp_path_factory: pytest.TempPathFactory) -> MadeAgain:
    """A folder in which the recorded commands were given again."""
    home, commands = kept_copy(tmp_path_factory.mktemp("made-again")), recorded_commands()
    shutil.copy(home / RECORDED, home / WIDER)
    *fresh, resumed, verified, added = called(
        home,
        *(on(FRESH, *words) for words in commands),
        on(KILLED, *commands[LAST_COMMAND], "--resume", "--out", "resumed"),
        on(KILLED, "stream.verify", "--run", "straight", "--device", "cpu"),
        on(WIDER, *commands[LAST_COMMAND], "--name", "again"),
    )
    return MadeAgain(home=home, fresh=fresh, resumed=resumed, verified=verified, added=added)


def test_every_recorded_run_verifies(looked_at: tuple[Path, list[Called], list[Called]]) -> None:
    """Each ends with 0; with 3, that bits cannot be compared, only where another machine recorded."""
    home, verified, _ = looked_at
    recorded = [row["name"] for row in rows(home / RECORDED, "SELECT name FROM runs ORDER BY id")]
    assert recorded == list(RUNS)
    if {one.code for one in verified} != {0}:
        (made,) = called(home, on(FRESH, *recorded_commands()[LAST_COMMAND]))
        assert made.code == 0, made.printed
        allowed = {0} if computed_alike(home, FRESH) else {0, 3}
        assert [one for one in verified if one.code not in allowed] == []


def test_reports_and_comparison_are_those_of_then_byte_for_byte(
    looked_at: tuple[Path, list[Called], list[Called]],
) -> None:
    """The CSV files of every run, the killed one among them, say the same; their times are recorded too."""
    home, _, shown = looked_at
    assert [one for one in shown if one.code != 0] == []
    then, now = reports_of(home / "reported"), reports_of(home / "again")
    assert len(then) == NUM_REPORTS
    assert list(now) == list(then)
    assert [name for name in then if now[name].read_bytes() != then[name].read_bytes()] == []


def test_the_same_commands_leave_the_same_rows(made_again: MadeAgain) -> None:
    """Every method, kind of task, choice and study: settings, recipes, parameters and logits, bit for bit."""
    home = made_again.home
    assert [one for one in made_again.fresh if one.code != 0] == []
    then, now = (rows(home / name, "SELECT * FROM runs ORDER BY id") for name in (RECORDED, FRESH))
    assert [[run[key] for key in SETTLED] for run in now] == [[run[key] for key in SETTLED] for run in then]
    for before, after in zip(then, now, strict=True):
        assert_holds(json.loads(before["configuration"]), json.loads(after["configuration"]), before["name"])
    assert_same_tables(home, FRESH)


def test_the_same_commands_leave_the_same_reports(made_again: MadeAgain) -> None:
    """What a run writes at its end is what was reported of the recorded one, but for the clocks."""
    home = made_again.home
    if not computed_alike(home, FRESH):
        pytest.skip("this machine computes other bits than the recording one")
    then, now = reports_of(home / "reported"), reports_of(home / "runs")
    others = ("compare/", "killed/", "latency/")
    names = [name for name in then if not name.startswith(others)]
    assert [name for name in now if not name.startswith((*others, "again/"))] == names
    assert [name for name in names if table_of(now[name]) != table_of(then[name])] == []


def test_the_killed_run_goes_on_to_the_end_of_the_undisturbed_one(
    made_again: MadeAgain, tmp_path: Path
) -> None:
    """What it held is not learned again; rows, reports and proof are those of the run that was left alone."""
    home, resumed = made_again.home, made_again.resumed
    assert resumed.code == 0, resumed.printed
    # four epochs of the first task, and the one of the second that ended before the checkpoint: with their
    # times, which would be others had they been learned again
    done = "SELECT position, epoch, seconds FROM epochs WHERE position = 0 OR epoch = 0 ORDER BY 1, 2"
    before = rows(kept_copy(tmp_path) / KILLED, done)
    assert len(before) == 4 + 1
    assert rows(home / KILLED, done) == before
    assert list((home / f"{KILLED}.files").rglob("*.safetensors")) == []
    assert_same_tables(home, KILLED, ["straight"])
    if computed_alike(home, KILLED):
        assert "Proof: proven bit for bit" in resumed.printed
        assert made_again.verified.code == 0, made_again.verified.printed
        then, now = reports_of(home / "reported" / "straight"), reports_of(home / "resumed")
        assert list(now) == list(then)
        assert [name for name in then if table_of(now[name]) != table_of(then[name])] == []


def test_what_was_recorded_is_taken_over(made_again: MadeAgain) -> None:
    """A run of the same recipe in the database of then trains nothing and says which run it took."""
    home, added = made_again.home, made_again.added
    assert added.code == 0, added.printed
    if not computed_alike(home, WIDER):
        pytest.skip("this machine's number format may make another recipe")
    for task in ("birds", "clouds"):
        assert f"{task} is not trained again: run 'straight' holds it" in added.printed
    query = "SELECT sha256, recipe_sha256 FROM parameters WHERE run_id = (SELECT id FROM runs WHERE name = ?)"
    then, now = (rows(home / WIDER, f"{query} ORDER BY position", name) for name in ("straight", "again"))
    assert now == then
