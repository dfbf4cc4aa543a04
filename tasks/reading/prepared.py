"""Prepared tables: the texts and labels of a file as Arrow, mapped into memory, each made once.

A table belongs to a key over the file's bytes and the way of reading, never to a path or a time. It ends in
the SHA-256 of all before it, which is compared whenever it is opened: one that is not whole is made again.
"""

import hashlib
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tasks.errors import DataError
from tasks.sources.homes import cache_folder

DIGEST_BYTES = 32


def prepared_table(key: str, columns: Sequence[str], batches: Iterable[Any]) -> Any:
    """The pyarrow table of that key; made of the record batches, which are read only if it is not there.

    Raises:
        DataError: It is not there, and the cache folder cannot be written.
    """
    folder = cache_folder() / "tables"
    path = folder / f"{key}.arrow"
    table = _whole_table(path)
    return _made(path, columns, batches) if table is None else table


def text_type() -> Any:
    """The Arrow type of all columns of prepared tables."""
    import pyarrow

    return pyarrow.large_string()


def _whole_table(path: Path) -> Any | None:
    """The table of a file; None where there is none, or another one than was written."""
    import pyarrow

    try:
        with pyarrow.memory_map(str(path)) as file:
            content = file.read_buffer()
    except (OSError, pyarrow.ArrowInvalid):  # not there, not readable, empty
        return None
    if content.size <= DIGEST_BYTES:
        return None
    table, digest = content[: content.size - DIGEST_BYTES], content[content.size - DIGEST_BYTES :]
    if hashlib.sha256(table).digest() != digest.to_pybytes():
        return None
    return pyarrow.ipc.open_stream(table).read_all()


def _made(path: Path, columns: Sequence[str], batches: Iterable[Any]) -> Any:
    """The table, written beside its place and moved there when it is whole."""
    part = path.with_name(f"{path.stem}-{uuid.uuid4().hex}.part")
    try:
        with _cache_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(part, columns, batches)
            table = _whole_table(part)
            if table is None:
                raise OSError(None, "what was written there is not what is read")
            os.replace(part, path)
    finally:
        with suppress(OSError):
            part.unlink()
    return table


def _write(path: Path, columns: Sequence[str], batches: Iterable[Any]) -> None:
    import pyarrow

    schema = pyarrow.schema([(column, text_type()) for column in columns])
    with path.open("xb") as file, pyarrow.ipc.new_stream(file, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    with path.open("r+b") as written:
        digest = hashlib.file_digest(written, "sha256").digest()
        written.seek(0, os.SEEK_END)
        written.write(digest)


@contextmanager
def _cache_errors() -> Iterator[None]:
    """What the system answers about the cache as one sentence that names it."""
    try:
        yield
    except OSError as error:
        raise cache_error(error) from error


def cache_error(error: OSError) -> DataError:
    """The sentence about a cache folder that cannot be used, and what to do."""
    return DataError(
        f"the cache folder {cache_folder()} cannot be used ({error.strerror or error}); "
        "set STREAM_CACHE to one that can"
    )


@contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """What the system answers about a data file as one sentence that names the file."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}); check its rights") from error
