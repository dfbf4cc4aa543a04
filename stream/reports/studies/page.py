"""The page of a study of trainings, and what other pages show of it."""

from collections.abc import Iterator

from markupsafe import Markup

from stream.reports.page import StudySection, page_environment
from stream.reports.render import as_svg
from stream.reports.studies.figures import study_figures
from stream.reports.studies.findings import PAPER, findings
from stream.reports.studies.text import TITLES, headline, table_rows
from stream.study_results import StudyResults


def section_of(study: StudyResults) -> StudySection:
    """What a page shows of a study."""
    return StudySection(
        title=f"{study.grid.name} ({study.run.name})",
        headline=headline(study),
        paper=PAPER[study.grid.name],
        findings=findings(study),
        figures=tuple(_drawn(study)),
    )


def _drawn(study: StudyResults) -> Iterator[Markup]:
    # The SVG is made here from numbers and escaped names, so it goes into the page as it is.
    for stem, draw in study_figures(study).items():
        yield Markup(as_svg(draw, study, f"{study.run.name}-{stem}"))


def study_html(study: StudyResults) -> str:
    """The page of a study as text."""
    return (
        page_environment()
        .get_template("study.html")
        .render(section=section_of(study), titles=TITLES, rows=list(table_rows(study)), tone="blue")
    )
