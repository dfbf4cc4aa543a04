"""Where a database lies: its URL, its file if it is one, and the folder beside it.

`runs.db` has a neighbour `runs.db.files` with large blobs, training checkpoints and locks. A database that is
no file (another server, or memory) keeps all blobs in its tables; its locks and checkpoints lie in the
temporary folder of the machine.
"""

import hashlib
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from db.errors import UsageError
from db.storage.files import require_folder
from db.storage.written import file_of, is_memory


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """A parsed and absolute database URL."""

    url: URL
    file: Path | None
    """The SQLite file; None for memory and for servers."""
    folder: Path
    """Holds blobs, checkpoints and locks; may not exist yet."""

    @property
    def in_memory(self) -> bool:
        """Whether the database vanishes with its connection."""
        return self.is_sqlite and self.file is None

    @property
    def is_sqlite(self) -> bool:
        """Whether SQLite's rules (write-ahead log, BEGIN IMMEDIATE, pragmas) apply."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def shown(self) -> str:
        """The address for messages, without a password."""
        return str(self.file) if self.file is not None else self.url.render_as_string(hide_password=True)


def parse_address(url: str) -> Address:
    """Return the absolute address of `url`.

    Args:
        url: a path, a URL such as `sqlite:///runs.db`, or one of a server; relative paths count from the
            working folder.

    Raises:
        UsageError: the text is no address, or its server's driver is not installed.
        MissingDatabaseError: the folder of the SQLite file does not exist.
        NotADatabaseError: the path is a folder.
    """
    if is_memory(url):
        return Address(url=URL.create("sqlite"), file=None, folder=_temporary_folder(uuid.uuid4().hex))
    file = file_of(url)
    if file is None:
        return Address(url=_server(url), file=None, folder=_temporary_folder(url))
    require_folder(file)
    own = URL.create("sqlite", database=str(file))
    return Address(url=own, file=file, folder=file.with_name(f"{file.name}.files"))


def _server(text: str) -> URL:
    """The address of a server whose driver is there."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise UsageError(
            f"'{text}' is not a database address: give one such as postgresql://HOST/NAME or sqlite:///runs.db."
        ) from error
    try:
        dialect = url.get_dialect()
        dialect.import_dbapi()
    except (ImportError, ArgumentError) as error:
        raise UsageError(_no_driver(url, str(error))) from error
    if dialect.is_async:
        raise UsageError(_no_driver(url, "its driver is asynchronous"))
    return url


def _no_driver(url: URL, reason: str) -> str:
    shown = url.render_as_string(hide_password=True)
    return (
        f"The database {shown} cannot be reached from here ({reason}): "
        "install its driver (pip install psycopg) and give postgresql+psycopg://..., or use sqlite:///runs.db."
    )


def _temporary_folder(url: str) -> Path:
    return Path(tempfile.gettempdir()) / f"task-stream-{hashlib.sha256(url.encode()).hexdigest()[:16]}"
