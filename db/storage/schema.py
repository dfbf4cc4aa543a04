"""Creates and migrates the schema with Alembic, all revisions in one transaction.

On SQLite Alembic assumes that DDL cannot be rolled back, and Python's driver used to commit before it. Here
the driver does not begin or commit on its own (`db.storage.storage`), the transaction is begun with BEGIN
IMMEDIATE and Alembic is told that DDL is transactional: a kill inside a migration leaves nothing behind.
"""

from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from db.errors import NotADatabaseError, SchemaError
from db.storage.older import ADDED_SINCE
from db.storage.storage import Storage
from db.tables import Base

MIGRATIONS = Path(__file__).parents[1] / "migrations"


class SchemaState(Enum):
    """How the schema found relates to the one this program knows."""

    EMPTY = auto()
    OLDER = auto()
    CURRENT = auto()
    NEWER = auto()
    FOREIGN = auto()


@dataclass(frozen=True, kw_only=True, slots=True)
class SchemaVersion:
    """State of a schema and the revision recorded in it."""

    state: SchemaState
    revision: str | None
    newest: str


def schema_version(connection: Connection) -> SchemaVersion:
    """Return how the schema behind `connection` relates to the newest one known here."""
    scripts = ScriptDirectory(str(MIGRATIONS))
    newest = scripts.get_current_head() or ""
    tables = set(inspect(connection).get_table_names())
    revision = MigrationContext.configure(connection).get_current_revision()
    if not tables:
        state = SchemaState.EMPTY
    elif "alembic_version" not in tables or "runs" not in tables:
        state = SchemaState.FOREIGN
    elif revision == newest:
        state = SchemaState.CURRENT
    else:
        known = {script.revision for script in scripts.walk_revisions()}
        state = SchemaState.OLDER if revision in known else SchemaState.NEWER
    return SchemaVersion(state=state, revision=revision, newest=newest)


def require_readable(storage: Storage) -> None:
    """Check that the database can be read as it is; some older schemas can (`db.storage.older`).

    Raises:
        NotADatabaseError: it is empty or of another program.
        SchemaError: its schema is newer, or older and would have to be migrated first.
    """
    found = refuse_unknown(storage)
    if found.state is SchemaState.EMPTY:
        raise NotADatabaseError(
            f"The database {storage.address.shown} holds no tables: "
            f"no run was recorded there{_or_copied(storage)}; check the address given with --db."
        )
    bridged = storage.address.is_sqlite and found.revision in ADDED_SINCE
    if found.state is SchemaState.OLDER and not bridged:
        raise SchemaError(
            f"The database {storage.address.shown} has the older schema {found.revision} (this program reads "
            f"{found.newest}): open it once for writing, for example by resuming a run, to migrate it."
        )


def _or_copied(storage: Storage) -> str:
    """While a run goes on, what it recorded stands in the log beside the file at first."""
    file = storage.address.file
    if file is None or file.stat().st_size == 0:
        return ""
    return f", or it was copied during a run without its log {file.name}-wal, which has to be copied with it"


def migrate(storage: Storage) -> None:
    """Bring the schema up to date in one transaction; nothing is written if it is already.

    Raises:
        NotADatabaseError: the database belongs to another program.
        SchemaError: its schema is newer than this program.
    """
    found = refuse_unknown(storage)
    if found.state is SchemaState.CURRENT:
        return
    with storage.writing() as connection:
        _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))

    # Two programs may start at once: what there is to do is decided under the write lock.
    def revisions(revision: Any, _context: MigrationContext) -> Any:
        return scripts._upgrade_revs("head", revision)

    options = {"transactional_ddl": True, "fn": revisions, "target_metadata": Base.metadata}
    context = MigrationContext.configure(connection, opts=options)
    with context.begin_transaction(), Operations.context(context):
        context.run_migrations()


def refuse_unknown(storage: Storage) -> SchemaVersion:
    """Return the schema found, if this program may write it.

    Raises:
        NotADatabaseError: the database belongs to another program.
        SchemaError: its schema is newer than this program.
    """
    with storage.reading() as connection:
        found = schema_version(connection)
    shown = storage.address.shown
    if found.state is SchemaState.FOREIGN:
        raise NotADatabaseError(
            f"The database {shown} belongs to another program (its tables are not ours): "
            "give another address with --db."
        )
    if found.state is SchemaState.NEWER:
        raise SchemaError(
            f"The database {shown} has the schema {found.revision}, newer than this program's "
            f"{found.newest}: update the program, or give another address with --db."
        )
    return found
