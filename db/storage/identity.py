"""Whether the file that is open is still the one that lies at its path.

SQLite goes on in a file that was removed or replaced: everything it records vanishes when it is closed.
"""

from pathlib import Path

from db.errors import ReplacedError


class FileIdentity:
    """The device and inode of a database file, known from the first look on."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: tuple[int, int] | None = None

    def require_same(self) -> None:
        """Compare with what the first look found.

        Raises:
            ReplacedError: the file was removed, or another lies in its place.
        """
        try:
            found = self._file.stat()
        except FileNotFoundError:
            raise ReplacedError(self._file, "removed") from None
        identity = (found.st_dev, found.st_ino)
        self._known = self._known or identity
        if identity != self._known:
            raise ReplacedError(self._file, "replaced by another file")
