"""The heat maps of inference overhead: a panel a method and size, batch size down, length across."""

from collections import defaultdict

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from stream.reports.drawing import FORGETTING_COLOURS, Cells, ink_on, message_figure
from stream.study.latency.text import panel_name, setting_text
from stream.study.latency.values import LatencyStudy

SMALLEST_RANGE = 0.05
"""The scale never shrinks below this overhead, so that noise does not look like a cost."""
Panel = tuple[str, int | None]


def latency_figure(study: LatencyStudy) -> Figure:
    """Draw the median overhead of every method (a row) and size (a column) on one scale."""
    title = "Inference time over the bare backbone"
    if not study.latencies:
        return message_figure(title, "nothing is measured yet")
    cells = {panel: overheads(study, panel) for panel in study.panels}
    by_method: dict[str, list[Panel]] = defaultdict(list)
    for panel in study.panels:
        by_method[panel[0]].append(panel)
    rows, columns = len(by_method), max(map(len, by_method.values()))
    width, height = 0.62 * len(study.lengths) + 0.9, 0.42 * len(study.batch_sizes) + 0.9
    figure = Figure(figsize=(max(width * columns + 1.6, 6.4), height * rows + 1.1), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    size = max(SMALLEST_RANGE, *(float(np.nanmax(np.abs(found))) for found in cells.values()))
    for place, panels in zip(grid, by_method.values(), strict=True):
        for axes, panel in zip(place, panels, strict=False):
            image = _draw(axes, study, panel, cells[panel], size)
        for axes in place[len(panels) :]:
            axes.set_axis_off()
    figure.suptitle(f"{title} (median)\n{setting_text(study)}", fontsize=9)
    figure.supxlabel("length (tokens)", fontsize=9)
    figure.supylabel("batch size", fontsize=9)
    bar = figure.colorbar(image, ax=grid, label="overhead", shrink=0.8)
    bar.ax.set_ylim(min(0.0, *(float(np.nanmin(found)) for found in cells.values())) - 0.1 * size, size)
    bar.ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:+.3g} %" if value else "0")
    return figure


def overheads(study: LatencyStudy, panel: Panel) -> Cells:
    """Median overheads [batch sizes, lengths] as fractions; nan where nothing is measured."""
    cells = np.full((len(study.batch_sizes), len(study.lengths)), np.nan)
    for (batch_size, length), latency in study.of_panel(panel).items():
        cells[study.batch_sizes.index(batch_size), study.lengths.index(length)] = latency.overhead.median
    return cells


def _draw(axes: Axes, study: LatencyStudy, panel: Panel, cells: Cells, size: float) -> AxesImage:
    image = axes.imshow(
        cells, cmap=FORGETTING_COLOURS, vmin=-size, vmax=size, interpolation="nearest", aspect="auto"
    )
    axes.set_title(panel_name(panel), fontsize=9)
    axes.set_xticks(range(len(study.lengths)), [str(length) for length in study.lengths])
    axes.set_yticks(range(len(study.batch_sizes)), [str(batch_size) for batch_size in study.batch_sizes])
    for (row, column), value in np.ndenumerate(cells):
        if np.isfinite(value):
            colour = ink_on(image.to_rgba(np.array([value]))[0])
            text = "0" if abs(value) < 0.0005 else f"{100 * value:+.1f}"
            axes.text(column, row, text, ha="center", va="center", fontsize=7.5, color=colour)
    return image
