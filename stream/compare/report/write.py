"""Everything a comparison leaves in its output folder, written file by file under temporary names."""

from pathlib import Path

from stream.compare.report.figures import FIGURES, figures_of
from stream.compare.report.layout import grid_of
from stream.compare.report.markdown import methods_markdown
from stream.compare.report.page import methods_html
from stream.compare.report.seeds import write_seeds
from stream.compare.report.tables import write_long, write_wide
from stream.compare.seeds import seed_rows
from stream.compare.table import MethodTable
from stream.reports.files import make_folder, replace_bytes
from stream.reports.render import as_png
from stream.reports.run.candidates import write_candidates


def write_method_reports(table: MethodTable, out: Path) -> tuple[Path, ...]:
    """Write both CSV files, compare.md, figures and compare.html into `out`; return their paths.

    Files of an earlier comparison are replaced, and those that this one does not write are removed; nothing
    else in the folder is, candidates.csv of a run that has its reports there included.
    Where configurations were run with several seeds there is seeds.csv too, and candidates.csv where settings
    were chosen.

    Raises:
        UserError: the folder cannot be made or written.
    """
    make_folder(out)
    stale = _left_by_a_comparison(out)
    grid = grid_of(table)
    tables = [write_long(table, out / "compare.csv"), write_wide(grid, out / "compare_table.csv")]
    runs = [column.results for column in table.columns]
    seeds = seed_rows(runs)
    tables += [write_seeds(seeds, out / "seeds.csv")] if seeds else []
    if any(results.trials for results in runs):
        tables += [write_candidates(runs, out / "candidates.csv")]
    document, page = out / "compare.md", out / "compare.html"
    replace_bytes(document, methods_markdown(table, grid, seeds).encode())
    drawn = figures_of(table)
    figures = tuple(out / f"{name}.png" for name in drawn)
    for path in figures:
        replace_bytes(path, as_png(drawn[path.stem], table))
    replace_bytes(page, methods_html(table, grid, seeds).encode())
    written = (*tables, document, *figures, page)
    for path in stale - set(written):
        path.unlink(missing_ok=True)
    return written


def _left_by_a_comparison(out: Path) -> set[Path]:
    """The files that an earlier comparison left and another one may not write; none where there was none."""
    if not (out / "compare.csv").is_file():
        return set()
    own = {"seeds.csv", "accuracy_parameters.png"}
    if not (out / "tasks.csv").exists():  # a run leaves files of the other names too
        own |= {"candidates.csv", *(f"{name}.png" for name in FIGURES)}
    return {out / name for name in own}
