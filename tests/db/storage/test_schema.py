"""Migrations: they make exactly the models' tables, and a kill inside one leaves nothing behind."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from db import Database, SchemaError
from db.storage import schema
from db.tables import Base
from tests.db.made_records import content_of, learn, new_run

NEWEST = ScriptDirectory(str(schema.MIGRATIONS)).get_current_head()
NEXT_REVISION = '''
"""A later revision: half of it, then whatever the test wants."""
import os
from alembic import op
from sqlalchemy import Column, Text

revision = "later"
down_revision = "{newest}"

def upgrade() -> None:
    op.create_table("half", Column("name", Text()))
    op.execute("INSERT INTO half VALUES ('written')")
    op.execute("UPDATE runs SET message = 'half'")
    {then}
    op.add_column("runs", Column("colour", Text()))
'''
KILL = "os.kill(os.getpid(), 9)"
OPEN_IN_A_PROCESS = """
import sys
from pathlib import Path
from db import Database
from db.storage import schema
schema.MIGRATIONS = Path(sys.argv[2])
Database.open(sys.argv[1])
"""


def tables_of(file: Path) -> set[str]:
    """Names of the tables, read by SQLite itself."""
    with closing(sqlite3.connect(file)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def later_migrations(folder: Path, then: str) -> Path:
    """A copy of the migrations with one revision more."""
    copy = folder / "migrations"
    shutil.copytree(schema.MIGRATIONS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    newest = ScriptDirectory(str(copy)).get_current_head()
    (copy / "versions" / "later.py").write_text(NEXT_REVISION.format(then=then, newest=newest))
    return copy


def open_in_a_process(url: str, migrations: Path) -> int:
    """Open the database for writing in another process and return its exit status."""
    arguments = [sys.executable, "-c", OPEN_IN_A_PROCESS, url, str(migrations)]
    return subprocess.run(arguments, check=False, capture_output=True).returncode


def test_the_migrations_make_the_models_tables(url: str) -> None:
    """Alembic finds no difference between a migrated database and the models."""
    with Database.open(url) as database, database.storage.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_every_constraint_has_the_models_name(url: str) -> None:
    """Names are the models', so that a later migration can drop a constraint by its name."""
    with Database.open(url) as database, database.storage.reading() as connection:
        for table in Base.metadata.sorted_tables:
            made = connection.exec_driver_sql(
                f"SELECT sql FROM sqlite_master WHERE name = '{table.name}'"
            ).scalar_one()
            assert all(str(constraint.name) in made for constraint in table.constraints)


def test_opening_again_changes_nothing(url: str, tmp_path: Path) -> None:
    """A database of the present schema is opened without a write."""
    Database.open(url).close()
    before = (tmp_path / "runs.db").read_bytes()
    Database.open(url).close()
    assert (tmp_path / "runs.db").read_bytes() == before


def test_a_kill_inside_the_first_migration_leaves_no_table(url: str, tmp_path: Path) -> None:
    """SIGKILL between two tables of the very first migration: the file has none, and opens afterwards."""
    migrations = tmp_path / "migrations"
    shutil.copytree(schema.MIGRATIONS, migrations, ignore=shutil.ignore_patterns("__pycache__"))
    first = migrations / "versions" / "r0001_ledger.py"
    killing = first.read_text().replace("    _create_training()\n", f"    import os\n    {KILL}\n", 1)
    first.write_text(killing)
    assert open_in_a_process(url, migrations) == -9
    assert tables_of(tmp_path / "runs.db") == set()
    with Database.open(url) as database:
        assert database.runs() == []


def test_a_kill_inside_a_later_migration_leaves_the_old_schema(url: str, tmp_path: Path) -> None:
    """SIGKILL after half a migration: schema, version and rows are the old ones."""
    with Database.open(url) as database:
        learn(database.create_run(new_run()), 0)
    before = tables_of(tmp_path / "runs.db")
    killing = later_migrations(tmp_path, KILL)
    assert open_in_a_process(url, killing) == -9
    assert tables_of(tmp_path / "runs.db") == before
    with Database.open(url) as database:
        assert database.ledger("first").run().message == ""
        assert database.ledger("first").parameters_content(0) == content_of(0)


def test_a_later_migration_keeps_the_rows(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same revision without the kill is applied, and what was recorded is still there."""
    with Database.open(url) as database:
        learn(database.create_run(new_run()), 0)
    monkeypatch.setattr(schema, "MIGRATIONS", later_migrations(tmp_path, "pass"))
    with Database.open(url) as database:
        assert database.ledger("first").run().message == "half"
        assert database.ledger("first").parameters_content(0) == content_of(0)
    assert "half" in tables_of(tmp_path / "runs.db")


def test_a_failing_migration_is_rolled_back(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception inside a migration leaves nothing of it."""
    Database.open(url).close()
    monkeypatch.setattr(schema, "MIGRATIONS", later_migrations(tmp_path, "raise ZeroDivisionError"))
    with pytest.raises(ZeroDivisionError):
        Database.open(url)
    assert "half" not in tables_of(tmp_path / "runs.db")


def test_a_reader_does_not_migrate(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older schema is refused by a viewer, with both versions and what to do."""
    Database.open(url).close()
    monkeypatch.setattr(schema, "MIGRATIONS", later_migrations(tmp_path, "pass"))
    with pytest.raises(SchemaError, match=r"older schema \d+ .* open it once for writing"):
        Database.open(url, read_only=True)
    assert "half" not in tables_of(tmp_path / "runs.db")
