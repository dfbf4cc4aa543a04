"""What all parts of a ledger have: the run they are bound to, and transactions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from db.rows import Row, decode_row
from db.storage.storage import Storage

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
