"""Checkpoints are files beside the database: written whole or not at all, the newest one kept."""

import errno
import os
from pathlib import Path

import pytest

from db import ConflictError, Database, FullError, Ledger, write_file_durably
from db.blobs import sha256_of
from db.records import CheckpointRecord
from tests.db.made_records import PLAN, learn, new_run, parameters, task


def checkpoint(ledger: Ledger, position: int, step: int) -> CheckpointRecord:
    """Write a checkpoint file and return its record."""
    content = b"step %d" % step
    path = ledger.checkpoint_folder() / f"{position}-{step}.pt"
    write_file_durably(path, content)
    return CheckpointRecord(
        position=position, step=step, path=str(path), sha256=sha256_of(content), num_bytes=len(content)
    )


def files(ledger: Ledger) -> list[str]:
    """Names in the checkpoint folder."""
    return sorted(os.listdir(ledger.checkpoint_folder()))


def test_the_newest_checkpoint_is_kept(ledger: Ledger) -> None:
    """A new checkpoint replaces the older one of its position; the older file is unlinked."""
    ledger.record_task(task(0))
    assert ledger.checkpoint(0) is None
    ledger.record_checkpoint(checkpoint(ledger, 0, 10))
    newest = checkpoint(ledger, 0, 20)
    ledger.record_checkpoint(newest)
    assert ledger.checkpoint(0) == newest
    assert files(ledger) == ["0-20.pt"]


def test_a_checkpoint_may_be_written_over(ledger: Ledger) -> None:
    """A resumed training that reaches the same step again keeps its file."""
    ledger.record_task(task(0))
    for _ in range(2):
        ledger.record_checkpoint(checkpoint(ledger, 0, 10))
    assert files(ledger) == ["0-10.pt"]


def test_committed_parameters_end_all_checkpoints(ledger: Ledger) -> None:
    """Once parameters are committed, the checkpoint and leftovers of kills are gone."""
    ledger.record_task(task(0))
    ledger.record_checkpoint(checkpoint(ledger, 0, 10))
    (ledger.checkpoint_folder() / "0-11.pt.partial").write_bytes(b"killed")
    learn(ledger, 0)
    assert ledger.checkpoint(0) is None
    assert files(ledger) == []


def test_refused_parameters_keep_the_checkpoint(ledger: Ledger) -> None:
    """The checkpoint goes with the commit, not before."""
    ledger.record_task(task(0))
    record = checkpoint(ledger, 0, 10)
    ledger.record_checkpoint(record)
    with pytest.raises(ConflictError):
        ledger.record_parameters([(parameters(0, b"x", b"p"), b"x")], b"p")  # no plan is recorded
    assert ledger.checkpoint(0) == record
    assert files(ledger) == ["0-10.pt"]


def test_a_checkpoint_elsewhere_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    """Only files in the checkpoint folder are recorded, because they are unlinked later."""
    ledger.record_task(task(0))
    record = CheckpointRecord(position=0, step=1, path=str(tmp_path / "x"), sha256="0" * 64, num_bytes=1)
    with pytest.raises(ValueError, match="a checkpoint lies in"):
        ledger.record_checkpoint(record)


def test_the_database_may_be_moved_with_its_folder(url: str, tmp_path: Path) -> None:
    """Paths are stored relative to the folder beside the database."""
    with Database.open(url) as database:
        ledger = database.create_run(new_run())
        ledger.record_task(task(0))
        ledger.record_checkpoint(checkpoint(ledger, 0, 10))
    (tmp_path / "elsewhere").mkdir()
    for name in ("runs.db", "runs.db.files"):
        (tmp_path / name).rename(tmp_path / "elsewhere" / name)
    with Database.open(f"sqlite:///{tmp_path}/elsewhere/runs.db") as database:
        found = database.ledger("first").checkpoint(0)
    assert found is not None
    assert Path(found.path).read_bytes() == b"step 10"


def test_a_failed_write_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk fills up, the earlier file is whole and nothing temporary stays."""
    path = tmp_path / "file"
    write_file_durably(path, b"old")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_file_durably(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_full_disk_beside_the_database_is_one_sentence(
    file_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large blob that finds no room is refused, and its row is not there either."""
    content = b"large" * 1_000
    file_ledger.record_task(task(0))
    file_ledger.record_plan(PLAN)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(FullError, match="make room"):
            file_ledger.record_parameters([(parameters(0, content, b"p"), content)], b"p")
    assert not file_ledger.has_parameters(0)
    file_ledger.record_parameters([(parameters(0, content, b"p"), content)], b"p")
    assert file_ledger.parameters_content(0) == content


def test_a_file_left_by_a_kill_is_taken_over(file_ledger: Ledger) -> None:
    """A damaged file under a blob's name without a row is written anew."""
    content = b"large" * 1_000
    sha256 = sha256_of(content)
    left = file_ledger.storage.address.folder / "blobs" / sha256[:2] / sha256
    write_file_durably(left, b"other")
    file_ledger.record_task(task(0))
    file_ledger.record_plan(PLAN)
    file_ledger.record_parameters([(parameters(0, content, b"p"), content)], b"p")
    assert file_ledger.parameters_content(0) == content


def test_a_full_disk_at_a_checkpoint_is_one_sentence(
    file_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint that finds no room is refused as a row would be; the last one stays."""
    path = file_ledger.checkpoint_folder() / "0-1.safetensors"
    file_ledger.write_beside(path, b"step 1")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(FullError, match="make room and start again with --resume"):
            file_ledger.write_beside(path.with_name("0-2.safetensors"), b"step 2")
        patch.setattr(Path, "mkdir", full)
        for folder in (file_ledger.checkpoint_folder, file_ledger.trial_folder):
            with pytest.raises(FullError, match="space is used up"):
                folder()
    assert os.listdir(path.parent) == [path.name]
    assert path.read_bytes() == b"step 1"
