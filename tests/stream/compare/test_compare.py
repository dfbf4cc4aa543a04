"""`python -m stream.compare` over databases of made records."""

from collections.abc import Callable
from dataclasses import fields, replace
from hashlib import sha256
from pathlib import Path

import pytest

from db import Database, Ledger
from db.records import NewRun, PlanRecord, RunStatus
from stream.compare import __main__ as compare
from stream.compare.comparing import finished_runs
from stream.errors import UserError
from tests.stream.made_runs import made_evaluation, made_parameters, made_run, made_task

Call = Callable[..., tuple[int, str, str]]


def hash_of(text: str) -> str:
    """SHA-256 of a text in hex."""
    return sha256(text.encode()).hexdigest()


def store(
    database: Database,
    name: str,
    *,
    task: str = "a",
    changed: bool = False,
    status: RunStatus | None = None,
) -> None:
    """Record a run of one task, evaluated once; `changed` gives it other logits than in memory."""
    run = made_run(task, name=name)
    ledger = database.create_run(NewRun(**{part.name: getattr(run, part.name) for part in fields(NewRun)}))
    ledger.record_plan(PlanRecord(sha256=hash_of("plan"), content={"threads": 1}))
    ledger.record_task(made_task(0, task))
    _record(ledger, changed)
    ledger.set_status(status or RunStatus.FINISHED)


def _record(ledger: Ledger, changed: bool) -> None:
    hashes = {"plan_sha256": hash_of("plan")}
    learned = replace(
        made_parameters(0, 0.5),
        sha256=hash_of("tensors"),
        num_bytes=len("tensors"),
        recipe_sha256=hash_of("recipe"),
        learned_logits_sha256=hash_of("logits"),
        learned_predictions_sha256=hash_of("predictions"),
        **hashes,
    )
    evaluation = replace(
        made_evaluation(0, 0, 0.5),
        logits_sha256=hash_of("other" if changed else "logits"),
        predictions_sha256=hash_of("predictions"),
        **hashes,
    )
    ledger.record_parameters([(learned, b"tensors")], b"predictions")
    ledger.record_evaluation(evaluation, b"predictions")


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with two finished runs and an interrupted one."""
    address = f"sqlite:///{tmp_path}/runs.db"
    with Database.open(address) as database:
        store(database, "one")
        store(database, "two")
        store(database, "third", status=RunStatus.INTERRUPTED)
    return address


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """The command in a folder of its own: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)

    def called(*options: str) -> tuple[int, str, str]:
        code = compare.main(options)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return called


def test_all_finished_runs_are_compared(call: Call, url: str) -> None:
    """Without --runs every finished run has a column, and the others are named with their status."""
    code, out, _ = call("--db", url)
    assert code == 0
    assert "left out: third is interrupted; name it with --runs" in out
    assert "(one)" in out
    assert "(two)" in out
    assert out.rstrip().endswith("comparison: compare")
    assert len(list(Path("compare").iterdir())) == 6  # no forgetting.png: nothing was evaluated again


def test_runs_are_chosen_by_name(call: Call, url: str) -> None:
    """Named runs stand in the order given, an interrupted one with a note; the folder can be chosen."""
    code, out, _ = call("--db", url, "--runs", "third, one", "--out", "elsewhere")
    assert code == 0
    assert out.index("(third)") < out.index("(one)")
    assert "note: houlsby (third) is interrupted: 1 of 1 tasks learned" in out
    assert Path("elsewhere/compare.html").is_file()


def test_a_broken_promise_ends_with_1(call: Call, url: str) -> None:
    """An isolated run whose logits changed makes the comparison fail, after it was written."""
    with Database.open(url) as database:
        store(database, "broken", changed=True)
    code, out, _ = call("--db", url, "--runs", "one,broken")
    assert code == 1
    assert "failed" in out


def test_runs_of_other_tasks_are_told_apart_first(call: Call, url: str) -> None:
    """The first line says which finished runs share tasks and how to choose them."""
    with Database.open(url) as database:
        store(database, "other", task="b")
    code, out, _ = call("--db", url)
    assert code == 0
    assert out.startswith("No task was evaluated in all of these 3 runs")
    told = " ".join(out.split())
    assert "Runs that share tasks: one, two; other (--runs one,two shows one of these groups" in told
    code, out, _ = call("--db", url, "--runs", "one,two")
    assert "No task" not in out


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--runs", "onee"), "did you mean 'one'?"),
        (("--runs", "one,two,one"), "--runs names one twice; name each run once."),
        (("--runs", " , "), "--runs names no run"),
        (("--out", "runs.db"), "choose a writable folder with --out"),
        (("--db", "sqlite:///other.db"), "There is no database"),
    ],
)
def test_mistakes_are_answered_in_one_sentence(
    call: Call, url: str, options: tuple[str, ...], expected: str
) -> None:
    """The user's mistakes end with exit code 2 and say what to do."""
    code, _, err = call("--db", url, *options)
    assert code == 2
    assert expected in err
    assert err.count("\n") == 1


def test_a_database_without_a_finished_run_is_a_mistake() -> None:
    """The error names what there is and both ways out."""
    with pytest.raises(UserError, match=r"made \(running\); finish one with --resume, or name runs"):
        finished_runs([made_run("a")])
    with pytest.raises(UserError, match="it holds none"):
        finished_runs([])
