"""A span task from a file of one's own, beside classifications, through the command line."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from stream import verify
from stream.plan import __main__ as plan
from tests.end_to_end.conftest import Outcome
from tests.tiny_runs import write_span_suite


@pytest.fixture
def suite(home: Path) -> str:
    """`tiny.toml` joined with a suite of one span task in the SQuAD layout."""
    return f"tiny.toml+{write_span_suite(home).name}"


def rows_of(file: str) -> list[dict[str, str]]:
    """Rows of a CSV report."""
    with Path(file).open(encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def test_a_joined_suite_holds_a_span_task(run: Callable[..., Outcome], suite: str) -> None:
    """Run, reports, verify: R holds the F1, the exact match stands beside it, nothing is forgotten."""
    outcome = run("--suite", suite, "--tasks", "birds,questions", "--name", "mixed")
    assert outcome.code == 0
    assert "questions: real data, 35 training examples, no classes\n" in outcome.out
    tasks = {row["task"]: row for row in rows_of("runs/mixed/tasks.csv")}
    assert tasks["questions"]["metric"] == "squad_f1"
    assert tasks["questions"]["secondary"].startswith("squad_exact_match=")
    assert (tasks["birds"]["num_labels"], tasks["questions"]["num_labels"]) == ("2", "")
    rows = rows_of("runs/mixed/forgetting.csv")
    assert {row["digest_equal"] for row in rows} == {"true"}
    assert [row["metric"] for row in rows] == ["accuracy", "accuracy", "squad_f1"]
    assert "squad_f1" in Path("runs/mixed/summary.md").read_text()
    assert verify.main(["--db", "sqlite:///runs.db", "--run", "mixed"]) == 0


def test_windows_follow_max_length(run: Callable[..., Outcome], suite: str) -> None:
    """A length below what windows need is refused before anything is trained; one above it is used."""
    refused = run("--suite", suite, "--tasks", "questions", "--max-length", "9", "--name", "short")
    assert refused.code == 2
    assert "--max-length is 9; windows of a question and a context need 16 or more" in refused.err
    assert run("--suite", suite, "--tasks", "questions", "--max-length", "20", "--name", "long").code == 0


@pytest.mark.parametrize("method", ["no-bert", "feature,no-bert"])
def test_no_bert_refuses_a_span_task_before_it_starts(
    run: Callable[..., Outcome], suite: str, method: str
) -> None:
    """One sentence names task and way out; no run is recorded and the other tasks are not begun."""
    outcome = run("--suite", suite, "--method", method)
    assert outcome.code == 2
    assert "no-bert searches classifiers, but task 'questions' is a span; leave it out" in outcome.err
    assert "Traceback" not in outcome.err
    assert not Path("runs").exists() or not list(Path("runs").iterdir())


def test_an_unknown_metric_of_a_span_task_is_refused(run: Callable[..., Outcome], suite: str) -> None:
    """A span task has its own metrics."""
    with Path("asked.toml").open("a") as file:
        file.write('metric = "accuracy"\n')
    outcome = run("--suite", suite)
    assert outcome.code == 2
    assert "Task 'questions' has the metric 'accuracy'; known: squad_f1, squad_exact_match" in outcome.err


def test_a_span_task_is_planned(suite: str, tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The plan counts its head of two outputs and its tokens in windows."""
    options = ["--suite", suite, "--tasks", "questions", "--backbone", str(tiny_folder)]
    assert plan.main([*options, "--adapter-size", "4", "--out", "planned", "--no-probe"]) == 0
    (row,) = rows_of("planned/plan.csv")
    assert row["head_params"] == str(2 * 32 + 2)
    assert (row["num_train"], row["num_valid"], row["num_test"]) == ("35", "4", "5")


def test_simulated_stand_ins_of_squad_can_be_run(run: Callable[..., Outcome]) -> None:
    """Without data the suite is simulated, and says so."""
    outcome = run("--suite", "squad", "--max-train", "16", "--max-test", "8", "--name", "made")
    assert outcome.code == 0
    assert "simulated" in outcome.out
    assert "simulated stand-in" in Path("runs/made/summary.md").read_text()
