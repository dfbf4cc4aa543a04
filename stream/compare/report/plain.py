"""The table of methods as plain text for a terminal, in blocks of columns that fit its width."""

import re
import textwrap
from collections.abc import Iterator, Sequence

from stream.compare.report.layout import Grid, GridColumn, GridRow

WIDTH = 110
"""Columns of characters that a block takes at most."""
MAX_TITLE = 12
"""Longer titles of columns are broken into lines."""
GAP = "  "


def plain_lines(grid: Grid, notes: Sequence[str]) -> Iterator[str]:
    """Yield the table and its notes as lines; `*` marks the best of a row among our runs."""
    for number, block in enumerate(_blocks(grid)):
        if number:
            yield ""
        yield from _block_lines(grid, block)
    yield ""
    yield "* best of the row among the runs; values are fractions 0-1, an empty cell has no value"
    for note in notes:
        yield from wrapped(f"note: {note}", indent="  ")


def wrapped(text: str, *, indent: str = "") -> list[str]:
    """Return a text in lines that are no wider than a block, all but the first one indented."""
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False)


def _blocks(grid: Grid) -> list[list[int]]:
    """Indices of columns that fit beside the names of the rows, in order; each block holds at least one."""
    room = WIDTH - _name_width(grid.rows) - _data_width(grid.rows) - len(GAP)
    blocks: list[list[int]] = [[]]
    used = 0
    for index in range(len(grid.columns)):
        width = _width(grid, index) + len(GAP)
        if blocks[-1] and used + width > room:
            blocks.append([])
            used = 0
        blocks[-1].append(index)
        used += width
    return blocks


def _block_lines(grid: Grid, block: Sequence[int]) -> Iterator[str]:
    names, kinds = _name_width(grid.rows), _data_width(grid.rows)
    widths = [_width(grid, index) for index in block]
    titles = [_broken(grid.columns[index]) for index in block]
    height = max(map(len, titles))
    for line in range(height):
        parts = [title[line - height] if line >= height - len(title) else "" for title in titles]
        shown = (
            ["task".ljust(names), "data".ljust(kinds)] if line == height - 1 else [" " * names, " " * kinds]
        )
        yield _joined(shown, parts, widths)
    rule = _joined(["-" * names, "-" * kinds], ["-" * width for width in widths], widths)
    yield rule
    for above, row in zip((None, *grid.rows), grid.rows, strict=False):
        if above is not None and above.is_task and not row.is_task:
            yield rule
        parts = [_marked(row, index) for index in block]
        yield _joined([row.title.ljust(names), row.data.ljust(kinds)], parts, widths)


def _joined(left: Sequence[str], parts: Sequence[str], widths: Sequence[int]) -> str:
    right = [part.rjust(width) for part, width in zip(parts, widths, strict=True)]
    return GAP.join([*left, *right]).rstrip()


def _marked(row: GridRow, index: int) -> str:
    """The cell's text; numbers of rows that may bear a mark keep its place free."""
    cell = row.cells[index]
    mark = "*" if cell.is_best else " "
    return f"{cell.text}{mark}" if cell.text else ""


def _broken(column: GridColumn) -> list[str]:
    """The title in lines of about `MAX_TITLE` characters; a run's name also breaks after its hyphens."""
    pieces = re.split(r"(?<=[ -])" if column.is_ours else r"(?<= )", column.title)
    lines = [""]
    for piece in pieces:
        if lines[-1] and len(f"{lines[-1]}{piece}".rstrip()) > MAX_TITLE:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines]


def _width(grid: Grid, index: int) -> int:
    cells = [len(_marked(row, index)) for row in grid.rows]
    return max([*cells, *map(len, _broken(grid.columns[index]))])


def _name_width(rows: Sequence[GridRow]) -> int:
    return max(len(row.title) for row in rows)


def _data_width(rows: Sequence[GridRow]) -> int:
    return max(len("data"), *(len(row.data) for row in rows))
