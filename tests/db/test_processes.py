"""Several processes on one database: kills, viewers and two that want the same run."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock

import db.storage.log
from db import Database, Ledger, RunHeldError
from db.records import RunStatus
from db.storage.locks import lock_file
from tests.db.made_records import PLAN, evaluate, learn, new_run, parameters, predictions_of, task

ROOT = Path(__file__).parents[2]

WRITER = """
import sys
from db import Database
from tests.db.made_records import evaluate, learn, new_run
with Database.open(sys.argv[1]) as database, database.acquire("first"):
    ledger = database.create_run(new_run())
    for position in range(100_000):
        learn(ledger, position)
        evaluate(ledger, position)
        print(position, flush=True)
"""

DIES_INSIDE_A_TRANSACTION = """
import os, sys
import db.ledger.tensors as tensors
from db import Database
from tests.db.made_records import learn, new_run
with Database.open(sys.argv[1]) as database, database.acquire("first"):
    ledger = database.create_run(new_run())
    learn(ledger, 0)
    insert = tensors.ParameterRows._insert
    def die(self, connection, record):
        insert(self, connection, record)
        os.kill(os.getpid(), 9)
    tensors.ParameterRows._insert = die
    learn(ledger, 1)
"""

VIEWER = """
import sys, threading
from db import Database
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
with Database.open(sys.argv[1], read_only=True) as database:
    print("ready", flush=True)
    reads = 0
    while not stop.is_set():
        (run,) = database.runs()
        assert run.status == "running", run.status
        ledger = database.ledger("first")
        cells = ledger.evaluations()
        assert all(cell.value == 0.7 for cell in cells)
        ledger.tasks(), ledger.parameters()
        reads += 1
print(reads)
"""

HOLDER = """
import sys
from db import Database
with Database.open(sys.argv[1]) as database, database.acquire("first"):
    print("held", flush=True)
    sys.stdin.read()
"""


def start(script: str, url: str) -> subprocess.Popen[str]:
    """Run a script in another process, with pipes."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", script, url], cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    )


def finish(process: subprocess.Popen[str]) -> str:
    """Close the input, wait, and return the output of a process that must succeed."""
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    return output


def test_a_killed_writer_leaves_a_consistent_database(url: str) -> None:
    """SIGKILL between transactions: what the writer said it recorded is there, and every hash holds."""
    with start(WRITER, url) as process:
        assert process.stdout is not None
        last = [int(process.stdout.readline()) for _ in range(3)][-1]
        process.kill()
    with Database.open(url) as database:
        ledger = database.ledger("first")
        assert ledger.run().status is RunStatus.INTERRUPTED
        assert ledger.finished_arrivals() >= last + 1
        assert (ledger.check_rows(), ledger.check_blobs()) == ((), ())
        with ledger.storage.reading() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []


def test_a_kill_inside_a_transaction_leaves_nothing_of_it(url: str) -> None:
    """SIGKILL between the rows of one arrival: none are there, and it can be learned again."""
    with start(DIES_INSIDE_A_TRANSACTION, url) as process:
        assert process.wait() == -signal.SIGKILL
    with Database.open(url) as database, database.acquire("first"):
        ledger = database.ledger("first")
        assert ledger.has_parameters(0)
        assert not ledger.has_parameters(1)
        assert ledger.parameters(1) == ()
        learn(ledger, 1)
        assert (ledger.check_rows(), ledger.check_blobs()) == ((), ())


def test_a_killed_holder_frees_its_run(url: str) -> None:
    """The lock dies with its process; another process is refused before and let in after."""
    with start(HOLDER, url) as process, Database.open(url) as database:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert database.is_held("first")
        process.kill()
        process.wait()
        assert not database.is_held("first")
        with database.acquire("first"):
            pass


def test_two_processes_are_kept_apart(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that another live process holds is refused."""
    monkeypatch.setattr("db.storage.locks.PATIENCE_SECONDS", 0.01)
    with start(HOLDER, url) as process, Database.open(url) as database:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(RunHeldError), database.acquire("first"):
            pass
        finish(process)


def test_viewers_never_keep_a_run_from_starting(url: str) -> None:
    """Starting threads win the lock although others ask all the time whether it is held."""
    done = threading.Event()

    def ask() -> None:
        with Database.open(url, read_only=True) as viewer:
            while not done.is_set():
                viewer.is_held("first")

    with Database.open(url) as database:
        asking = threading.Thread(target=ask)
        asking.start()
        try:
            for _ in range(50):
                with database.acquire("first"):
                    pass
        finally:
            done.set()
            asking.join()


def test_a_starting_run_waits_for_a_viewer_that_looks(url: str) -> None:
    """A lock held for a moment, as a viewer does to see whether it is free, does not refuse a run."""
    with Database.open(url) as database:
        path = lock_file(database.storage.address, "first")
        path.parent.mkdir(parents=True)
        looking = FileLock(path, thread_local=False)
        looking.acquire()
        threading.Timer(0.05, looking.release).start()
        with database.acquire("first"):
            assert not looking.is_locked


def test_a_viewer_in_a_loop_disturbs_nothing(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A viewer reads without an error while a run writes, and the log stays near its limit."""
    limit = 2**20
    monkeypatch.setattr(db.storage.log, "LIMIT_BYTES", limit)
    largest = 0
    with Database.open(url) as database, database.acquire("first"):
        ledger = database.create_run(new_run())
        ledger.record_plan(PLAN)
        with start(VIEWER, url) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            for position in range(40):
                ledger.record_task(task(position))
                content = os.urandom(300_000)
                record = parameters(position, content, predictions_of(position))
                ledger.record_parameters([(record, content)], predictions_of(position))
                evaluate(ledger, position) if position < 12 else None
                largest = max(largest, (tmp_path / "runs.db-wal").stat().st_size)
            assert int(finish(process)) > 0
    assert largest < 2 * limit  # of twelve times the limit written
    assert not (tmp_path / "runs.db-wal").exists() or (tmp_path / "runs.db-wal").stat().st_size == 0


def test_a_stuck_reader_makes_the_log_longer_but_stops_nobody(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a reader stays inside its transaction, writing goes on; once it ends, the log is folded back."""
    monkeypatch.setattr(db.storage.log, "LIMIT_BYTES", 2**16)
    monkeypatch.setattr(db.storage.log, "PATIENCE_MS", 1)
    fold, folded = db.storage.log.WriteAheadLog.fold, []

    def counted(log: db.storage.log.WriteAheadLog) -> bool:
        folded.append(fold(log))
        return folded[-1]

    monkeypatch.setattr(db.storage.log.WriteAheadLog, "fold", counted)
    log = tmp_path / "runs.db-wal"
    with Database.open(url) as database, Database.open(url, read_only=True) as viewer:
        ledger = database.create_run(new_run())
        learn(ledger, 0)
        with viewer.storage.reading() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM runs").scalar()
            folded.clear()
            for number in range(10):
                ledger.record_test_set(0, f"split {number}", os.urandom(50_000))
            assert log.stat().st_size > 400_000
            assert len(folded) < 5  # tried again only when the log had doubled
            assert not any(folded)
        for number in range(10, 40):
            ledger.record_test_set(0, f"split {number}", os.urandom(50_000))
        assert log.stat().st_size < 400_000


def test_a_heartbeat_may_come_from_another_thread(ledger: Ledger) -> None:
    """A heartbeat in a thread and a run in another never fail, on a file and in memory."""
    learn(ledger, 0)
    failures: list[BaseException] = []

    def beat() -> None:
        try:
            for _ in range(100):
                ledger.heartbeat()
                ledger.run()
        except BaseException as error:  # noqa: BLE001  # a thread's failure is shown by the test
            failures.append(error)

    threads = [threading.Thread(target=beat) for _ in range(2)]
    for thread in threads:
        thread.start()
    for position in range(1, 4):
        learn(ledger, position)
    for after in range(4):
        evaluate(ledger, after)
    for thread in threads:
        thread.join()
    assert failures == []
    assert ledger.finished_arrivals() == 4


def test_two_writers_of_one_database_wait_for_each_other(url: str) -> None:
    """Two connections write in turns, each transaction beginning immediate, and none finds it locked."""
    failures: list[BaseException] = []

    def write(name: str) -> None:
        try:
            with Database.open(url) as database:
                run = database.create_run(new_run(name))
                for position in range(5):
                    learn(run, position)
                    evaluate(run, position)
        except BaseException as error:  # noqa: BLE001  # a thread's failure is shown by the test
            failures.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with Database.open(url) as database:
        assert [database.ledger(name).finished_arrivals() for name in ("a", "b")] == [5, 5]
