"""Damage is found and named: flipped bits, missing blobs, edited rows."""

import sqlite3
from contextlib import closing

import pytest

import db.ledger.integrity as integrity
from db import DamageError, Database, Ledger
from db.blobs import sha256_of
from tests.db.made_records import PLAN, content_of, evaluate, learn, parameters, predictions_of, task


def edit(ledger: Ledger, statement: str, *values: object) -> None:
    """Change the file as another SQLite program would, which knows nothing of foreign keys."""
    with closing(sqlite3.connect(ledger.storage.address.file)) as connection, connection:
        assert connection.execute(statement, values).rowcount > 0


def flipped(content: bytes) -> bytes:
    """The bytes with one bit changed."""
    return bytes([content[0] ^ 1]) + content[1:]


@pytest.fixture
def learned(file_ledger: Ledger) -> Ledger:
    """Three finished arrivals in a file."""
    for position in range(3):
        learn(file_ledger, position)
        evaluate(file_ledger, position)
    return file_ledger


def test_an_untouched_run_has_no_damage(learned: Ledger) -> None:
    """Every row and every blob of a run hashes to what was recorded."""
    assert learned.check_rows() == ()
    assert learned.check_blobs() == ()


def test_one_flipped_bit_in_tensors_is_refused_and_named(learned: Ledger) -> None:
    """Reading damaged tensors raises with run, position and both hashes; the check lists the same."""
    damaged = flipped(content_of(1))
    edit(learned, "UPDATE blobs SET content = ? WHERE sha256 = ?", damaged, sha256_of(content_of(1)))
    with pytest.raises(DamageError, match=r"own parameters of run 'first', task '\w+'") as caught:
        learned.parameters_content(1)
    found = caught.value.damage
    assert (found.expected, found.found) == (sha256_of(content_of(1)), sha256_of(damaged))
    assert learned.check_blobs() == (found,)
    assert learned.parameters_content(0) == content_of(0)


def test_a_missing_blob_is_named(learned: Ledger) -> None:
    """A blob whose row is gone is damage with nothing found."""
    edit(learned, "DELETE FROM blobs WHERE sha256 = ?", sha256_of(content_of(2)))
    with pytest.raises(DamageError, match=r"task '\w+': missing"):
        learned.parameters_content(2)
    (damage,) = learned.check_blobs()
    assert (damage.position, damage.what, damage.found) == (2, "own parameters", None)


@pytest.mark.parametrize("harm", ["flip", "delete"])
def test_a_damaged_file_of_a_large_blob_is_named(file_ledger: Ledger, harm: str) -> None:
    """Blobs beside the database are hashed like those inside."""
    content = b"large" * 1_000
    file_ledger.record_task(task(0))
    file_ledger.record_plan(PLAN)
    file_ledger.record_parameters([(parameters(0, content, b"p"), content)], b"p")
    assert file_ledger.parameters_content(0) == content
    (path,) = (file_ledger.storage.address.folder / "blobs").rglob(sha256_of(content))
    if harm == "flip":
        path.write_bytes(flipped(content))
    else:
        path.unlink()
    with pytest.raises(DamageError, match=r"own parameters of run 'first', task '\w+'"):
        file_ledger.parameters_content(0)


@pytest.mark.parametrize(
    ("content", "what"), [(b"tokens of 1", "test split"), (bytes([1, 1, 2, 3]), "predictions")]
)
def test_damaged_splits_and_predictions_are_named(learned: Ledger, content: bytes, what: str) -> None:
    """Test splits and predictions are verified at every reading too."""
    edit(learned, "UPDATE blobs SET content = ? WHERE sha256 = ?", flipped(content), sha256_of(content))
    (damage,) = learned.check_blobs()
    assert (damage.position, damage.what) == (1, what)
    with pytest.raises(DamageError, match=f"{what} of run 'first', task '\\w+'"):
        learned.test_set(1) if what == "test split" else learned.predictions(sha256_of(content))


@pytest.mark.parametrize(
    "change",
    [
        "value = 0.99",
        "value = NULL",
        "logits_sha256 = 'x'",
        "changed_predictions = 1",
        "secondary = '{}'",
        "row_sha256 = x'00'",
        "metric = x'00'",
    ],
)
def test_an_edited_evaluation_is_named(learned: Ledger, change: str) -> None:
    """A change of any value of a row of evaluations is found and the cell is named."""
    edit(learned, f"UPDATE evaluations SET {change} WHERE after_position = 2 AND on_position = 1")
    (damage,) = learned.check_rows()
    assert damage.what == "evaluation row (after 2, on 1, test)"
    assert (damage.run, damage.position) == ("first", 1)


def test_a_moved_evaluation_is_named(learned: Ledger) -> None:
    """A row under another key is as damaged as one with another value."""
    edit(learned, "UPDATE evaluations SET split = 'valid' WHERE after_position = 1 AND on_position = 0")
    assert [damage.what for damage in learned.check_rows()] == ["evaluation row (after 1, on 0, valid)"]


def test_edited_parameters_are_named(learned: Ledger) -> None:
    """A change of what was recorded right after training is found."""
    edit(learned, "UPDATE parameters SET learned_value = 0.5, notes = 'no JSON' WHERE position = 2")
    (damage,) = learned.check_rows()
    assert (damage.position, damage.what) == (2, "row of own parameters")
    with pytest.raises(DamageError, match="parameters row of run 'first', position 2"):
        learned.parameters()


def test_an_edited_run_is_named(learned: Ledger, url: str) -> None:
    """A run's row that cannot be read is damage, in the list of runs too."""
    edit(learned, "UPDATE runs SET status = 'resting'")
    with pytest.raises(DamageError, match="run row of run 'first'"):
        learned.run()
    with Database.open(url) as database, pytest.raises(DamageError, match="run row of run 'first'"):
        database.runs()


def test_the_check_goes_through_all_rows_in_portions(
    learned: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are read in short transactions; none is skipped or read twice at the seams."""
    monkeypatch.setattr(integrity, "ROWS_PER_TRANSACTION", 2)
    edit(learned, "UPDATE evaluations SET value = 0.99")
    names = [damage.what for damage in learned.check_rows()]
    cells = [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2)]
    assert names == [f"evaluation row (after {after}, on {on}, test)" for after, on in cells]
    assert len(learned.check_rows(limit=4)) == 4


def test_a_damaged_database_file_is_named(learned: Ledger, url: str) -> None:
    """When pages of the file itself are overwritten, the error says so instead of a driver's traceback."""
    file = learned.storage.address.file
    learned.storage.close()
    size = file.stat().st_size
    with file.open("r+b") as raw:
        raw.seek(4096)
        raw.write(b"\xff" * (size - 4096))
    with pytest.raises(DamageError, match="database file"):
        learned.check_rows()


def test_negative_zero_and_whole_numbers_survive_the_check(file_ledger: Ledger) -> None:
    """Numbers that SQLite normalises (-0.0, 1 in a column of reals) are digested as they are stored."""
    file_ledger.record_task(task(0))
    file_ledger.record_plan(PLAN)
    record = parameters(0, b"x", predictions_of(0), valid=-0.0, seconds=3.0, learned_value=float("nan"))
    file_ledger.record_parameters([(record, b"x")], predictions_of(0))
    assert file_ledger.check_rows() == ()
