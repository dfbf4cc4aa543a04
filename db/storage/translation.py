"""Driver errors become sentences of `db.errors`; the original stays attached as the cause."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from db.errors import (
    BusyError,
    ConflictError,
    DamageError,
    FullError,
    LedgerError,
    NotADatabaseError,
    ReadOnlyError,
)
from db.records import Damage

_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DENIED_ERRNOS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
# A full disk reaches SQLite as SQLITE_FULL from write(), or as one of these from other calls.
_FULL_CODES = (
    "SQLITE_FULL",
    "SQLITE_IOERR_WRITE",
    "SQLITE_IOERR_FSYNC",
    "SQLITE_IOERR_DIR_FSYNC",
    "SQLITE_IOERR_TRUNCATE",
    "SQLITE_IOERR_SHMSIZE",
    "SQLITE_IOERR_SHMMAP",
)


@contextmanager
def translated_errors(shown: str) -> Iterator[None]:
    """Turn what SQLAlchemy, sqlite3 and the operating system raise into errors of `db`.

    Args:
        shown: the database's address, for the message.

    Raises:
        FullError, ReadOnlyError, BusyError, NotADatabaseError, DamageError, ConflictError: by cause.
        LedgerError: for any other failure of the database.
    """
    try:
        yield
    except DBAPIError as error:
        raise _from_driver(error.orig, shown) from error
    except sqlite3.Error as error:
        raise _from_driver(error, shown) from error
    except SQLAlchemyError as error:
        raise LedgerError(f"The database {shown} could not be used: {error}") from error
    except OSError as error:
        raise _from_system(error, shown) from error


def _from_driver(error: BaseException | None, shown: str) -> LedgerError:
    code = getattr(error, "sqlite_errorname", None) or ""
    if code.startswith(_FULL_CODES):
        return _full(shown, str(error))
    if code.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_CANTOPEN", "SQLITE_AUTH")):
        return _read_only(shown, str(error))
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return BusyError(
            f"The database {shown} was locked by another process for too long: "
            "end the program that writes to it, then start again with --resume."
        )
    if code == "SQLITE_NOTADB":
        return not_a_database(shown)
    if code.startswith("SQLITE_CORRUPT"):
        return DamageError(
            Damage(
                run=None, position=None, what=f"database file {shown} ({error})", expected=None, found=None
            )
        )
    if code.startswith("SQLITE_CONSTRAINT"):
        return ConflictError(
            f"The database {shown} refused a record ({error}): "
            "it repeats another, or refers to a task or plan that was not recorded first."
        )
    return LedgerError(f"The database {shown} could not be used: {error}.")


def _from_system(error: OSError, shown: str) -> LedgerError:
    if error.errno in _FULL_ERRNOS:
        return _full(shown, str(error))
    if error.errno in _DENIED_ERRNOS:
        return _read_only(shown, str(error))
    return LedgerError(f"A file beside the database {shown} could not be used: {error}.")


def not_a_database(shown: str) -> NotADatabaseError:
    """Return the error for a file that SQLite does not know."""
    return NotADatabaseError(
        f"The file {shown} is not an SQLite database: give another address with --db, or move the file away."
    )


def _full(shown: str, reason: str) -> FullError:
    return FullError(
        f"The database {shown} could not be written because the space is used up ({reason}): "
        "make room and start again with --resume; everything recorded before is intact."
    )


def _read_only(shown: str, reason: str) -> ReadOnlyError:
    return ReadOnlyError(
        f"The database {shown} or its folder cannot be opened or written ({reason}): "
        "set its permissions, or give another address with --db."
    )
