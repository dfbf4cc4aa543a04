"""The heat map of an ablation, as in the paper's Figure 6: first layer down, last layer across."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from stream.reports.drawing import (
    FORGETTING_COLOURS,
    INK,
    MAX_NAMED_TASKS,
    Cells,
    heat_map_inches,
    ink_on,
    message_figure,
    short_name,
)
from stream.study.ablation.text import majority_change
from stream.study.ablation.values import Ablation, Span
from stream.words import number, signed_percent

LOSS_COLOURS = FORGETTING_COLOURS.reversed("loss")
"""Orange is worse, grey unchanged, blue better."""
SMALLEST_RANGE = 0.02
"""The scale never shrinks below this relative change, so that noise does not look like an alarm."""
CAPTION = (
    "Validation metric without the adapters of the layers from first to last, relative to that with all of "
    "them; nothing was trained again. Framed: single layers. Orange is worse."
)


def ablation_figure(ablation: Ablation) -> Figure:
    """Draw the relative change of every span over the upper triangle, single layers framed."""
    title = f"{short_name(ablation.task)}: {ablation.metric} without adapters"
    cells = changes(ablation)
    if not np.isfinite(cells).any():
        return message_figure(title, "undefined: no relative change is known")
    inches = max(1.25 * heat_map_inches(len(cells)), 3.2)
    figure = Figure(figsize=(inches + 2.6, inches + 1.6), layout="constrained")
    axes = figure.add_subplot()
    known = [
        abs(value) for value in (*cells[np.isfinite(cells)], majority_change(ablation)) if value is not None
    ]
    size = 1.05 * max([SMALLEST_RANGE, *known])  # a line at the very end of the scale would not be seen
    image = axes.imshow(cells, cmap=LOSS_COLOURS, vmin=-size, vmax=size, interpolation="nearest")
    axes.set_title(f"{title}\n{subtitle(ablation)}")
    axes.set(xlabel="last layer without adapters", ylabel="first layer without adapters")
    names = [str(layer) for layer in ablation.layers]
    axes.set_xticks(range(len(cells)), names)
    axes.set_yticks(range(len(cells)), names)
    if len(cells) <= MAX_NAMED_TASKS:
        _write_changes(axes, image, cells)
    _draw_bar(figure, axes, image, ablation)
    return figure


def changes(ablation: Ablation) -> Cells:
    """Relative changes [first, last] as fractions; nan below the diagonal and where one is unknown."""
    cells = np.full((len(ablation.layers),) * 2, np.nan)
    for row, first in enumerate(ablation.layers):
        for column, last in enumerate(ablation.layers):
            change = ablation.change((first, last))
            cells[row, column] = np.nan if change is None else change
    return cells


def subtitle(ablation: Ablation) -> str:
    """Two lines: what the map is relative to and its corner; what the majority class gives."""
    lines = [f"all adapters {number(ablation.value)}, none {_with_change(ablation, ablation.whole)}"]
    majority = majority_change(ablation)
    if majority is not None:
        lines.append(f"majority class {number(ablation.majority_class)} ({signed_percent(majority)})")
    return "\n".join(lines)


def _with_change(ablation: Ablation, span: Span) -> str:
    change = ablation.change(span)
    return number(ablation.values.get(span)) + ("" if change is None else f" ({signed_percent(change)})")


def _write_changes(axes: Axes, image: AxesImage, cells: Cells) -> None:
    """Numbers in percent, and a frame around each single layer."""
    for (row, column), value in np.ndenumerate(cells):
        if row == column:
            axes.add_patch(
                Rectangle(
                    (column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=INK, linewidth=1.4, clip_on=False
                )
            )
        if np.isfinite(value):
            colour = ink_on(image.to_rgba(np.array([value]))[0])
            text = "0" if value == 0 else f"{100 * value:+.1f}"
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)


def _draw_bar(figure: Figure, axes: Axes, image: AxesImage, ablation: Ablation) -> None:
    """The scale, with a line at the majority class."""
    bar = figure.colorbar(image, ax=axes, label="relative change of the metric", shrink=0.8)
    bar.ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:+.3g} %" if value else "0")
    majority = majority_change(ablation)
    if majority is not None:
        bar.ax.axhline(majority, color=INK, linewidth=1.6)
        bar.ax.annotate(
            "majority",
            (0, majority),
            xycoords=("axes fraction", "data"),
            xytext=(-3, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=7,
            color=INK,
        )
