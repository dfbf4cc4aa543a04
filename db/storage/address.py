"""Where a database lies: its URL, its file if it is one, and the folder beside it.

`runs.db` has a neighbour `runs.db.files` with large blobs, training checkpoints and locks. A database that is
no file (another server, or memory) keeps all blobs in its tables; its locks and checkpoints lie in the
temporary folder of the machine.
"""

import hashlib
import re
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from db.errors import UsageError
from db.storage.files import require_folder

MAX_READABLE_NAME = 60


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
        url: an SQLAlchemy URL such as `sqlite:///runs.db`; relative paths count from the working folder.

    Raises:
        UsageError: the text is no database URL.
        MissingDatabaseError: the folder of the SQLite file does not exist.
        NotADatabaseError: the path is a folder.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise UsageError(f"'{url}' is not a database address: give one such as sqlite:///runs.db.") from error
    if parsed.get_backend_name() != "sqlite":
        return Address(url=parsed, file=None, folder=_temporary_folder(url))
    if parsed.database in (None, "", ":memory:"):
        return Address(url=parsed, file=None, folder=_temporary_folder(uuid.uuid4().hex))
    file = Path(str(parsed.database)).expanduser().absolute()
    require_folder(file)
    return Address(url=parsed.set(database=str(file)), file=file, folder=file.with_name(f"{file.name}.files"))


def safe_file_name(name: str) -> str:
    """Return a file name for any run's name: readable letters and a hash, so that no two names collide."""
    readable = re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip(".")[:MAX_READABLE_NAME]
    return f"{readable or 'run'}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def _temporary_folder(url: str) -> Path:
    return Path(tempfile.gettempdir()) / f"task-stream-{hashlib.sha256(url.encode()).hexdigest()[:16]}"
