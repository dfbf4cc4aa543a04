"""Bytes under their SHA-256: written once, verified at every reading, deleted when nothing refers to them.

A small blob lies in its row. A larger one lies in a file beside the database that is synced before the row is
committed; a kill in between leaves a file without a row, which the next writing of the same bytes takes over.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import Connection, bindparam, delete, exists, insert, or_, select

from db.errors import DamageError
from db.records import Damage
from db.rows import table_of
from db.storage.storage import Storage
from db.tables import BlobRow, EvaluationRow, LearnedSplitRow, ParametersRow, RunRow, TaskRow, TestSetRow
from db.tables.trials import TrialRow

TEMPORARY_SUFFIX = ".partial"
# Made once: putting a statement together takes longer than SQLite takes to answer it.
_BLOB = select(BlobRow.content, BlobRow.path).where(BlobRow.sha256 == bindparam("sha256"))


def sha256_of(content: bytes) -> str:
    """Return the SHA-256 of `content` in lower-case hex."""
    return hashlib.sha256(content).hexdigest()


def write_file_durably(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that a kill or power cut leaves either the whole file or none.

    The bytes go to a temporary name in the same folder, are synced, renamed, and the folder is synced.

    Raises:
        OSError: the disk is full or the folder cannot be written; no temporary file is left then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=TEMPORARY_SUFFIX)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder, and renames are durable there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def put_blob(connection: Connection, storage: Storage, content: bytes) -> str:
    """Store `content` unless it is there, and return its SHA-256.

    A database that is no file keeps everything in its rows: there is no folder that would move with it.
    """
    sha256 = sha256_of(content)
    if connection.execute(select(BlobRow.sha256).where(BlobRow.sha256 == sha256)).first() is not None:
        return sha256
    inline = storage.address.file is None or len(content) <= storage.max_inline_bytes
    path = None if inline else f"blobs/{sha256[:2]}/{sha256}"
    if path is not None:
        write_file_durably(storage.address.folder / path, content)
    values = {
        "sha256": sha256,
        "num_bytes": len(content),
        "content": content if inline else None,
        "path": path,
    }
    connection.execute(insert(table_of(BlobRow)).values(values))
    return sha256


def get_blob(
    connection: Connection, storage: Storage, sha256: str, *, run: str, position: int | None, what: str
) -> bytes:
    """Return the bytes of a blob after hashing them.

    Args:
        connection: inside a transaction.
        storage: where large blobs lie.
        sha256: the blob's name and expected hash.
        run: name of the run, for the message.
        position: position of the task concerned, for the message.
        what: the thing the blob is, for the message.

    Raises:
        DamageError: the blob is missing or its bytes have another hash.
    """
    row = connection.execute(_BLOB, {"sha256": sha256}).first()
    content = None if row is None else _stored_bytes(storage, row.content, row.path)
    found = None if content is None else sha256_of(content)
    if content is None or found != sha256:
        task = task_name(connection, run, position)
        is_beside = row is not None and row.path is not None
        damage = Damage(
            run=run,
            position=position,
            what=what,
            expected=sha256,
            found=found,
            task=task,
            missing_folder=_missing_folder(storage) if is_beside else None,
        )
        raise DamageError(damage)
    return content


def _missing_folder(storage: Storage) -> str | None:
    """The folder beside the database, where it is not there."""
    folder = storage.address.folder
    return None if folder.is_dir() else str(folder)


def task_name(connection: Connection, run: str | None, position: int | None) -> str | None:
    """Return the name of a run's task, or None where none is recorded at that position."""
    query = select(TaskRow.name).join(RunRow, RunRow.id == TaskRow.run_id)
    return connection.execute(query.where(RunRow.name == run, TaskRow.position == position)).scalar()


def _stored_bytes(storage: Storage, content: bytes | None, path: str | None) -> bytes | None:
    if path is None:
        return content
    try:
        return (storage.address.folder / path).read_bytes()
    except FileNotFoundError:
        return None


def delete_unreferenced(connection: Connection, hashes: Iterable[str]) -> tuple[str, ...]:
    """Delete those blobs that nothing refers to any more.

    Returns:
        Their paths beside the database, to be unlinked after the commit (`unlink_deleted`).
    """
    paths = []
    for sha256 in sorted(set(hashes)):
        kept = or_(
            exists().where(ParametersRow.sha256 == sha256, ParametersRow.removed_at.is_(None)),
            exists().where(ParametersRow.learned_predictions_sha256 == sha256),
            exists().where(TestSetRow.sha256 == sha256),
            exists().where(EvaluationRow.predictions_sha256 == sha256),
            exists().where(TrialRow.sha256 == sha256, TrialRow.removed_at.is_(None)),
            exists().where(TrialRow.predictions_sha256 == sha256),
            exists().where(LearnedSplitRow.predictions_sha256 == sha256),
        )
        gone = connection.execute(
            delete(table_of(BlobRow)).where(BlobRow.sha256 == sha256, ~kept).returning(BlobRow.path)
        ).first()
        if gone is not None and gone.path is not None:
            paths.append(str(gone.path))
    return tuple(paths)


def unlink_deleted(storage: Storage, paths: Iterable[str]) -> None:
    """Unlink the files of blobs whose deletion is committed.

    Under the write lock, because another run may record the same bytes between the commit and now.
    """
    for path in paths:
        with storage.writing() as connection:
            if connection.execute(select(BlobRow.sha256).where(BlobRow.path == path)).first() is None:
                (storage.address.folder / path).unlink(missing_ok=True)
