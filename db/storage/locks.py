"""One live process per run: an operating-system lock that dies with its holder.

The lock is a file in the folder beside the database. A killed process leaves the file but not the lock, so a
run that is stored as running and that nobody holds was interrupted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from db.errors import RunHeldError
from db.storage.address import Address
from db.storage.names import safe_file_name
from db.storage.translation import translated_errors

PATIENCE_SECONDS = 1.0
"""A starting run waits this long, because a viewer holds the lock for a moment to see whether it is free."""


def lock_file(address: Address, run: str) -> Path:
    """Return the path of the lock of a run; it may not exist yet."""
    return address.folder / "locks" / f"{safe_file_name(run)}.lock"


@contextmanager
def held_lock(address: Address, run: str) -> Iterator[None]:
    """Hold the lock of a run inside the block.

    Raises:
        RunHeldError: another live process holds it.
        ReadOnlyError: the folder beside the database cannot be written.
    """
    path = lock_file(address, run)
    lock = FileLock(path, timeout=PATIENCE_SECONDS, thread_local=False)
    with translated_errors(address.shown):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout as error:
            raise RunHeldError(run) from error
    try:
        yield
    finally:
        lock.release()


def is_lock_held(address: Address, run: str) -> bool:
    """Return whether a live process holds the run; True as well where the lock may not be tried."""
    path = lock_file(address, run)
    if not path.exists():
        return False
    lock = FileLock(path, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except (Timeout, OSError):
        return True
    lock.release()
    return False
