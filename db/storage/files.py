"""A SQLite file without the database library: whether it is there, which runs it holds, reading it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from db.errors import MissingDatabaseError, NotADatabaseError, UnknownRunError, UsageError
from db.storage.names import require_name
from db.storage.written import file_of, is_memory

BUSY_TIMEOUT_MS = 30_000


def require_place(url: str, name: str | None = None) -> None:
    """Refuse an address under which nothing can be kept; that of a server is left to `parse_address`.

    Args:
        url: as given with --db.
        name: as given with --name; None where none was.

    Raises:
        UsageError: it is no address, or that of a database in memory; or the name is none.
        MissingDatabaseError: the folder does not exist.
        NotADatabaseError: the path is a folder.
    """
    if name is not None:
        require_name(name)
    if name == "":
        raise UsageError("The name given with --name is empty: give one, or leave --name out.")
    if (file := _kept_file(url)) is not None:
        require_folder(file)


def require_run(url: str, name: str | None) -> None:
    """Refuse a SQLite file that is not there or holds no such run; what else is odd is left to `Database`.

    Args:
        url: as given with --db.
        name: of the run; None where any database will do.

    Raises:
        UsageError: the address is none, or that of a database in memory.
        MissingDatabaseError, NotADatabaseError: as the message says.
        UnknownRunError: there is no such run.
    """
    if name is not None:
        require_name(name)
    if (file := _kept_file(url)) is None:
        return
    require_folder(file)
    require_file(file)
    if name is not None and (names := _run_names(file)) is not None and name not in names:
        raise UnknownRunError(name, names)


def _kept_file(url: str) -> Path | None:
    if is_memory(url):
        raise UsageError(
            f"The database address '{url}' means a database in memory, which is gone when the command ends: "
            "give a file, such as sqlite:///runs.db."
        )
    return file_of(url)


def _run_names(file: Path) -> list[str] | None:
    """Names of the runs in a file, as they were created; None where it cannot be read like this."""
    try:
        with closing(connect_read_only(file)) as connection:
            return [str(name) for (name,) in connection.execute("SELECT name FROM runs ORDER BY id")]
    except sqlite3.Error:
        return None


def require_folder(file: Path) -> None:
    """Refuse a file whose folder does not exist, and a folder in place of a file.

    Raises:
        MissingDatabaseError, NotADatabaseError: as the message says.
    """
    try:
        is_there, is_folder = file.parent.is_dir(), file.is_dir()
    except OSError as error:
        raise NotADatabaseError(
            f"The database {file} cannot be looked at ({error.strerror}): give another address with --db."
        ) from error
    if not is_there:
        raise MissingDatabaseError(
            f"The folder {file.parent} of the database does not exist: "
            "create it, or give another address with --db."
        )
    if is_folder:
        raise NotADatabaseError(f"{file} is a folder, not a database: give the address of a file with --db.")


def require_file(file: Path) -> None:
    """Refuse a database that is not there.

    Raises:
        MissingDatabaseError: there is no such file.
    """
    if not file.exists():
        raise MissingDatabaseError(
            f"There is no database {file}: check the address given with --db, or start a run first."
        )


def connect_read_only(file: Path) -> sqlite3.Connection:
    """Return a connection that never writes to `file` and never creates it.

    A database in a folder that cannot be written has no room for the log's shared memory; if it has no log
    either, nobody writes it and it is read as immutable.
    """
    options = {"uri": True, "timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False}
    try:
        connection = sqlite3.connect(f"{file.as_uri()}?mode=ro", **options)  # type: ignore[call-overload]
        connection.execute("SELECT 1 FROM sqlite_master").fetchall()
    except sqlite3.OperationalError as error:
        unwritable = error.sqlite_errorname.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY"))
        if not unwritable or not file.exists() or file.with_name(f"{file.name}-wal").exists():
            raise
        connection = sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", **options)  # type: ignore[call-overload]
    assert isinstance(connection, sqlite3.Connection)
    return connection
