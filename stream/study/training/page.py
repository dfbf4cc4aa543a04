"""The page of a study of trainings, and what other pages show of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from stream.reports.render import as_svg
from stream.reports.section import Section, page_environment
from stream.study.training.figures import study_figures
from stream.study.training.findings import PAPER, findings
from stream.study.training.results import StudyResults
from stream.study.training.text import TITLES, headline, table_rows


@dataclass(frozen=True, kw_only=True, slots=True)
class StudySection:
    """A study as a part of a page."""

    title: str
    headline: str
    paper: str
    findings: tuple[str, ...]
    figures: tuple[Markup, ...]


def studies_section(studies: Sequence[StudyResults]) -> Section:
    """What the reports of a run say of studies of its tasks, of which there is one at least."""
    template = page_environment().get_template("studies_section.html")
    return Section(html=Markup(template.render(studies=[*map(section_of, studies)])))


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
