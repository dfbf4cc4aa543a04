"""Everything that `db` raises on purpose: the user's mistakes, and damage found in what was stored.

LedgerError
├── UsageError             the user can set it right (exit code 2)
│   ├── MissingDatabaseError, ReplacedError, NotADatabaseError, SchemaError
│   ├── RunExistsError, UnknownRunError, RunHeldError, ConfigurationError
│   └── FullError, ReadOnlyError, BusyError
├── DamageError            stored bytes or rows are not what was recorded (exit code 1)
└── ConflictError          a record contradicts an earlier one

Each message is one sentence or two: what was found, what is allowed, what to do.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from db.records import Damage


class LedgerError(Exception):
    """The ledger could not do what was asked."""


class UsageError(LedgerError):
    """The user's mistake, or a state of the machine that the user can change."""


class MissingDatabaseError(UsageError):
    """There is no database, or no folder for one, at the given address."""


class ReplacedError(UsageError):
    """The database file was removed or replaced while it was open."""

    def __init__(self, file: Path, happened: str) -> None:
        super().__init__(
            f"The database {file} was {happened} while it was in use, so nothing more can be recorded: "
            "put the file back with its -wal file and go on with --resume, or start again."
        )


class NotADatabaseError(UsageError):
    """The file is something else, or a database of another program."""


class SchemaError(UsageError):
    """The schema is newer than this program, or older and cannot be migrated while only read."""


class RunExistsError(UsageError):
    """A run of that name is already recorded."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"The database already holds a run named '{name}': "
            "continue it with --resume, or choose another name with --name."
        )


class UnknownRunError(UsageError):
    """No run of that name is recorded."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name = name
        close = get_close_matches(name, known, n=1, cutoff=0.5)
        if close:
            hint = f"did you mean '{close[0]}'?"
        elif known:
            hint = f"the runs are: {', '.join(sorted(known)[:10])}{', ...' if len(known) > 10 else ''}."
        else:
            hint = "the database holds no runs yet."
        super().__init__(f"The database holds no run named '{name}'; {hint}")


class RunHeldError(UsageError):
    """Another live process works on the run."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"The run '{name}' is held by another live process: "
            "wait until it ends or stop it, or choose another name with --name."
        )


class ConfigurationError(UsageError):
    """The run was started with another configuration."""

    def __init__(self, name: str, difference: Mapping[str, tuple[Any, Any]]) -> None:
        self.name = name
        self.difference = dict(difference)
        """Differing keys with (recorded, wanted); None where a side does not have the key."""
        listed = ", ".join(f"{key} is {old!r}, not {new!r}" for key, (old, new) in self.difference.items())
        super().__init__(
            f"The run '{name}' was started with another configuration ({listed}): "
            "resume it with the recorded values, or start a new run with another --name."
        )


class FullError(UsageError):
    """The disk is full, failing, or the database has reached its largest size."""


class ReadOnlyError(UsageError):
    """The database or its folder cannot be written."""


class BusyError(UsageError):
    """Another process kept the database locked for longer than the waiting time."""


class DamageError(LedgerError):
    """Something stored is missing or is not what was recorded."""

    def __init__(self, damage: Damage) -> None:
        self.damage = damage
        super().__init__(damage.sentence)


class ConflictError(LedgerError):
    """A record contradicts what is stored, or refers to something that is not stored."""
