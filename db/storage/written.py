"""What a database's address means as it is written, without the database library.

`runs.db`, `/data/runs.db` and `~/runs.db` are paths of SQLite files; `sqlite:///runs.db` is the same as
`runs.db`. Everything behind `sqlite:///` is the path as it stands: nothing in it is decoded or cut off.
"""

import re
from pathlib import Path

from db.errors import UsageError

MEMORY = ("sqlite://", "sqlite:///:memory:", ":memory:")
"""SQLite in memory; for tests, since everything vanishes with the process."""
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9_+]+):(?=//|[^\\/]|/[^/]|$)")
"""One letter before a colon is a drive."""
_SQLITE = ("sqlite", "sqlite+pysqlite")
_OPTION = re.compile(r"\?[^/?]*=")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")


def is_memory(address: str) -> bool:
    """Return whether the address means a database that vanishes with the process."""
    return address in MEMORY


def file_of(address: str) -> Path | None:
    """Return the absolute path of the SQLite file that is meant; None for memory and for a server.

    Raises:
        UsageError: the text is no address, or could be meant in two ways.
    """
    found = _SCHEME.match(address)
    if is_memory(address) or (found and found[1].lower().startswith("postgresql")):
        return None
    return _absolute(address, _path_of_plain(address) if found is None else _path_of_url(address, found[1]))


def _path_of_plain(text: str) -> str:
    """A path; a bare word such as `runs` could as well be meant for a folder or a kind of database."""
    if "/" not in text and "." not in text and "\\" not in text:
        raise UsageError(
            f"'{text}' is not a database address: give a path such as runs.db, or one such as "
            "sqlite:///runs.db."
        )
    return text


def _path_of_url(text: str, scheme: str) -> str:
    """Everything behind the three slashes, where it can be meant in one way only."""
    if scheme.lower() not in _SQLITE:
        raise UsageError(
            f"The database address '{text}' names '{scheme}', which is not supported: "
            "give a path such as runs.db, one such as sqlite:///runs.db, or postgresql://HOST/NAME."
        )
    path = text[len(scheme) + 1 :]
    if not path.startswith("///") or path == "///":
        name = path.strip("/") or "runs.db"
        raise UsageError(
            f"The database address '{text}' names no file: "
            f"write three slashes and its path, such as sqlite:///{name}, or the path alone."
        )
    path = path[3:]
    if (option := _OPTION.search(path)) is not None:
        raise UsageError(
            f"The database address '{text}' has options ('{path[option.start() :]}'), which are not taken: "
            "leave them out, or give the path alone where they belong to the file's name."
        )
    if (escape := _ESCAPE.search(path)) is not None:
        raise UsageError(
            f"The database address '{text}' holds '{escape[0]}', which may stand for itself or for "
            "another character: give the path alone, without sqlite:///, as the file is named."
        )
    return path


def _absolute(text: str, path: str) -> Path:
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError as error:
        raise UsageError(
            f"The database address '{text}' begins with a home folder that is not known: give the whole path."
        ) from error
