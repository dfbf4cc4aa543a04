"""A database of the first schema: read as it is, migrated when it is opened for writing."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from db import Database, SchemaError
from db.records import Regime
from db.storage import older
from db.storage.schema import MIGRATIONS
from tests.db.made_records import content_of, evaluate, learn, new_run, task

NEWEST = ScriptDirectory(str(MIGRATIONS)).get_current_head()


@pytest.fixture
def old(url: str, tmp_path: Path) -> Path:
    """A run of one task in the schema of the first release."""
    with Database.open(url) as database:
        ledger = database.create_run(new_run())
        learn(ledger, 0)
        evaluate(ledger, 0)
    file = tmp_path / "runs.db"
    with closing(sqlite3.connect(file)) as connection:
        for table in ("trial_checkpoints", "trials", "measurements"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("ALTER TABLE runs DROP COLUMN regime")
        connection.execute("ALTER TABLE tasks DROP COLUMN paper_no_bert")
        connection.execute("ALTER TABLE tasks DROP COLUMN paper_variable_fine_tuning")
        for column in ("kind", "secondary", "published"):
            connection.execute(f"ALTER TABLE tasks DROP COLUMN {column}")
        connection.execute("DROP TABLE learned_splits")
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
        connection.commit()
    return file


def version_of(file: Path) -> str:
    """The revision in the file, read by SQLite itself."""
    with closing(sqlite3.connect(file)) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def test_opening_for_writing_migrates(url: str, old: Path) -> None:
    """Every recorded run becomes a stream, the paper's further figures are unknown, and all digests hold."""
    with Database.open(url) as database:
        ledger = database.ledger("first")
        assert ledger.run().regime is Regime.STREAM
        assert ledger.task(0) == replace(task(0), paper_no_bert=None)
        assert ledger.check_rows() == ledger.check_blobs() == ()
        assert ledger.parameters_content(0) == content_of(0)
    assert version_of(old) == NEWEST


def test_a_reader_reads_it_as_it_is(url: str, old: Path) -> None:
    """A viewer sees the same as after the migration, and does not change a byte of the file."""
    before = old.read_bytes()
    with Database.open(url, read_only=True) as database:
        assert [run.regime for run in database.runs()] == [Regime.STREAM]
        ledger = database.ledger("first")
        assert ledger.tasks() == (replace(task(0), paper_no_bert=None),)
        assert ledger.check_rows() == ledger.check_blobs() == ()
        assert ledger.finished_arrivals() == 1
        assert ledger.trials() == ()
        assert ledger.find_trial("0" * 64) is None
        assert ledger.measurements("ablation") == ()
    assert old.read_bytes() == before


def test_a_reader_stays_while_a_writer_migrates(url: str, old: Path) -> None:
    """A viewer that opened the older schema goes on reading after another process migrated it."""
    with Database.open(url, read_only=True) as viewer:
        assert viewer.ledger("first").task(0).paper_no_bert is None
        with Database.open(url) as database:
            database.create_run(new_run("second", regime=Regime.JOINT))
        assert [run.regime for run in viewer.runs()] == [Regime.STREAM, Regime.JOINT]
    assert version_of(old) == NEWEST


def test_a_schema_that_is_not_bridged_is_refused(
    url: str, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older schema whose missing columns are not listed must be migrated first, and the error says how."""
    monkeypatch.setattr(older, "ADDED_SINCE", {})
    monkeypatch.setattr(older, "TABLES_SINCE", {})
    monkeypatch.setattr("db.storage.schema.ADDED_SINCE", {})
    with pytest.raises(SchemaError, match=r"older schema 0001 .* open it once for writing"):
        Database.open(url, read_only=True)


def test_a_reader_of_the_schema_before_measurements_finds_none(url: str, tmp_path: Path) -> None:
    """A run of revision 0004 has no measurements, and its rows are still checked."""
    with Database.open(url) as database:
        learn(database.create_run(new_run()), 0)
    file = tmp_path / "runs.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DROP TABLE measurements")
        connection.execute("UPDATE alembic_version SET version_num = '0004'")
    with Database.open(url, read_only=True) as database:
        ledger = database.ledger("first")
        assert ledger.measurements("ablation") == ledger.check_rows() == ()
    assert version_of(file) == "0004"


def test_bridged_revisions_exist() -> None:
    """Every revision listed as readable is one of the migrations, and not the newest."""
    scripts = ScriptDirectory(str(MIGRATIONS))
    known = {script.revision for script in scripts.walk_revisions()} - {scripts.get_current_head()}
    assert set(older.ADDED_SINCE) == set(older.TABLES_SINCE) == known


def test_a_regime_is_kept(url: str) -> None:
    """What a run records as its regime comes back."""
    with Database.open(url) as database:
        for regime in Regime:
            assert database.create_run(new_run(regime.value, regime=regime)).run().regime is regime
