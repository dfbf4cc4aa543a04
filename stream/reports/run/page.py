"""report.html: the whole report in one file that loads nothing from anywhere."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from stream.reports.render import as_svg
from stream.reports.run.averages import averages, task_reached, values_at_the_end
from stream.reports.run.candidates import CAPTIONS as CANDIDATE_CAPTIONS
from stream.reports.run.candidates import candidates_figure
from stream.reports.run.figures import FIGURES
from stream.reports.run.markdown import published, secondary_text, shows_limits, shows_paper
from stream.reports.run.summary import DEFINITIONS, facts, paper_figures
from stream.reports.run.tables import grouped_notes
from stream.reports.section import Section, page_environment
from stream.results.comparisons import ProofStatus
from stream.results.run_results import RunResults
from stream.results.trials import chosen_labels
from stream.words import megabytes, number

CAPTIONS: Mapping[str, str] = {
    "accuracy": "Each task right after its own arrival, re-evaluated from the database.",
    "accuracy_matrix": "One row per arrival, one column per task; an equal column is a task not forgotten.",
    "forgetting": "Best earlier value minus the value now. Grey is 0; a task that has just arrived has none.",
    "metrics": "After each arrival, over the tasks so far; real, partial and simulated ones apart.",
    "growth": "Counted from the stored tensors; the backbone counts as 1.",
}
TONES: Mapping[ProofStatus, str] = {
    ProofStatus.PROVEN: "good",
    ProofStatus.SAMPLED: "open",
    ProofStatus.REREAD: "open",
    ProofStatus.IN_PROGRESS: "open",
    ProofStatus.NOT_COMPARABLE: "open",
    ProofStatus.FORGOTTEN: "bad",
}


def page_html(
    results: RunResults, *, bert_base_growth: float | None, sections: Sequence[Section] = ()
) -> str:
    """Return the page as text; figures are inline SVG in the reader's light or dark colours."""
    environment = page_environment()
    environment.filters |= {
        "number": number,
        "megabytes": megabytes,
        "paper": paper_figures,
        "reached": task_reached,
        "secondary": secondary_text,
    }
    return environment.get_template("report.html").render(
        run=results.run,
        results=results,
        notes=tuple(grouped_notes(results)),
        averages=averages(results),
        at_the_end=values_at_the_end(results),
        published=published(results),
        any_secondary=any(task.secondary for task in results.tasks),
        chosen=chosen_labels(results.trials, results.chosen),
        any_paper=shows_paper(results),
        any_simulated=shows_limits(results),
        facts=facts(results, bert_base_growth=bert_base_growth, sections=sections),
        tone=TONES[results.proof.status] if results.proof.num_done else "open",
        points={point.position: point for point in results.growth.points},
        figures=_figures(results),
        sections=sections,
        settings=_settings(results.run.configuration) | _settings(results.run.environment),
        definitions=DEFINITIONS,
    )


def figures_of(results: RunResults) -> Mapping[str, Callable[[RunResults], Figure]]:
    """The figures of a run by file stem; one more where settings were chosen."""
    return {**FIGURES, "candidates": candidates_figure} if results.trials else FIGURES


def _figures(results: RunResults) -> list[tuple[Markup, str]]:
    # The SVG is made here from numbers and escaped names, so it goes into the page as it is.
    captions = {**CAPTIONS, **CANDIDATE_CAPTIONS}
    drawn = figures_of(results)
    return [(Markup(as_svg(draw, results, name)), captions[name]) for name, draw in drawn.items()]


def _settings(values: Mapping[str, Any]) -> dict[str, str]:
    return {
        key: value if isinstance(value, str) else json.dumps(value, default=str)
        for key, value in values.items()
    }
