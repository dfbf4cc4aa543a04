"""compare.html: the whole comparison in one file that loads nothing from anywhere."""

from collections.abc import Sequence

from markupsafe import Markup

from stream.compare.report.definitions import DEFINITIONS, groups_note, lead_of
from stream.compare.report.figures import CAPTIONS, figures_of
from stream.compare.report.layout import Grid
from stream.compare.report.seeds import SEED_TITLES, seed_cells, seed_notes
from stream.compare.seeds import SeedRow
from stream.compare.table import MethodTable
from stream.reports.render import as_svg
from stream.reports.section import page_environment


def methods_html(table: MethodTable, grid: Grid, seeds: Sequence[SeedRow] = ()) -> str:
    """Return the page as text; figures are inline SVG in the reader's light or dark colours."""
    return (
        page_environment()
        .get_template("compare.html")
        .render(
            lead=lead_of(table),
            apart=groups_note(table),
            grid=grid,
            columns=table.columns,
            notes=table.notes,
            # The SVG is made here from numbers and escaped names, so it goes into the page as it is.
            figures=[
                (Markup(as_svg(draw, table, name)), CAPTIONS[name])
                for name, draw in figures_of(table).items()
            ],
            definitions=DEFINITIONS,
            seed_titles=SEED_TITLES,
            seeds=[seed_cells(row) for row in seeds],
            seed_notes=tuple(seed_notes(seeds)) if seeds else (),
            tone="bad" if any(column.proof == "failed" for column in table.columns) else "blue",
        )
    )
