"""Files that are either the old or the new version, whenever somebody looks."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from stream.errors import UserError


def make_folder(folder: Path) -> None:
    """Create the folder and its parents. Raises UserError where that is not possible."""
    with _users_mistake(folder):
        folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    r"""Open a temporary file beside `path` for text with '\n' line ends; it takes the name on success.

    On an error the temporary file is removed and the old one stays. Raises UserError where the folder cannot
    be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with _users_mistake(path):
        try:
            with temporary.open("w", encoding="utf-8", newline="\n") as file:
                yield file
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def replace_bytes(path: Path, content: bytes) -> None:
    """Write a whole file under a temporary name and rename it. Raises UserError as `replacing` does."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with _users_mistake(path):
        try:
            temporary.write_bytes(content)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def _users_mistake(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"cannot write {path}: {reason}; choose a writable folder with --out") from error
