"""Connections and transactions: one way to read, one way to write.

SQLite runs with a write-ahead log, so readers and the one writer never wait for each other. Writers begin
with BEGIN IMMEDIATE: a deferred transaction that reads first and writes later fails at once when another
writer came between, whatever the busy timeout says. `synchronous=NORMAL` is enough here: a committed row
survives the death of the process (SIGKILL), and after a power cut the database is consistent and at most the
newest rows are missing, which a resumed run makes again. Files beside the database are synced one by one.
"""

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, QueuePool, StaticPool, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from db.errors import ReadOnlyError
from db.storage.address import Address
from db.storage.files import BUSY_TIMEOUT_MS, connect_read_only
from db.storage.identity import FileIdentity
from db.storage.log import LIMIT_BYTES, WriteAheadLog
from db.storage.older import show_as_newest
from db.storage.translation import translated_errors

MAX_INLINE_BYTES = 64 * 2**20
"""Larger blobs become files beside the database."""
AUTOCHECKPOINT_PAGES = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Storage:
    """An open database with its folder; gives connections for one transaction each."""

    address: Address
    engine: Engine
    read_only: bool
    max_inline_bytes: int
    log: WriteAheadLog | None
    """Of a SQLite file open for writing."""
    identity: FileIdentity | None
    """Of a SQLite file."""
    write_lock: AbstractContextManager[bool] = field(default_factory=threading.RLock, repr=False)
    """Threads of this process queue here instead of polling SQLite's lock."""

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection on one consistent snapshot; it ends with the block, so the log can be folded."""
        exclusive = self.write_lock if self.address.in_memory else nullcontext()
        with exclusive, translated_errors(self.address.shown), self._connection(writes=False) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection whose changes are committed together at the end of the block, or not at all.

        Raises:
            ReadOnlyError: the database was opened for reading only.
            LedgerError: as `translated_errors` says.
        """
        if self.read_only:
            raise ReadOnlyError(
                f"The database {self.address.shown} is open for reading only: "
                "open it for writing to record anything."
            )
        with self.write_lock, translated_errors(self.address.shown):
            with self._connection(writes=True) as connection:
                yield connection
            if self.log is not None:
                self.log.fold_if_long()

    @contextmanager
    def _connection(self, *, writes: bool) -> Iterator[Connection]:
        """Give a connection inside a transaction; one in a file that is gone is not committed."""
        with self.engine.connect() as connection:
            connection = connection.execution_options(writes=writes)
            with connection.begin():
                yield connection
                if self.identity is not None:
                    self.identity.require_same()

    def close(self) -> None:
        """Fold the log back into the file and close all connections."""
        if self.log is not None:
            with self.write_lock, suppress(SQLAlchemyError, sqlite3.Error):
                self.log.fold()
        self.engine.dispose()
        if self.address.in_memory:
            shutil.rmtree(self.address.folder, ignore_errors=True)


def open_storage(address: Address, *, read_only: bool, max_inline_bytes: int = MAX_INLINE_BYTES) -> Storage:
    """Return the storage at `address`; no connection is made yet."""
    engine = _sqlite_engine(address, read_only) if address.is_sqlite else create_engine(address.url)
    logged = None if read_only else address.file
    return Storage(
        address=address,
        engine=engine,
        read_only=read_only,
        max_inline_bytes=max_inline_bytes,
        identity=None if address.file is None else FileIdentity(address.file),
        log=None if logged is None else WriteAheadLog(engine, logged, BUSY_TIMEOUT_MS),
    )


def _sqlite_engine(address: Address, read_only: bool) -> Engine:
    file = address.file
    if file is None:
        engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    elif read_only:
        engine = create_engine("sqlite://", creator=lambda: connect_read_only(file), poolclass=QueuePool)
    else:
        engine = create_engine(address.url)
    event.listen(engine, "connect", _prepare_reader if read_only else _prepare_writer)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare_reader(connection: Any, _record: Any) -> None:
    # isolation_level=None: the driver must not begin or commit behind SQLAlchemy's back.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    show_as_newest(connection)
    connection.execute("PRAGMA query_only = ON")


def _prepare_writer(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA wal_autocheckpoint = {AUTOCHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {LIMIT_BYTES}")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
