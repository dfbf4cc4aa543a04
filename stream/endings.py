"""How a run that does not reach its end is recorded, and what its user is told."""

from collections.abc import Iterator
from contextlib import contextmanager

from db import Ledger, LedgerError
from db.records import RunStatus
from stream.errors import RunInterrupted


@contextmanager
def interruption_named(name: str) -> Iterator[None]:
    """Say which run Ctrl-C interrupted: a default name with a number is not on the command line."""
    try:
        yield
    except KeyboardInterrupt:
        raise RunInterrupted(name) from None


@contextmanager
def status_kept(ledger: Ledger) -> Iterator[None]:
    """Record how the run ended when it does not reach its end."""
    try:
        yield
    except KeyboardInterrupt:
        ledger.set_status(RunStatus.INTERRUPTED)
        raise
    except BaseException as error:
        _record_failure(ledger, f"{type(error).__name__}: {error}")
        raise


def _record_failure(ledger: Ledger, message: str) -> None:
    try:
        ledger.set_status(RunStatus.FAILED, message)
    except LedgerError:
        return  # the error on its way says more: the ledger itself may be what failed
