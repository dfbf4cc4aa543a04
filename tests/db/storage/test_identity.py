"""A database file that is moved, replaced, or copied without what belongs to it."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from db import DamageError, Database, Ledger, NotADatabaseError, ReplacedError, UsageError
from tests.db.made_records import PLAN, learn, new_run, parameters, task


def remove(file: Path) -> None:
    """As `rm runs.db*` in another terminal."""
    for path in file.parent.glob(f"{file.name}*"):
        if path.is_file():
            path.unlink()


def replace(file: Path) -> None:
    """As `cp` of another database and `mv` over this one."""
    with Database.open(f"sqlite:///{file}.other") as other:
        other.create_run(new_run("of the other"))
    file.with_name(f"{file.name}.other").replace(file)


@pytest.mark.parametrize(("harm", "word"), [(remove, "removed"), (replace, "replaced by another file")])
def test_a_file_that_is_gone_takes_no_more_records(url: str, tmp_path: Path, harm: object, word: str) -> None:
    """Reading and writing in a removed or replaced file end with one sentence; another file is left alone."""
    assert callable(harm)
    file = tmp_path / "runs.db"
    with Database.open(url) as database:
        ledger = database.create_run(new_run())
        learn(ledger, 0)
        harm(file)
        with pytest.raises(ReplacedError, match=f"runs.db was {word} while it was in use") as caught:
            ledger.heartbeat()
        with pytest.raises(UsageError, match="go on with --resume"):
            ledger.run()
    assert "\n" not in str(caught.value)
    if harm is replace:
        with Database.open(url, read_only=True) as database:
            assert database.run_names() == ["of the other"]
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_copy_over_the_same_file_is_no_replacement(url: str, tmp_path: Path) -> None:
    """The file is known by device and inode, not by its times or content."""
    with Database.open(url) as database:
        ledger = database.create_run(new_run())
        (tmp_path / "runs.db").touch()
        ledger.heartbeat()
        (tmp_path / "runs.db").rename(tmp_path / "away.db")
        (tmp_path / "away.db").rename(tmp_path / "runs.db")
        ledger.heartbeat()


def test_a_copy_without_its_log_is_told_of_it(url: str, tmp_path: Path) -> None:
    """In a run everything stands in the log at first; with it, the copy is whole."""
    with Database.open(url) as database:
        database.create_run(new_run())
        shutil.copy(tmp_path / "runs.db", tmp_path / "copy.db")
        with pytest.raises(NotADatabaseError, match=r"without its log copy\.db-wal, which has to be copied"):
            Database.open(f"sqlite:///{tmp_path}/copy.db", read_only=True)
        for end in ("", "-wal"):
            shutil.copy(f"{tmp_path}/runs.db{end}", f"{tmp_path}/whole.db{end}")
    with Database.open(f"sqlite:///{tmp_path}/whole.db", read_only=True) as whole:
        assert whole.run_names() == ["first"]


def test_a_file_of_nothing_is_not_told_of_a_log(url: str, tmp_path: Path) -> None:
    """Zero bytes are no copy of a database in use."""
    (tmp_path / "runs.db").touch()
    with pytest.raises(NotADatabaseError, match="no run was recorded there; check"):
        Database.open(url, read_only=True)


def test_a_missing_side_folder_is_named(file_ledger: Ledger, tmp_path: Path) -> None:
    """A database renamed without its folder: the sentence says which folder was looked for."""
    content = b"large" * 1_000
    file_ledger.record_task(task(0))
    file_ledger.record_plan(PLAN)
    file_ledger.record_parameters([(parameters(0, content, b"p"), content)], b"p")
    folder = file_ledger.storage.address.folder
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(DamageError, match=r"there is no folder .*runs\.db\.files, which belongs"):
        file_ledger.parameters_content(0)
    (damage,) = file_ledger.check_blobs()
    assert damage.missing_folder == str(folder)
    (tmp_path / "elsewhere").rename(folder)
    next((folder / "blobs").rglob("*/*")).unlink()
    with pytest.raises(DamageError, match=r"expected SHA-256 \w+\.$"):
        file_ledger.parameters_content(0)
