"""Errors of the stream.

    StreamError
    ├── UserError        the user's mistake; one sentence, exit code 2
    ├── TrainingError    the loss was not finite, also at the lower rate; exit code 1
    └── DamageError      a file is not what it has to be; exit code 1

A message says what was got, what is allowed and what to do. The command lines print it and exit with
`exit_code`; damage inside the database is raised by the ledger (`db.errors`).
"""

from typing import ClassVar


class StreamError(Exception):
    """Root of the tree; catch it to print a message instead of a traceback."""

    exit_code: ClassVar[int] = 1


class UserError(StreamError):
    """Something the user asked for cannot be done; the message is one sentence that says what can."""

    exit_code: ClassVar[int] = 2


class TrainingError(StreamError):
    """Training an arrival failed twice, the second time at a lower learning rate."""


class DamageError(StreamError):
    """Bytes outside the database (the backbone's weights, say) differ from their known hash."""


class RunInterrupted(KeyboardInterrupt):  # no error: the user's wish, and no `Exception` either
    """Ctrl-C while a run was held; it can be resumed under `name`."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name
