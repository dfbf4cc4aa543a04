"""Where data lies on this machine: the data home the user keeps, and the cache the program keeps."""

import os
from pathlib import Path

import platformdirs

from tasks.errors import DataError

HOME_VARIABLE = "STREAM_DATA"
CACHE_VARIABLE = "STREAM_CACHE"


def default_home() -> Path | None:
    """The folder named by STREAM_DATA, or None where it is unset or empty.

    Raises:
        DataError: The folder does not exist.
    """
    value = os.environ.get(HOME_VARIABLE)
    return _existing(value, origin=HOME_VARIABLE) if value else None


def resolve_home(argument: str | Path | None) -> Path | None:
    """The data home given on the command line, else the default one.

    Raises:
        DataError: The folder does not exist.
    """
    return default_home() if argument is None else _existing(argument, origin="the data home")


def cache_folder() -> Path:
    """Folder for downloads and prepared tables: STREAM_CACHE, else the platform's cache for this program.

    Raises:
        DataError: The folder lies in a home directory, and there is none.
    """
    value = os.environ.get(CACHE_VARIABLE)
    try:
        return Path(value or platformdirs.user_cache_dir("task-stream", appauthor=False)).expanduser()
    except RuntimeError as error:
        raise DataError(
            f"there is no home directory, in which the cache folder {value or ''} would be; "
            f"set {CACHE_VARIABLE} to a folder that can be written"
        ) from error


def plain_path(path: Path) -> Path:
    """The path without `..`, unless a symbolic link on the way makes that another file."""
    short = Path(os.path.normpath(path))
    try:
        return short if os.path.realpath(short) == os.path.realpath(path) else path
    except ValueError:  # a name no file can have
        return path


def _existing(value: str | Path, *, origin: str) -> Path:
    try:
        path = plain_path(Path(value).expanduser())
    except RuntimeError as error:
        raise DataError(
            f"{origin} is {value}, but there is no such home directory; name the folder by its whole path"
        ) from error
    if not path.is_dir():
        raise DataError(
            f"{origin} is {path}, which is not a folder; name the folder that holds the data files"
        )
    return path
