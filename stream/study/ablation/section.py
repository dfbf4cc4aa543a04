"""What an ablation brings to the reports of the run whose adapters were removed by way of trial."""

from collections.abc import Sequence

from markupsafe import Markup

from stream.reports.render import as_svg
from stream.reports.section import Fact, Section, page_environment
from stream.study.ablation.figure import CAPTION, ablation_figure
from stream.study.ablation.text import PAPER, WHAT_STAYS, ablations_text, task_text
from stream.study.ablation.values import Ablation
from stream.study.ablation.write import figure_names


def ablation_section(ablations: Sequence[Ablation]) -> Section:
    """What the reports of a run say of its ablations, of which there is one at least."""
    names = figure_names(ablations)
    # The SVG is made here from numbers and escaped names, so it goes into the page as it is.
    shown = [
        (Markup(as_svg(ablation_figure, one, name)), CAPTION, f"{one.task}: {task_text(one)}")
        for one, name in zip(ablations, names, strict=True)
    ]
    template = page_environment().get_template("ablation_section.html")
    return Section(
        html=Markup(template.render(ablations=shown, ablation_words=(WHAT_STAYS, PAPER))),
        facts=(Fact(title="Ablation", text=ablations_text(ablations)),),
    )
