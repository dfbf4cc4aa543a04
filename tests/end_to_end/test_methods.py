"""Several methods in one command, and the baselines beside the stream."""

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from db import Database
from stream import verify
from stream.display import QuietDisplay
from stream.learning import training
from stream.results.comparisons import ProofStatus
from stream.results.run_results import RunResults, load_results
from tests.end_to_end.conftest import Outcome
from tests.tiny_runs import recorded_rows

DATABASE = "sqlite:///runs.db"


def results(name: str) -> RunResults:
    """What the database of the working folder holds of a run."""
    with Database.open(DATABASE, read_only=True) as database:
        return load_results(database.ledger(name))


def verified(name: str) -> int:
    """Exit code of `python -m stream.verify`."""
    return verify.main(["--db", DATABASE, "--run", name])


def rows_of(rows: Mapping[str, list[Mapping[str, Any]]]) -> dict[str, list[Mapping[str, Any]]]:
    """Rows without those of checkpoints, which live only while a task is learned."""
    return {table: found for table, found in rows.items() if table != "checkpoints"}


def test_each_method_gets_a_run_of_its_own(run: Callable[..., Outcome]) -> None:
    """One command, three methods: three finished runs, their reports in folders of their own; exit code 0."""
    outcome = run("--method", "houlsby,lora:rank=2,feature", "--tasks", "birds,clouds")
    assert outcome.code == 0
    names = {f"tiny-quick-{method}" for method in ("houlsby", "lora-rank-2", "feature")}
    assert {path.name for path in Path("runs").iterdir()} == names
    for name in names:
        assert results(name).proof.status is ProofStatus.PROVEN
        assert verified(name) == 0


def test_forgetting_of_a_sharing_method_is_a_result(run: Callable[..., Outcome]) -> None:
    """Sequential fine-tuning may forget beside an isolated method: the command ends with exit code 0."""
    outcome = run("--method", "houlsby,sequential", "--learning-rate", "1e-2", "--epochs", "4")
    assert outcome.code == 0
    assert results("tiny-quick-houlsby").proof.status is ProofStatus.PROVEN
    assert results("tiny-quick-sequential").proof.status is ProofStatus.FORGOTTEN


def test_methods_are_resumed_as_one(run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted in the second method, the same command with --resume ends as the uninterrupted one."""
    options = ("--method", "houlsby,fine-tune", "--tasks", "birds,clouds", "--name", "both")
    assert run(*options, "--db", "sqlite:///straight.db").code == 0
    seen = 0

    def interrupted(self: QuietDisplay, epoch: object) -> None:
        nonlocal seen
        seen += 1
        if seen == 6:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(QuietDisplay, "epoch_finished", interrupted)
        outcome = run(*options, "--display", "quiet")
    assert outcome.code == 130
    assert "--resume" in outcome.err
    assert "both-fine-tune" not in outcome.err.split("--name")[-1]
    assert run(*options, "--resume").code == 0
    straight, resumed = (rows_of(recorded_rows(Path(file))) for file in ("straight.db", "runs.db"))
    assert resumed == straight


def test_names_of_several_runs(run: Callable[..., Outcome]) -> None:
    """A taken name is refused; default names get one number for all of them."""
    options = ("--method", "houlsby,feature", "--tasks", "birds", "--epochs", "1")
    assert run(*options).code == 0
    assert run(*options).code == 0
    assert (Path("runs") / "tiny-quick-2-feature").is_dir()
    assert run(*options, "--name", "mine").code == 0
    refused = run(*options, "--name", "mine")
    assert (refused.code, "mine-houlsby" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("method", "sentence"),
    [
        ("houlsby,fine-tune:9", "fine-tune:9 wants more layers than the backbone's 2."),
        ("houlsby:layers=1-2", "layers=1-2 is not a span of this backbone's layers, which are 0 to 1."),
        ("houlsby,houlsby", "--method names 'houlsby' twice; name each method once."),
        ("houlsby,lorra", "There is no method 'lorra'; did you mean 'lora'?"),
    ],
)
def test_mistakes_are_said_before_anything_starts(
    run: Callable[..., Outcome], method: str, sentence: str
) -> None:
    """A method that cannot be had is one sentence; no run was made."""
    outcome = run("--method", method)
    assert (outcome.code, sentence in outcome.err) == (2, True)
    if Path("runs.db").exists():
        with Database.open(DATABASE, read_only=True) as database:
            assert not database.run_names()


def test_joint_training(run: Callable[..., Outcome]) -> None:
    """One body for all tasks, stored once; each task is evaluated from the database once, bit for bit."""
    assert run("--method", "joint").code == 0
    found = results("tiny-joint-quick")
    assert (found.proof.num_done, found.proof.status) == (3, ProofStatus.PROVEN)
    assert {comparison.after for comparison in found.comparisons} == {2}
    assert found.growth.latest is not None
    assert 1.0 < found.growth.latest.growth_factor < 1.1
    assert verified("tiny-joint-quick") == 0


def test_joint_training_resumes_to_the_same_rows(
    run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped after its second epoch and resumed, joint training leaves the rows of one that was not."""
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    options = ("--method", "joint", "--epochs", "3", "--display", "quiet")
    assert run(*options, "--db", "sqlite:///straight.db").code == 0

    def interrupted(self: QuietDisplay, epoch: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(QuietDisplay, "epoch_finished", interrupted)
        assert run(*options).code == 130
    assert run(*options, "--resume").code == 0
    straight, resumed = (rows_of(recorded_rows(Path(file))) for file in ("straight.db", "runs.db"))
    assert resumed == straight


def test_pipelines_without_a_backbone(run: Callable[..., Outcome]) -> None:
    """Each task is searched and evaluated once; its scores verify against the recorded digests."""
    assert run("--method", "no-bert", "--tasks", "birds,clouds").code == 0
    found = results("tiny-no-bert-quick")
    assert [(one.after, one.on) for one in found.comparisons] == [(0, 0), (1, 1)]
    assert all(task.test is not None and task.test > 0.9 for task in found.tasks)
    assert all(task.counts is not None and task.counts.total == 0 for task in found.tasks)
    assert verified("tiny-no-bert-quick") == 0


def test_an_altered_score_is_found(run: Callable[..., Outcome], capsys: pytest.CaptureFixture[str]) -> None:
    """One flipped bit in the stored scores of a pipeline is found and named."""
    assert run("--method", "no-bert", "--tasks", "birds").code == 0
    with sqlite3.connect("runs.db") as connection:
        ((sha256,),) = connection.execute("SELECT sha256 FROM parameters").fetchall()
        query = "SELECT content FROM blobs WHERE sha256 = ?"
        ((content,),) = connection.execute(query, (sha256,)).fetchall()
        changed = content[:-1] + bytes([content[-1] ^ 1])
        connection.execute("UPDATE blobs SET content = ? WHERE sha256 = ?", (changed, sha256))
    connection.close()
    assert verified("tiny-no-bert-quick") == 1
    assert "own parameters" in capsys.readouterr().out
