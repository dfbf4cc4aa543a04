"""File names for runs: a run's name may hold any text, and never leads out of a folder."""

import hashlib
import re

from db.errors import UsageError

MAX_READABLE_NAME = 60
MAX_BYTES = 255
"""Of a file's name, on every file system in use."""


def require_name(name: str) -> None:
    """Refuse a run's name that cannot be recorded.

    Raises:
        UsageError: it is no UTF-8 text.
    """
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"The run's name {name!a} is no UTF-8 text: give another name.") from error


def safe_file_name(name: str) -> str:
    """Return a file name for any run's name: readable letters and a hash, so that no two names collide.

    Raises:
        UsageError: the name is no UTF-8 text.
    """
    require_name(name)
    readable = re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip(".")[:MAX_READABLE_NAME]
    return f"{readable or 'run'}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def folder_name(name: str) -> str:
    """Return the run's name where it is a file's name as it stands, otherwise its safe form.

    Raises:
        UsageError: the name is no UTF-8 text.
    """
    require_name(name)
    is_plain = (
        name not in ("", ".", "..") and not set(name) & set("/\\\0") and len(name.encode()) <= MAX_BYTES
    )
    return name if is_plain else safe_file_name(name)
