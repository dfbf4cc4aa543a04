"""JSON lines as texts: every value as it is written in the file.

Numbers keep their form (1 and 1.0 differ), `true` and `false` are words, null is blank. Only the columns
asked for are looked at; what else stands in an object may be anything.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tasks.errors import DataError, did_you_mean

ROWS_PER_BATCH = 10_000
MAX_SHOWN = 60
"""Characters of a wrong value in an error sentence."""


def json_objects(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every object with its 1-based line, numbers in it as texts.

    A file may also be one list of objects, which all count as of the line on which it begins.

    Raises:
        ValueError: A line is no JSON object.
    """
    numbered = ((number, line) for number, line in enumerate(lines, start=1) if line.strip())
    number, first = next(numbered, (0, ""))
    if first.lstrip().startswith("["):
        text = "".join((first, *(line for _, line in numbered)))
        yield from ((number, _object(row, number)) for row in _list(text, number))
    elif first:
        yield number, _object(_parsed(first), number)
    for number, line in numbered:
        yield number, _object(_parsed(line), number)


def json_batches(
    lines: Iterable[str], columns: Sequence[str], *, where: str
) -> Iterator[dict[str, list[str]]]:
    """The columns of up to 10,000 rows at a time; a row without one has a blank there.

    Raises:
        ValueError: A line is no JSON object.
        DataError: No row has one of the columns, or a row has a list or an object there.
    """
    known: dict[str, None] = {}
    batch: dict[str, list[str]] = {column: [] for column in columns}
    for number, row in json_objects(lines):
        known.update(dict.fromkeys(row))
        for column in columns:
            batch[column].append(cell_text(row.get(column), f"{where}, line {number}, column '{column}',"))
        if len(batch[columns[0]]) == ROWS_PER_BATCH:
            yield batch
            batch = {column: [] for column in columns}
    missing = [column for column in columns if known and column not in known]
    if missing:
        raise DataError(f"{where} has no column '{missing[0]}'; {did_you_mean(missing[0], known)}")
    yield batch


def cell_text(value: object, where: str) -> str:
    """A parsed value as the text of a cell.

    Raises:
        DataError: It is a list or an object.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    raise several_values(where, json.dumps(value))


def several_values(where: str, shown: str) -> DataError:
    """The error of a cell that holds a list or an object."""
    return DataError(
        f"{where} holds {shown[:MAX_SHOWN]}, a list or an object, but a cell is one text or one label; "
        "keep one value, or write them as one text"
    )


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None


def _list(text: str, number: int) -> list[Any]:
    rows = _parsed(text)
    if not isinstance(rows, list):
        raise ValueError(f"line {number} is no JSON object")
    return rows


def _object(row: object, number: int) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise ValueError(f"line {number} is no JSON object")
    return row
