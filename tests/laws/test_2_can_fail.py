"""Law 2: the check can fail. A method that shares forgets, and what is damaged is found and named."""

import sqlite3
from pathlib import Path
from shutil import copytree

import pytest

from db import Database
from stream import report, verify
from stream.learning.recipe import Recipe
from stream.model.backbone.backbone import Backbone
from stream.model.backbone.loading import load_backbone
from stream.model.methods.catalogue import sequential
from stream.results.comparisons import ProofStatus
from tests.tiny_runs import NAMES, run_tasks, tiny_learner, tiny_task


def edit(file: Path, statement: str, *values: object) -> None:
    """Change the database behind the program's back."""
    connection = sqlite3.connect(file)
    with connection:
        assert connection.execute(statement, values).rowcount == 1
    connection.close()


def verified(file: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and last line of `python -m stream.verify`."""
    capsys.readouterr()
    code = verify.main(["--db", f"sqlite:///{file}", "--run", "tiny"])
    printed = capsys.readouterr()
    return code, (printed.out + printed.err).strip().splitlines()[-1]


def test_sequential_fine_tuning_forgets(database: Database, backbone: Backbone) -> None:
    """After three conflicting tasks a shared body has lost more than a fifth of the first task's accuracy."""
    recipe = Recipe(learning_rate=3e-3, num_epochs=10, batch_size=8, max_length=16)
    tasks = [tiny_task(name, first=6 * i, num_test=40) for i, name in enumerate(NAMES[:3])]
    results = run_tasks(database, tiny_learner(backbone, sequential(), recipe), tasks)
    first = [row[0] or 0.0 for row in results.matrix.rows]
    assert first[0] > 0.9
    assert first[0] - first[2] > 0.2
    assert results.proof.status is ProofStatus.FORGOTTEN
    assert {(c.after, c.on) for c in results.comparisons if c.digest_equal} == {(0, 0), (1, 1), (2, 2)}


def test_sequential_fine_tuning_is_verified_as_it_was_last_served(
    file: Path, backbone: Backbone, capsys: pytest.CaptureFixture[str]
) -> None:
    """A method that promises nothing is proven against its last recorded row, not against the arrivals."""
    with Database.open(f"sqlite:///{file}") as database:
        tasks = [tiny_task(name) for name in NAMES[:2]]
        run_tasks(database, tiny_learner(backbone, sequential()), tasks)
    assert verified(file, capsys) == (
        0,
        "as recorded: 2 of 2 tasks equal bit for bit; 1 earlier re-evaluation differs (sequential forgets)",
    )


def test_an_untouched_run_is_proven(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Verification of what nobody touched ends with exit code 0."""
    assert verified(finished, capsys) == (0, "proven bit for bit: 4 of 4 tasks")


@pytest.mark.parametrize("place", [0, 500, -1])
def test_one_flipped_bit_is_named(finished: Path, place: int, capsys: pytest.CaptureFixture[str]) -> None:
    """A bit of stored parameters, wherever it lies, is found, and the task is named; no report is written."""
    query = "SELECT b.sha256, b.content FROM blobs b JOIN parameters p USING (sha256) WHERE p.position = 1"
    connection = sqlite3.connect(finished)
    ((sha256, content),) = connection.execute(query).fetchall()
    connection.close()
    flipped = bytearray(content)
    flipped[place] ^= 0b100
    edit(finished, "UPDATE blobs SET content = ? WHERE sha256 = ?", bytes(flipped), sha256)
    code, line = verified(finished, capsys)
    assert code == 1
    assert line.startswith(
        f"DAMAGED OR FORGOTTEN: Damaged: own parameters of run 'tiny', task '{NAMES[1]}': "
    )
    assert sha256 in line
    assert report.main(["--db", f"sqlite:///{finished}", "--run", "tiny", "--out", str(finished.parent)]) == 1
    assert NAMES[1] in capsys.readouterr().err
    assert not (finished.parent / "summary.md").exists()


@pytest.mark.parametrize(
    ("column", "value"), [("value", 0.99), ("logits_sha256", "f" * 64), ("changed_predictions", 1)]
)
def test_an_edited_evaluation_is_named(
    finished: Path, column: str, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    """An edited cell of an evaluations row is found, and the row is named."""
    statement = f"UPDATE evaluations SET {column} = ? WHERE after_position = 1 AND on_position = 0"
    edit(finished, statement, value)
    code, line = verified(finished, capsys)
    assert code == 1
    assert f"evaluation row (after 1, on 0, test) of run 'tiny', task '{NAMES[0]}'" in line


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_an_altered_backbone_file_is_named(
    file: Path, backbone_folder: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A backbone file that changed after the run is found and named, before anything is evaluated."""
    folder = Path(copytree(backbone_folder, tmp_path / "backbone"))
    with Database.open(f"sqlite:///{file}") as database:
        run_tasks(database, tiny_learner(load_backbone(str(folder))), [tiny_task(NAMES[0])])
    assert verified(file, capsys)[0] == 0
    (folder / name).write_bytes((folder / name).read_bytes() + b" ")
    code, line = verified(file, capsys)
    assert code == 1
    assert line.startswith(f"DAMAGED OR FORGOTTEN: the backbone's file {name} has SHA-256 ")


def test_a_missing_backbone_file_is_named(
    file: Path, backbone_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A recorded backbone file that is gone is named as missing."""
    folder = Path(copytree(backbone_folder, tmp_path / "backbone"))
    with Database.open(f"sqlite:///{file}") as database:
        run_tasks(database, tiny_learner(load_backbone(str(folder))), [tiny_task(NAMES[0])])
    (folder / "model.safetensors").unlink()
    code, line = verified(file, capsys)
    assert code == 1
    assert "model.safetensors has SHA-256 none: it is missing" in line
