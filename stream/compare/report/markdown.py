"""compare.md: the table of methods, its notes, the figures and what the numbers mean."""

from collections.abc import Iterator, Sequence

from stream.compare.report.definitions import DEFINITIONS, groups_note, lead_of
from stream.compare.report.figures import CAPTIONS, figures_of
from stream.compare.report.layout import Grid, GridCell, GridRow
from stream.compare.report.seeds import seed_markdown
from stream.compare.seeds import SeedRow
from stream.compare.table import MethodTable


def methods_markdown(table: MethodTable, grid: Grid, seeds: Sequence[SeedRow] = ()) -> str:
    """Return the document; the best of each row among our runs is bold."""
    apart = groups_note(table)
    lines = [
        "# Methods side by side",
        "",
        f"{lead_of(table)}.",
        "",
        *([f"{_escaped(apart)}.", ""] if apart else []),
        *_table(grid),
        "",
        *(f"- {_escaped(note)}" for note in table.notes),
        "",
        *(line for name in figures_of(table) for line in (f"![{CAPTIONS[name]}]({name}.png)", "")),
        *seed_markdown(seeds),
        "## Definitions",
        "",
        *(f"- **{fact.title}**: {fact.text}" for fact in DEFINITIONS),
        "",
    ]
    return "\n".join(lines)


def _table(grid: Grid) -> Iterator[str]:
    titles = ["task", "data", *(_escaped(column.title) for column in grid.columns)]
    yield f"| {' | '.join(titles)} |"
    yield f"|---|---|{'---:|' * len(grid.columns)}"
    for row in grid.rows:
        yield f"| {' | '.join([_title(row), row.data, *map(_cell, row.cells)])} |"


def _title(row: GridRow) -> str:
    return _escaped(row.title) if row.is_task else f"*{_escaped(row.title)}*"


def _cell(cell: GridCell) -> str:
    return f"**{cell.text}**" if cell.is_best else cell.text


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
