"""The database: opened by its address, it lists runs, starts them and hands out their ledgers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import insert, select

from db.errors import RunExistsError, UnknownRunError
from db.ledger import Ledger
from db.records import NewRun, RunRecord, RunStatus
from db.rows import Row, decode_row, decode_run, encode, now, seen_run, table_of
from db.storage.address import Address, parse_address
from db.storage.files import require_file
from db.storage.locks import held_lock, is_lock_held
from db.storage.schema import migrate, refuse_unknown, require_readable
from db.storage.storage import MAX_INLINE_BYTES, Storage, open_storage
from db.tables import RunRow


@dataclass(frozen=True, kw_only=True, slots=True)
class Database:
    """An open database; use it as a context manager.

    Example:
        with Database.open("sqlite:///runs.db") as database, database.acquire(new.name):
            ledger = database.create_run(new)
    """

    storage: Storage

    @staticmethod
    def exists(url: str) -> bool:
        """Return whether opening `url` would find a database; a server's counts as there.

        Raises:
            MissingDatabaseError, NotADatabaseError, UsageError: as `open`, for the address alone.
        """
        address = parse_address(url)
        return not address.is_sqlite or (address.file is not None and address.file.exists())

    @classmethod
    def open(
        cls, url: str, *, read_only: bool = False, max_inline_bytes: int = MAX_INLINE_BYTES
    ) -> "Database":
        """Open the database at `url`; for writing it is created or migrated first.

        Args:
            url: an SQLAlchemy URL such as `sqlite:///runs.db`.
            read_only: never create, migrate or change anything; works while another process writes.
            max_inline_bytes: blobs above it become files beside the database.

        Raises:
            MissingDatabaseError: the folder does not exist, or read-only the file.
            NotADatabaseError: the file is something else or belongs to another program.
            SchemaError: the schema is newer than this program; read-only: or older and not in
                `db.storage.older`.
            UsageError: the address is none, the disk is full, or the location cannot be written.
        """
        address = parse_address(url)
        exists = address.file is not None and address.file.exists()
        if read_only and address.file is not None:
            require_file(address.file)
        if exists and not read_only:
            _refuse_foreign(address)
        storage = open_storage(address, read_only=read_only, max_inline_bytes=max_inline_bytes)
        try:
            if read_only:
                require_readable(storage)
            else:
                migrate(storage)
        except BaseException:
            storage.close()
            raise
        return cls(storage=storage)

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections and fold the write-ahead log into the file."""
        self.storage.close()

    def runs(self) -> list[RunRecord]:
        """Return all runs in the order they were created; one whose process died is `interrupted`.

        Raises:
            DamageError: a row cannot be read.
        """
        query = select(table_of(RunRow)).order_by(RunRow.id)
        with self.storage.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [seen_run(self._decoded(row), self.is_held) for row in rows]

    def _decoded(self, row: Row) -> RunRecord:
        return decode_row(decode_run, row, run=str(row["name"]), what="run row")

    def run_names(self) -> list[str]:
        """Return the names of all runs in the order they were created."""
        with self.storage.reading() as connection:
            return list(connection.execute(select(RunRow.name).order_by(RunRow.id)).scalars())

    def create_run(self, new: NewRun) -> Ledger:
        """Record a new run with status `running` and return its ledger.

        Args:
            new: what is fixed about the run; hold its lock (`acquire`) first.

        Raises:
            RunExistsError: a run of that name is recorded.
        """
        moment = now()
        values = encode(new) | {
            "status": RunStatus.RUNNING.value,
            "created_at": moment,
            "heartbeat_at": moment,
            "finished_at": None,
            "message": "",
        }
        with self.storage.writing() as connection:
            if connection.execute(select(RunRow.id).where(RunRow.name == new.name)).first() is not None:
                raise RunExistsError(new.name)
            key = connection.execute(insert(table_of(RunRow)).values(values)).inserted_primary_key
        assert key is not None
        return Ledger(storage=self.storage, run_id=key[0], name=new.name)

    def ledger(self, name: str) -> Ledger:
        """Return the ledger of a recorded run.

        Raises:
            UnknownRunError: there is none of that name; the message proposes the nearest.
        """
        with self.storage.reading() as connection:
            run_id = connection.execute(select(RunRow.id).where(RunRow.name == name)).scalar()
        if run_id is None:
            raise UnknownRunError(name, self.run_names())
        return Ledger(storage=self.storage, run_id=run_id, name=name)

    @contextmanager
    def acquire(self, name: str) -> Iterator[None]:
        """Hold a run for this process inside the block; the run need not be recorded yet.

        Raises:
            RunHeldError: another live process holds it.
            ReadOnlyError: the folder beside the database cannot be written.
        """
        with held_lock(self.storage.address, name):
            yield

    def is_held(self, name: str) -> bool:
        """Return whether a live process holds the run."""
        return is_lock_held(self.storage.address, name)


def _refuse_foreign(address: Address) -> None:
    """Look at an existing file without changing a byte of it, before the log is switched on."""
    looked_at = open_storage(address, read_only=True)
    try:
        refuse_unknown(looked_at)
    finally:
        looked_at.close()
