"""Everything a study of trainings leaves in its folder, written file by file under temporary names."""

from pathlib import Path

from db import Database
from stream.reports.files import make_folder, replace_bytes
from stream.reports.render import as_png, as_svg_file
from stream.results.run_results import RunResults
from stream.study.training.figures import study_figures
from stream.study.training.page import study_html
from stream.study.training.results import StudyResults, load_study
from stream.study.training.text import study_lines, study_markdown
from stream.study.training.trainings import write_study_tables


def leave_study(database: Database, results: RunResults, out: Path) -> tuple[str, ...]:
    """Write everything that a study leaves into `out`; return its last lines for the terminal.

    Raises:
        UserError: the folder cannot be made or written.
        DamageError: a row cannot be read.
    """
    study = load_study(database.ledger(results.run.name))
    write_study_reports(study, out)
    return (*study_lines(study), f"reports: {out}")


def write_study_reports(study: StudyResults, out: Path) -> tuple[Path, ...]:
    """Write both CSV files, study.md, figures as PNG and SVG, and report.html; return their paths.

    Works on a study at any stage; before a training ended there are no figures.

    Raises:
        UserError: the folder cannot be made or written.
    """
    make_folder(out)
    tables = write_study_tables(study, out)
    document, page = out / "study.md", out / "report.html"
    drawn = study_figures(study)
    replace_bytes(document, study_markdown(study, drawn).encode())
    figures: list[Path] = []
    for stem, draw in drawn.items():
        for suffix, render in ((".png", as_png), (".svg", as_svg_file)):
            path = (out / stem).with_suffix(suffix)
            replace_bytes(path, render(draw, study))
            figures.append(path)
    replace_bytes(page, study_html(study).encode())
    return (*tables, document, *figures, page)
