"""What all parts of a ledger have: the run they are bound to, and transactions."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from db.blobs import write_file_durably
from db.rows import Row, decode_row
from db.storage.storage import Storage
from db.storage.translation import translated_errors

RecordType = TypeVar("RecordType")


@dataclass(frozen=True, kw_only=True)
class LedgerPart:
    """The rows of one run; the ledger is composed of parts, one file per noun."""

    storage: Storage
    run_id: int
    name: str
    """Name of the run."""

    def decoded(self, decode: Callable[[Row], RecordType], row: Row, what: str) -> RecordType:
        """Return `decode(row)`; a row that an edit made unreadable is damage, not a crash.

        Raises:
            DamageError: the row's values are not what the program writes.
        """
        return decode_row(decode, row, run=self.name, what=what)

    def write_beside(self, path: Path, content: bytes) -> None:
        """Write a file in a folder of the run beside the database: the whole file or none.

        Raises:
            FullError: the disk is full; what was written before stays.
            ReadOnlyError: the folder cannot be written.
            LedgerError: another failure of the disk.
        """
        with translated_errors(self.storage.address.shown):
            write_file_durably(path, content)

    def _made(self, folder: Path) -> Path:
        """Return the folder beside the database, made if missing."""
        with translated_errors(self.storage.address.shown):
            folder.mkdir(parents=True, exist_ok=True)
        return folder
