"""Opening a database, listing its runs, and one clear sentence for every mistake."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from db import (
    ConflictError,
    Database,
    FullError,
    Ledger,
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
from db.records import RunStatus
from db.storage.names import safe_file_name
from tests.db.made_records import content_of, evaluate, learn, new_run, parameters, task


def is_one_paragraph(error: BaseException) -> bool:
    """Whether a message is short, on one line, and says what to do after a colon or semicolon."""
    text = str(error)
    return "\n" not in text and len(text) < 400 and (":" in text or ";" in text)


class TestRuns:
    """Names, order and status."""

    def test_runs_are_listed_in_order(self, database: Database) -> None:
        """Runs come in the order they were created."""
        assert database.runs() == []
        for name in ("b", "a"):
            database.create_run(new_run(name))
        assert database.run_names() == ["b", "a"]
        assert [run.name for run in database.runs()] == ["b", "a"]

    def test_an_existing_name_is_refused(self, database: Database) -> None:
        """The message names both ways out."""
        database.create_run(new_run())
        with pytest.raises(RunExistsError, match="--resume, or choose another name with --name"):
            database.create_run(new_run())

    def test_an_unknown_run_answers_with_the_nearest(self, database: Database) -> None:
        """A slip of the pen is recognised; otherwise the runs are listed."""
        with pytest.raises(UnknownRunError, match="no runs yet"):
            database.ledger("frist")
        database.create_run(new_run())
        with pytest.raises(UnknownRunError, match="did you mean 'first'"):
            database.ledger("frist")
        with pytest.raises(UnknownRunError, match="the runs are: first"):
            database.ledger("zzz")

    def test_a_run_that_nobody_holds_is_interrupted(self, database: Database) -> None:
        """Stored as running without a live holder, a run is interrupted; finished stays finished."""
        with database.acquire("first"):
            ledger = database.create_run(new_run())
            assert ledger.run().status is RunStatus.RUNNING
            assert database.runs()[0].status is RunStatus.RUNNING
        assert ledger.run().status is RunStatus.INTERRUPTED
        assert database.runs()[0].status is RunStatus.INTERRUPTED
        ledger.set_status(RunStatus.FINISHED)
        assert database.runs()[0].status is RunStatus.FINISHED

    def test_a_held_run_is_refused(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        """A second holder is told so; after the first let go the run is free."""
        monkeypatch.setattr("db.storage.locks.PATIENCE_SECONDS", 0.01)
        with database.acquire("first"):
            assert database.is_held("first")
            assert not database.is_held("second")
            with pytest.raises(RunHeldError, match="held by another live process"), database.acquire("first"):
                pass
        assert not database.is_held("first")
        with database.acquire("first"):
            pass

    def test_looking_leaves_no_file(self, database: Database) -> None:
        """Asking whether a run is held creates no lock."""
        assert not database.is_held("first")
        assert not (database.storage.address.folder / "locks").exists()

    @pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "ä ö", "." * 300, "", "CON", "x" * 300])
    def test_any_name_makes_a_safe_lock(self, database: Database, name: str) -> None:
        """A run's name never leads out of the folder of locks."""
        with database.acquire(name):
            assert database.is_held(name)
        assert Path(safe_file_name(name)).name == safe_file_name(name)

    def test_names_that_look_alike_have_their_own_locks(self, database: Database) -> None:
        """Characters a file name cannot hold do not make two runs one."""
        with database.acquire("a/b"):
            assert not database.is_held("a_b")


class TestReadOnly:
    """A viewer changes nothing."""

    def test_a_reader_sees_what_a_writer_committed(self, file_ledger: Ledger, url: str) -> None:
        """A read-only connection works while the writer's is open, and sees new rows at once."""
        with Database.open(url, read_only=True) as reader:
            learn(file_ledger, 0)
            seen = reader.ledger("first")
            assert seen.has_parameters(0)
            evaluate(file_ledger, 0)
            assert len(seen.evaluations()) == 1
            assert seen.run().status is RunStatus.RUNNING

    def test_a_reader_cannot_write(self, file_ledger: Ledger, url: str) -> None:
        """Every recording method of a read-only ledger refuses in one sentence."""
        with Database.open(url, read_only=True) as reader:
            seen = reader.ledger("first")
            with pytest.raises(ReadOnlyError, match="open for reading only"):
                seen.heartbeat()
            with pytest.raises(ReadOnlyError, match="open for reading only"):
                reader.create_run(new_run("second"))

    def test_a_reader_never_creates_a_file(self, url: str, tmp_path: Path) -> None:
        """A database that is not there is the user's mistake, and stays not there."""
        with pytest.raises(MissingDatabaseError, match="There is no database"):
            Database.open(url, read_only=True)
        assert os.listdir(tmp_path) == []

    def test_an_empty_file_is_no_database_to_a_reader(self, url: str, tmp_path: Path) -> None:
        """Zero bytes, as a kill before the first migration leaves them, hold no run."""
        (tmp_path / "runs.db").touch()
        with pytest.raises(NotADatabaseError, match="holds no tables"):
            Database.open(url, read_only=True)
        with Database.open(url) as database:
            assert database.runs() == []

    def test_a_finished_database_is_read_without_its_folder_being_writable(
        self, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where no log can be made, a database without a log is read as immutable."""
        with Database.open(url) as database:
            database.create_run(new_run())
        connect = sqlite3.connect

        def without_log(address: str, **options: object) -> sqlite3.Connection:
            if "immutable" not in address:
                error = sqlite3.OperationalError("unable to open database file")
                error.sqlite_errorname = "SQLITE_CANTOPEN"
                raise error
            return connect(address, **options)

        monkeypatch.setattr(sqlite3, "connect", without_log)
        with Database.open(url, read_only=True) as reader:
            assert reader.run_names() == ["first"]


def test_a_database_exists_from_its_first_opening(tmp_path: Path) -> None:
    """Asking creates nothing; one in memory is always new; an address that cannot be is refused."""
    url = f"sqlite:///{tmp_path}/runs.db"
    assert not Database.exists(url)
    assert os.listdir(tmp_path) == []
    Database.open(url).close()
    assert Database.exists(url)
    assert not Database.exists("sqlite://")
    with pytest.raises(MissingDatabaseError):
        Database.exists(f"sqlite:///{tmp_path}/nowhere/runs.db")


class TestMistakes:
    """Each is a `UsageError` with one sentence, and leaves the file as it was."""

    def test_no_address(self) -> None:
        """A bare word is answered with an example of one."""
        with pytest.raises(UsageError, match=r"sqlite:///runs\.db") as caught:
            Database.open("runs")
        assert is_one_paragraph(caught.value)

    def test_a_missing_folder(self, tmp_path: Path) -> None:
        """The folder is named; it is not made silently."""
        with pytest.raises(MissingDatabaseError, match="does not exist: create it") as caught:
            Database.open(f"sqlite:///{tmp_path}/nowhere/runs.db")
        assert is_one_paragraph(caught.value)
        assert os.listdir(tmp_path) == []

    @pytest.mark.parametrize("read_only", [True, False])
    def test_a_file_that_is_no_database(self, url: str, tmp_path: Path, read_only: bool) -> None:
        """A text file is refused and not touched."""
        file = tmp_path / "runs.db"
        file.write_text("name,value\n" * 1000)
        with pytest.raises(NotADatabaseError, match="is not an SQLite database") as caught:
            Database.open(url, read_only=read_only)
        assert is_one_paragraph(caught.value)
        assert file.read_text() == "name,value\n" * 1000

    @pytest.mark.parametrize("read_only", [True, False])
    def test_a_folder_instead_of_a_file(self, url: str, tmp_path: Path, read_only: bool) -> None:
        """A folder under the database's name is refused."""
        (tmp_path / "runs.db").mkdir()
        with pytest.raises(UsageError) as caught:
            Database.open(url, read_only=read_only)
        assert is_one_paragraph(caught.value)

    @pytest.mark.parametrize("read_only", [True, False])
    def test_the_database_of_another_program(self, url: str, tmp_path: Path, read_only: bool) -> None:
        """A database with other tables is refused, and not one byte of it changes."""
        file = tmp_path / "runs.db"
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("CREATE TABLE songs (title TEXT)")
        before = file.read_bytes()
        with pytest.raises(NotADatabaseError, match="belongs to another program") as caught:
            Database.open(url, read_only=read_only)
        assert is_one_paragraph(caught.value)
        assert file.read_bytes() == before

    @pytest.mark.parametrize("read_only", [True, False])
    def test_a_newer_schema(self, url: str, tmp_path: Path, read_only: bool) -> None:
        """A database of a later version is refused with both versions named, and not changed."""
        Database.open(url).close()
        file = tmp_path / "runs.db"
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(SchemaError, match=r"9999, newer than this program's \d+: update") as caught:
            Database.open(url, read_only=read_only)
        assert is_one_paragraph(caught.value)
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]

    def test_a_folder_that_cannot_be_written(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A lock that cannot be made is the user's mistake."""

        def denied(*_args: object, **_options: object) -> None:
            raise PermissionError(13, "Permission denied")

        with Database.open(url) as database:
            monkeypatch.setattr(Path, "mkdir", denied)
            with pytest.raises(ReadOnlyError, match="set its permissions"), database.acquire("first"):
                pass

    def test_the_drivers_error_is_kept_as_the_cause(self, file_ledger: Ledger) -> None:
        """The sentence is for the user, the cause for whoever looks for the reason."""
        learn(file_ledger, 0)
        with pytest.raises(ConflictError) as caught:
            file_ledger.record_parameters([(parameters(0, b"x", b"p"), b"x")], b"p")
        assert isinstance(caught.value.__cause__.orig, sqlite3.IntegrityError)


class TestFullDisk:
    """A write that finds no room fails as a whole; everything before it stays readable."""

    def fill(self, ledger: Ledger, pages: int) -> None:
        """Leave room for so many pages."""
        raw = ledger.storage.engine.raw_connection()
        used = raw.cursor().execute("PRAGMA page_count").fetchone()[0]
        raw.cursor().execute(f"PRAGMA max_page_count = {used + pages}")
        raw.close()

    def test_a_full_database_keeps_what_it_has(self, url: str) -> None:
        """After the refused write, earlier rows and blobs are intact, and with room the run goes on."""
        with Database.open(url) as database, database.acquire("first"):
            ledger = database.create_run(new_run())
            learn(ledger, 0)
            evaluate(ledger, 0)
            ledger.record_task(task(1))
            self.fill(ledger, pages=2)
            content = os.urandom(100_000)
            pair = [(parameters(1, content, b"p"), content)]
            with pytest.raises(FullError, match="make room and start again with --resume") as caught:
                ledger.record_parameters(pair, b"p")
            assert is_one_paragraph(caught.value)
            assert not ledger.has_parameters(1)
            assert ledger.parameters_content(0) == content_of(0)
            assert (ledger.check_rows(), ledger.check_blobs()) == ((), ())
        with Database.open(url) as database:
            ledger = database.ledger("first")
            ledger.record_parameters(pair, b"p")
            assert ledger.parameters_content(1) == content

    def test_a_viewer_can_read_a_full_database(self, file_ledger: Ledger, url: str) -> None:
        """Reading needs no room."""
        learn(file_ledger, 0)
        self.fill(file_ledger, pages=0)
        with pytest.raises(FullError):
            file_ledger.record_task(task(1, title="long " * 10_000))
        with Database.open(url, read_only=True) as reader:
            assert reader.ledger("first").parameters_content(0) == content_of(0)


def test_all_errors_are_ledger_errors() -> None:
    """One except clause catches everything that `db` raises on purpose."""
    assert issubclass(UsageError, LedgerError)
    assert issubclass(ConflictError, LedgerError)
