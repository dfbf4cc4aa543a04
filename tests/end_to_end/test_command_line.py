"""The program as its user meets it: files, names, resume, verification."""

import csv
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from stream import report, verify, watch
from stream.learning import evaluation
from tests.end_to_end.conftest import Outcome

FORGETTING = (
    "after,after_task,on,on_task,split,metric,value,value_when_learned,forgetting,changed_predictions,"
    "digest_equal,"
    "num_examples,secondary,data,notes"
)
SIZE = (
    "position,task,task_params,adapter_params,layer_norm_params,head_params,other_params,task_bytes,total_params,"
    "total_bytes,growth_factor,separate_models_factor,trained_fraction,notes"
)
TASKS = (
    "position,task,data,num_train,num_valid,num_test,num_labels,truncated_fraction,metric,test,secondary,"
    "further_tests,valid,best_epoch,seconds,chosen,paper_adapters,paper_fine_tuning,notes"
)


OWN_BLOB = "SELECT sha256 FROM parameters WHERE position = 1 AND owner = 'own'"


def flipped(content: bytes) -> bytes:
    """The bytes with the lowest bit of the last one flipped."""
    return content[:-1] + bytes([content[-1] ^ 1])


def header(path: Path) -> str:
    """First line of a file."""
    return path.read_text(encoding="utf-8").splitlines()[0]


def test_a_run_leaves_every_report_and_proves_that_nothing_was_forgotten(run: Callable[..., Outcome]):
    """Three tasks: six comparisons, all equal; the CSV columns are the documented ones."""
    outcome = run()
    assert outcome.code == 0
    assert "6 of 6 comparisons equal" in outcome.out
    out = Path("runs/tiny-houlsby-quick")
    assert header(out / "forgetting.csv") == FORGETTING
    assert header(out / "size.csv") == SIZE
    assert header(out / "tasks.csv") == TASKS
    names = {path.name for path in out.iterdir()}
    assert {"accuracy_matrix.csv", "summary.md", "report.html"} <= names
    assert any(name.endswith(".png") for name in names)
    with (out / "forgetting.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert all(row["digest_equal"] == "true" and row["changed_predictions"] == "0" for row in rows)
    assert [row["forgetting"] for row in rows] == ["", "0.0", "", "0.0", "0.0", ""]


def test_names_are_never_overwritten(run: Callable[..., Outcome]):
    """A default name gets a number; a name of one's own is refused with both ways out."""
    assert run("--tasks", "birds").code == 0
    assert "tiny-houlsby-quick-2" in run("--tasks", "birds").out
    assert run("--tasks", "birds", "--name", "mine").code == 0
    refused = run("--tasks", "birds", "--name", "mine")
    assert refused.code == 2
    assert "--resume" in refused.err
    assert "--name" in refused.err


def test_resume_refuses_another_configuration_and_rewrites_the_reports_of_its_own(
    run: Callable[..., Outcome],
):
    """The difference is named; a finished run is not trained again."""
    assert run("--name", "mine", "--resume").code == 0  # starts it, since it does not exist
    other = run("--name", "mine", "--resume", "--seed", "1")
    assert other.code == 2
    assert "seed" in other.err
    shutil.rmtree("runs/mine")
    again = run("--name", "mine", "--resume")
    assert again.code == 0
    assert "epoch 1" not in again.out
    assert Path("runs/mine/summary.md").exists()


def test_verify_proves_the_run_and_names_what_was_changed(
    run: Callable[..., Outcome], capsys: pytest.CaptureFixture[str]
):
    """Exit code 0 for an intact run; 3 where other bits are computed; 1 for a bit, a row, a deleted row."""
    assert run("--name", "mine").code == 0
    arguments = ["--run", "mine"]
    assert verify.main(arguments) == 0
    assert "proven bit for bit: 3 of 3 tasks" in capsys.readouterr().out
    shutil.copy("runs.db", "intact.db")
    for statement, named in (
        (f"UPDATE blobs SET content = flipped(content) WHERE sha256 = ({OWN_BLOB})", "own parameters"),
        ("UPDATE evaluations SET value = 0.99 WHERE after_position = 2 AND on_position = 0", "evaluation"),
        ("DELETE FROM evaluations WHERE after_position = 2 AND on_position = 0", "missing"),
    ):
        shutil.copy("intact.db", "damaged.db")
        connection = sqlite3.connect("damaged.db")
        connection.create_function("flipped", 1, flipped)
        with connection:
            assert connection.execute(statement).rowcount == 1
        connection.close()
        assert verify.main(["--db", "sqlite:///damaged.db", *arguments]) == 1
        assert named in capsys.readouterr().out


def test_verify_names_an_altered_backbone_file(
    run: Callable[..., Outcome], tiny_folder: Path, home: Path, capsys: pytest.CaptureFixture[str]
):
    """One changed byte of the weights is found before anything is evaluated."""
    backbone = home / "backbone"
    shutil.copytree(tiny_folder, backbone)
    assert run("--name", "mine", "--backbone", str(backbone), "--tasks", "birds").code == 0
    content = bytearray((backbone / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (backbone / "model.safetensors").write_bytes(bytes(content))
    assert verify.main(["--run", "mine"]) == 1
    assert "model.safetensors" in capsys.readouterr().out


def test_verify_says_when_bits_cannot_be_compared(
    run: Callable[..., Outcome], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """Under another instruction set the predictions are compared and counted instead, with exit code 3."""
    assert run("--name", "mine", "--tasks", "birds,clouds").code == 0
    monkeypatch.setattr(evaluation, "cpu_capability", lambda: "another one")
    assert verify.main(["--run", "mine"]) == 3
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == (
        "not comparable here: 2 tasks under another evaluation plan, 0 with changed predictions; "
        "0 equal bit for bit"
    )


def test_runs_are_listed_watched_and_reported(
    run: Callable[..., Outcome], capsys: pytest.CaptureFixture[str]
):
    """`report` lists runs and writes reports, `watch --once` shows a picture; unknown names get help."""
    assert run("--name", "mine", "--tasks", "birds").code == 0
    assert report.main([]) == 0
    assert "mine" in capsys.readouterr().out
    assert report.main(["--run", "mine", "--out", "again"]) == 0
    assert Path("again/report.html").exists()
    capsys.readouterr()
    assert watch.main(["--run", "mine", "--once"]) == 0
    assert "birds" in capsys.readouterr().out
    for command in (report.main, watch.main, verify.main):
        assert command(["--run", "mina"]) == 2
        assert "did you mean 'mine'" in capsys.readouterr().err
