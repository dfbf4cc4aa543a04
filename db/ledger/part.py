"""What all parts of a ledger have: the run they are bound to, and transactions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from db.errors import DamageError
from db.records import Damage
from db.rows import Row
from db.storage import Storage

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
        try:
            return decode(row)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            damage = Damage(run=self.name, position=row.get("position"), what=what, expected=None, found=None)
            raise DamageError(damage) from error
