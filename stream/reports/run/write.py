"""Everything a run leaves in its output folder, written file by file under temporary names."""

from collections.abc import Sequence
from pathlib import Path

from stream.reports.files import make_folder, replace_bytes
from stream.reports.render import as_png
from stream.reports.run.candidates import write_candidates
from stream.reports.run.markdown import summary_markdown
from stream.reports.run.page import figures_of, page_html
from stream.reports.run.tables import write_tables
from stream.reports.section import Section
from stream.results.run_results import RunResults


def write_reports(
    results: RunResults,
    out: Path,
    *,
    bert_base_growth: float | None = None,
    sections: Sequence[Section] = (),
) -> tuple[Path, ...]:
    """Write CSV files, summary.md, figures and report.html into `out`; return their paths.

    Works on a run at any stage, one without a learned task included; the set of files is always the same, but
    for candidates.csv and its figure, which a run has that chooses settings.

    Arguments:
        results: the run so far.
        out: folder, made if it does not exist; files of an earlier report are replaced.
        bert_base_growth: growth factor counted for the same tasks and method on bert-base-uncased, if known.
        sections: what studies bring to the summary and the page.

    Raises:
        UserError: the folder cannot be made or written.
    """
    make_folder(out)
    tables = write_tables(results, out)
    if results.trials:
        tables += (write_candidates([results], out / "candidates.csv"),)
    summary, page = out / "summary.md", out / "report.html"
    replace_bytes(
        summary, summary_markdown(results, bert_base_growth=bert_base_growth, sections=sections).encode()
    )
    drawn = figures_of(results)
    figures = tuple(out / f"{name}.png" for name in drawn)
    for path in figures:
        replace_bytes(path, as_png(drawn[path.stem], results))
    html = page_html(results, bert_base_growth=bert_base_growth, sections=sections)
    replace_bytes(page, html.encode())
    return (*tables, summary, *figures, page)
