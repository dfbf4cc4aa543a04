"""Everything a study of trainings leaves in its folder, written file by file under temporary names."""

from pathlib import Path

from stream.reports.files import make_folder, replace_bytes
from stream.reports.render import as_png, as_svg_file
from stream.study.training.figures import study_figures
from stream.study.training.page import study_html
from stream.study.training.results import StudyResults
from stream.study.training.text import study_markdown
from stream.study.training.trainings import write_study_tables


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
