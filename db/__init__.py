"""What is remembered: tables, ledger, blobs and migrations of a run.

`Database.open(url)` gives runs and their `Ledger`; values go in and out as the frozen records of
`db.records`, tensors and predictions as bytes. Nothing here knows what they mean.

Names are imported when they are first asked for: a command line that only prints its help loads nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from db.blobs import write_file_durably
    from db.database import Database
    from db.errors import (
        BusyError,
        ConfigurationError,
        ConflictError,
        DamageError,
        FullError,
        LedgerError,
        MissingDatabaseError,
        NotADatabaseError,
        ReadOnlyError,
        ReplacedError,
        RunExistsError,
        RunHeldError,
        SchemaError,
        UnknownRunError,
        UsageError,
    )
    from db.ledger import Ledger

__all__ = [
    "BusyError",
    "ConfigurationError",
    "ConflictError",
    "DamageError",
    "Database",
    "FullError",
    "Ledger",
    "LedgerError",
    "MissingDatabaseError",
    "NotADatabaseError",
    "ReadOnlyError",
    "ReplacedError",
    "RunExistsError",
    "RunHeldError",
    "SchemaError",
    "UnknownRunError",
    "UsageError",
    "write_file_durably",
]

_PLACES = {
    "db.blobs": ("write_file_durably",),
    "db.database": ("Database",),
    "db.errors": (
        "BusyError",
        "ConfigurationError",
        "ConflictError",
        "DamageError",
        "FullError",
        "LedgerError",
        "MissingDatabaseError",
        "NotADatabaseError",
        "ReadOnlyError",
        "ReplacedError",
        "ReplacedError",
        "RunExistsError",
        "RunHeldError",
        "SchemaError",
        "UnknownRunError",
        "UsageError",
    ),
    "db.ledger": ("Ledger",),
}


def __getattr__(name: str) -> Any:
    """Import the module that a public name is from."""
    for module, names in _PLACES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
