"""A trace file: which task arrived when, from which customer, how urgent.

A CSV file in UTF-8 with a header: `task`, `time_seconds`, and if wanted `customer` and `priority` (a smaller
number is more urgent). Rows need not be ordered.
"""

import csv
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stream.errors import UserError
from tasks.errors import did_you_mean

REQUIRED = ("task", "time_seconds")
OPTIONAL = ("customer", "priority")


@dataclass(frozen=True, kw_only=True, slots=True)
class TraceRow:
    """One arrival."""

    task: str
    time_seconds: float
    customer: str = ""
    priority: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """A trace, with the columns that its file has."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[TraceRow, ...]


def read_trace(path: Path, known: Collection[str]) -> Trace:
    """Return the arrivals of a trace file.

    Arguments:
        path: the CSV file.
        known: names that the column `task` may hold.

    Raises:
        UserError: the file cannot be read or a cell is wrong; the sentence names file, line and column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            columns = _columns(path, next(reader, []))
            rows = tuple(_rows(path, reader, columns, known))
    except OSError as error:
        raise UserError(
            f"cannot read the trace {path}: {error.strerror or error}; check the path after trace:"
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(f"the trace {path} is not UTF-8 text ({error.reason}); save it as UTF-8") from error
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: not CSV ({error}); correct the line") from error
    if not rows:
        raise UserError(f"the trace {path} has no rows; it needs one per arrival")
    return Trace(path=path, columns=columns, rows=rows)


def _columns(path: Path, header: Sequence[str]) -> tuple[str, ...]:
    names = tuple(name.strip() for name in header)
    allowed = (*REQUIRED, *OPTIONAL)
    for name in names:
        if name not in allowed:
            raise UserError(f"{path}, line 1: unknown column '{name}'; {did_you_mean(name, allowed)}")
        if names.count(name) > 1:
            raise UserError(f"{path}, line 1: the column '{name}' stands there twice; keep one")
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise UserError(
            f"{path}, line 1: the column '{missing[0]}' is missing; "
            f"a trace has the columns {', '.join(REQUIRED)} and, if wanted, {', '.join(OPTIONAL)}"
        )
    return names


def _rows(
    path: Path, reader: Iterator[list[str]], columns: Sequence[str], known: Collection[str]
) -> Iterator[TraceRow]:
    line = 1
    for cells in reader:
        # A quoted cell may hold line ends, so a row begins after the last line of the one before.
        line, first = int(getattr(reader, "line_num", line)), line + 1
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(columns):
            raise UserError(
                f"{path}, line {first}: {len(cells)} cells, but the header has {len(columns)} columns; "
                "correct the line"
            )
        named = {name: cell.strip() for name, cell in zip(columns, cells, strict=True)}
        yield _row(f"{path}, line {first}", named, known)


def _row(where: str, cells: Mapping[str, str], known: Collection[str]) -> TraceRow:
    for column, cell in cells.items():
        if not cell:
            raise UserError(f"{where}, column {column}: the cell is empty; fill it, or drop the column")
    if cells["task"] not in known:
        raise UserError(
            f"{where}, column task: the run has no '{cells['task']}'; {did_you_mean(cells['task'], known)}"
        )
    seconds = _number(f"{where}, column time_seconds", cells["time_seconds"])
    if seconds < 0:
        raise UserError(f"{where}, column time_seconds: got {cells['time_seconds']}; a time is 0 or later")
    return TraceRow(
        task=cells["task"],
        time_seconds=seconds,
        customer=cells.get("customer", ""),
        priority=_number(f"{where}, column priority", cells["priority"]) if "priority" in cells else 0.0,
    )


def _number(where: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"{where}: got '{cell}', which is not a number; write one such as 90 or 1.5")
    return value
