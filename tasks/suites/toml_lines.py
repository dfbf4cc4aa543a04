"""Line numbers of the keys of a TOML text: `tomllib` tells what a file holds, not where.

The text is cut into statements by `tomllib` itself: a statement is the shortest run of lines it accepts.
Strings over several lines, comments and quoted keys mean what they mean in TOML, without a second grammar.
"""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

KeyPath = tuple[str | int, ...]
"""Keys and 0-based positions from the top, such as ("task", 2, "paper", "num_train")."""
CLOSING = ("]", "}", '"""', "'''")
"""One of these stands in the last line of a statement that spans several."""


def key_lines(text: str) -> dict[KeyPath, int]:
    """1-based line of every key and table of a valid TOML text; of a table, its first line."""
    lines: dict[KeyPath, int] = {}
    last: dict[KeyPath, int] = {}
    inside: KeyPath = ()
    for number, is_header, table in _statements(text.replace("\r\n", "\n")):
        if is_header:
            inside = _header_path(table, last)
            lines.setdefault(inside, number)
        for path in () if is_header else _paths(table):
            lines.setdefault((*inside, *path), number)
    return lines


def line_of(text: str, path: KeyPath) -> int | None:
    """Line of the key, or of the nearest table around it that has one; None for the file as a whole."""
    lines = key_lines(text)
    known = (lines.get(path[:length]) for length in range(len(path), 0, -1))
    return next((line for line in known if line is not None), None)


def _statements(text: str) -> Iterator[tuple[int, bool, dict[str, Any]]]:
    """Each statement's first line, whether it is a table's header, and what it says on its own."""
    pending: list[str] = []
    first = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not pending and (not line.strip() or line.lstrip().startswith("#")):
            continue
        first = first if pending else number
        pending.append(line)
        # a long array is not parsed again with every line it grows by
        if len(pending) > 1 and not any(sign in line for sign in CLOSING):
            continue
        try:
            table = tomllib.loads("\n".join(pending))
        except tomllib.TOMLDecodeError:
            continue
        yield first, pending[0].lstrip().startswith("["), table
        pending = []


def _header_path(table: Mapping[str, Any], last: dict[KeyPath, int]) -> KeyPath:
    """The path that `[a.b]` or `[[a]]` opens; `last` counts the tables of each array so far."""
    path: KeyPath = ()
    value: Any = table
    while value:
        ((key, value),) = value.items()
        path = (*path, key)
        if isinstance(value, list):
            last[path] = last.get(path, -1) + 1
            value = {}
        if path in last:
            path = (*path, last[path])
    return path


def _paths(value: Any) -> Iterator[KeyPath]:
    """Paths of everything inside tables and lists."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (key,)
        for path in _paths(item):
            yield (key, *path)
