"""What is remembered: tables, ledger, blobs and migrations of a run.

`Database.open(url)` gives runs and their `Ledger`; values go in and out as the frozen records of
`db.records`, tensors and predictions as bytes. Nothing here knows what they mean.
"""

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
    "RunExistsError",
    "RunHeldError",
    "SchemaError",
    "UnknownRunError",
    "UsageError",
    "write_file_durably",
]
