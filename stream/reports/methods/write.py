"""Everything a comparison leaves in its output folder, written file by file under temporary names."""

from pathlib import Path

from stream.method_table import MethodTable
from stream.reports.files import make_folder, replace_bytes
from stream.reports.methods.figures import FIGURES
from stream.reports.methods.layout import grid_of
from stream.reports.methods.markdown import methods_markdown
from stream.reports.methods.page import methods_html
from stream.reports.methods.tables import write_long, write_wide
from stream.reports.render import as_png


def write_method_reports(table: MethodTable, out: Path) -> tuple[Path, ...]:
    """Write both CSV files, compare.md, figures and compare.html into `out`; return their paths.

    The set of files is always the same; those of an earlier comparison are replaced.

    Raises:
        UserError: the folder cannot be made or written.
    """
    make_folder(out)
    grid = grid_of(table)
    tables = (write_long(table, out / "compare.csv"), write_wide(grid, out / "compare_table.csv"))
    document, page = out / "compare.md", out / "compare.html"
    replace_bytes(document, methods_markdown(table, grid).encode())
    figures = tuple(out / f"{name}.png" for name in FIGURES)
    for path in figures:
        replace_bytes(path, as_png(FIGURES[path.stem], table))
    replace_bytes(page, methods_html(table, grid).encode())
    return (*tables, document, *figures, page)
