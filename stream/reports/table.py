"""Tables: one value, written as CSV, as aligned lines, or in Markdown."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stream.reports.files import replacing

Value = str | int | float | bool | None
"""What a cell of a CSV file is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Headings and rows of text; the columns in `words` are set to the left."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: frozenset[int] = frozenset({1})


def aligned(table: Table) -> list[str]:
    """Columns as wide as their widest cell: numbers to the right, words to the left."""
    rows = (table.columns, *table.rows)
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.columns))]
    return [
        "  ".join(
            cell.ljust(width) if i in table.words else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def markdown_table(table: Table) -> list[str]:
    """The table in Markdown, numbers to the right."""
    rules = ("---" if i in table.words else "---:" for i in range(len(table.columns)))
    return [_row(table.columns), f"|{'|'.join(rules)}|", *(_row(row) for row in table.rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> Path:
    """Write one CSV file and return its path."""
    with replacing(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(map(cell_text, row) for row in rows)
    return path


def cell_text(value: Value) -> str:
    """Return the text of one cell; None is empty."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def table_row(cells: Sequence[str]) -> str:
    """Return one row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def table_lines(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    yield table_row(titles)
    yield f"|{'---|' * len(titles)}"
    yield from map(table_row, rows)
