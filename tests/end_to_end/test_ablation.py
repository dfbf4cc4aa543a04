"""`python -m stream.study ablation` as its user meets it."""

import csv
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from db import Database
from db.records import Owner
from stream import report
from stream.compare import __main__ as compare
from stream.study import __main__ as study
from stream.study.ablation.spans import SpanEvaluator
from tests.end_to_end.conftest import Outcome
from tests.tiny_runs import flip_bit, recorded_rows, write_suite_of_kinds

TASKS = "birds,clouds"
FILES = {
    *("ablation.csv", "ablation.md", "ablation-birds.png", "ablation-birds.svg"),
    *("ablation-clouds.png", "ablation-clouds.svg"),
}
Call = Callable[..., Outcome]


@pytest.fixture
def trained(home: Path, run: Call) -> Path:
    """A folder with a finished run `mine` of two tasks."""
    assert run("--tasks", TASKS, "--name", "mine").code == 0
    return home


@pytest.fixture
def ablate(capsys: pytest.CaptureFixture[str]) -> Call:
    """The study on the run `mine`."""

    def call(*options: str) -> Outcome:
        code = study.main(["ablation", "--run", "mine", *options])
        captured = capsys.readouterr()
        return Outcome(code=code, out=captured.out, err=captured.err)

    return call


def read_table(folder: Path) -> list[dict[str, str]]:
    """The rows of ablation.csv."""
    with (folder / "ablation.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_span_of_every_task_is_measured(trained: Path, ablate: Call) -> None:
    """Two layers have three spans a task; the value with all adapters is the one recorded at training."""
    outcome = ablate()
    assert outcome.code == 0, outcome.err
    folder = trained / "runs/mine/studies"
    assert {path.name for path in folder.iterdir()} == FILES
    rows = read_table(folder)
    spans = [("0", "0"), ("0", "1"), ("1", "1")]
    found = [(row["task"], row["first_layer"], row["last_layer"]) for row in rows]
    assert found == [(task, *span) for task in ("birds", "clouds") for span in spans]
    with Database.open("sqlite:///runs.db", read_only=True) as database:
        recorded = [one.valid for one in database.ledger("mine").parameters(owner=Owner.OWN)]
    assert [float(row["value_without_removal"]) for row in rows[::3]] == pytest.approx(recorded)
    for row in rows:
        value, whole = float(row["value"]), float(row["value_without_removal"])
        assert float(row["relative_change"]) == pytest.approx(value / whole - 1)
        assert (row["metric"], row["data"], row["num_examples"]) == ("accuracy", "real", "8")
    assert "birds: accuracy" in outcome.out
    assert outcome.out.endswith(f"reports: {Path('runs/mine/studies')}\n")


def test_what_is_held_is_not_measured_again(
    trained: Path, ablate: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second call writes the same files without loading data, backbone or evaluating anything."""
    ablate()
    folder = trained / "runs/mine/studies"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr("stream.study.ablation.work.recorded_learner", None)
    monkeypatch.setattr("stream.study.ablation.work.load_task", None)
    assert ablate().code == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_study_that_was_killed_goes_on(
    trained: Path, ablate: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted after one row it keeps that row, and ends with the rows of an undisturbed study."""
    ablate()
    straight = recorded_rows(trained / "runs.db")["measurements"]
    with closing(sqlite3.connect(trained / "runs.db")) as connection, connection:
        connection.execute("DELETE FROM measurements")
    rows_from = SpanEvaluator.without_spans_from
    asked: list[int] = []

    def interrupted(self: SpanEvaluator, first: int) -> object:
        asked.append(first)
        if asked == [0, 1]:
            raise KeyboardInterrupt
        return rows_from(self, first)

    monkeypatch.setattr(SpanEvaluator, "without_spans_from", interrupted)
    outcome = ablate()
    assert outcome.code == 130
    assert "the same command goes on" in outcome.err
    assert len(recorded_rows(trained / "runs.db")["measurements"]) == 2
    assert ablate().code == 0
    assert asked == [0, 1, 1, 0, 1]
    assert recorded_rows(trained / "runs.db")["measurements"] == straight


def test_reports_of_the_run_gain_the_ablation(
    trained: Path, ablate: Call, run: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    """Page, summary, comparison and a resumed run show it; without measurements none of them mentions it."""
    page, summary = trained / "runs/mine/report.html", trained / "runs/mine/summary.md"
    assert "Ablation" not in page.read_text(encoding="utf-8") + summary.read_text(encoding="utf-8")
    ablate("--tasks", "birds", "--out", "elsewhere")
    assert report.main(["--run", "mine"]) == 0
    assert "Ablation: birds: accuracy" in capsys.readouterr().out
    shown = page.read_text(encoding="utf-8")
    assert "<h2>Ablation</h2>" in shown
    assert 'id="ablation-birds-' in shown
    assert "- **Ablation**: birds: accuracy" in summary.read_text(encoding="utf-8")
    studied = trained / "runs/mine/studies/ablation.csv"
    assert studied.read_bytes() == (trained / "elsewhere/ablation.csv").read_bytes()
    assert compare.main([]) == 0
    assert "ablation of mine: birds: accuracy" in capsys.readouterr().out
    assert "Ablation: birds" in run("--tasks", TASKS, "--name", "mine", "--resume").out


def test_other_data_are_refused(trained: Path, ablate: Call) -> None:
    """A file that changed since gives another fingerprint: one sentence, and nothing is measured."""
    file = trained / "clouds.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("class 0", "class 2", 1), encoding="utf-8")
    outcome = ablate("--tasks", "clouds")
    assert outcome.code == 2
    assert "Task 'clouds' is real data with fingerprint" in outcome.err
    assert "--data-home or STREAM_DATA" in outcome.err
    assert recorded_rows(trained / "runs.db")["measurements"] == []
    assert ablate("--tasks", "birds").code == 0


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--tasks", "birdz"), "has no task 'birdz'; did you mean 'birds'?"),
        (("--run", "yours"), "holds no run named 'yours'; the runs are: mine"),
        (("--db", "sqlite:///other.db"), "There is no database"),
    ],
)
def test_mistakes_are_answered_in_one_sentence(
    trained: Path, ablate: Call, options: tuple[str, ...], expected: str
) -> None:
    """The user's mistakes end with exit code 2 and create nothing."""
    outcome = ablate(*options)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert expected in outcome.err
    assert not (trained / "other.db").exists()


def test_a_method_without_adapters_is_refused(home: Path, run: Call, ablate: Call) -> None:
    """LoRA has no bottleneck adapters to remove."""
    assert run("--tasks", "birds", "--name", "mine", "--method", "lora:2").code == 0
    outcome = ablate()
    assert outcome.code == 2
    assert "no bottleneck adapters to remove; choose a run of houlsby or adapter-l" in outcome.err


def test_damaged_tensors_are_found(trained: Path, ablate: Call) -> None:
    """One flipped bit in stored parameters ends the study with exit code 1, and the run's name is in it."""
    flip_bit(trained / "runs.db", "SELECT sha256 FROM parameters", place=1.0)
    outcome = ablate()
    assert outcome.code == 1
    assert "Damaged: own parameters of run 'mine'" in outcome.err


def test_pairs_and_scores_are_ablated(home: Path, run: Call, ablate: Call) -> None:
    """A regression has no majority class and says why; a pair task has one, by its F1."""
    write_suite_of_kinds(home)
    assert run("--suite", "kinds.toml", "--name", "mine").code == 0
    outcome = ablate()
    assert outcome.code == 0, outcome.err
    rows = {row["task"]: row for row in read_table(home / "runs/mine/studies")}
    assert (rows["scores"]["metric"], rows["pairs"]["metric"]) == ("spearman", "f1")
    assert rows["scores"]["majority_class"] == ""
    assert "majority_class empty: there are no classes" in rows["scores"]["notes"]
    assert rows["pairs"]["majority_class"] != ""
