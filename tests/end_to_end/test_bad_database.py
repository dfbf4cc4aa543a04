"""Databases that cannot be used: exit code 2, one sentence, and what was recorded stays readable."""

import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import db.storage.storage
from db import Database, Ledger
from db.records import RunStatus
from stream import verify, watch
from stream.learning import training
from stream.results.comparisons import ProofStatus
from stream.results.run_results import load_results
from tests.end_to_end.conftest import Outcome
from tests.end_to_end.test_bad_input import refused


def changed(statement: str, file: str = "runs.db") -> None:
    """Run a statement behind the program's back."""
    connection = sqlite3.connect(file)
    with connection:
        connection.execute(statement)
    connection.close()


def test_a_newer_schema_is_refused_and_left_alone(
    run: Callable[..., Outcome], capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither running nor watching nor verifying touches what a newer program wrote."""
    assert run("--tasks", "birds", "--name", "mine").code == 0
    changed("UPDATE alembic_version SET version_num = '9999'")
    before = Path("runs.db").read_bytes()
    refused(run("--tasks", "birds"), "9999", "newer", "update the program")
    for command in (watch.main, verify.main):
        assert command(["--run", "mine"]) == 2
        assert "newer" in capsys.readouterr().err
    assert Path("runs.db").read_bytes() == before


def test_another_programs_database_is_refused_and_left_alone(run: Callable[..., Outcome]) -> None:
    """A database with other tables gets none of ours."""
    changed("CREATE TABLE invoices (id INTEGER)", "other.db")
    before = Path("other.db").read_bytes()
    refused(run("--db", "sqlite:///other.db"), "other.db", "another program")
    assert Path("other.db").read_bytes() == before


@pytest.mark.parametrize("num_pages", [12, 27, 32])
def test_a_full_disk_is_one_sentence_and_costs_nothing_recorded(
    run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, num_pages: int
) -> None:
    """Wherever the space ends, what was recorded is intact, and with more room the run is finished."""
    prepare = db.storage.storage._prepare_writer

    def limited(connection: Any, record: Any) -> None:
        prepare(connection, record)
        connection.execute(f"PRAGMA max_page_count = {num_pages}")

    with monkeypatch.context() as patch:
        patch.setattr(db.storage.storage, "_prepare_writer", limited)
        refused(run("--name", "mine"), "runs.db", "space is used up", "--resume")
    connection = sqlite3.connect("runs.db")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    assert run("--name", "mine", "--resume").code == 0
    with Database.open("sqlite:///runs.db", read_only=True) as database:
        ledger = database.ledger("mine")
        assert (ledger.check_rows(), ledger.check_blobs()) == ((), ())
        results = load_results(ledger)
    assert results.run.status is RunStatus.FINISHED
    assert results.proof.status is ProofStatus.PROVEN


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--tasks", "birds,birds"), ("'birds'", "twice")),
        (("--tasks", "birds,"), ("has no task ''",)),
        (("--batch-size", "0"), ("--batch-size", "0")),
        (("--max-test", "-1"), ("--max-test", "-1")),
        (("--learning-rate", "-0.1"), ("--learning-rate", "-0.1")),
        (("--db", "sqlite:///."), ("folder",)),
        (("--db", "sqlite:///runs.db", "--out", "/dev/null/x"), ("/dev/null/x", "--out")),
        (("--data-home", "tiny.toml"), ("tiny.toml", "folder")),
    ],
)
def test_further_options_that_cannot_be_followed(
    run: Callable[..., Outcome], options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    """Duplicates, empty names and numbers out of range are named as well."""
    refused(run(*options), *words)


def test_a_database_removed_in_a_run_ends_it(
    run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is called proven that is not stored: one sentence and exit code 2."""
    record_epoch = Ledger.record_epoch

    def removed_first(ledger: Ledger, epoch: Any) -> None:
        for file in Path().glob("runs.db*"):
            if file.is_file():
                file.unlink()
        record_epoch(ledger, epoch)

    monkeypatch.setattr(Ledger, "record_epoch", removed_first)
    outcome = run("--tasks", "birds", "--name", "mine")
    refused(outcome, "runs.db was removed while it was in use")
    assert "proven" not in outcome.out
    assert not Path("runs.db").exists()


def test_a_disk_that_fills_up_at_a_checkpoint_is_one_sentence(
    run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is failed but whole: with more room it goes on from the last checkpoint."""
    synced = os.fsync
    num_written = 0

    def filling_up(descriptor: int) -> None:
        nonlocal num_written
        num_written += 1
        if num_written > 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        synced(descriptor)

    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", filling_up)
        refused(run("--tasks", "birds", "--name", "mine"), "space is used up", "--resume")
    with Database.open("runs.db", read_only=True) as database:
        ledger = database.ledger("mine")
        assert ledger.run().status is RunStatus.FAILED
        assert ledger.checkpoint(0) is not None
    assert run("--tasks", "birds", "--name", "mine", "--resume").code == 0
    assert verify.main(["--run", "mine"]) == 0


def test_a_run_whose_reports_fail_is_finished(run: Callable[..., Outcome]) -> None:
    """What was learned is proven and stored; the sentence names the command that writes the reports."""
    Path("out/tasks.csv").mkdir(parents=True)
    outcome = run("--tasks", "birds", "--name", "my run", "--out", "out")
    refused(outcome, "cannot write out", "python -m stream.report --db sqlite:///runs.db --run 'my run'")
    with Database.open("runs.db", read_only=True) as database:
        assert database.ledger("my run").run().status is RunStatus.FINISHED
