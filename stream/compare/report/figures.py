"""The figures of a comparison: accuracy against trained parameters, growth, forgetting.

Each is a function from the table to a matplotlib `Figure`, as in `stream.reports.run.figures`; marks differ
in shape as well as colour.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from db.records import Regime
from stream.compare.table import MethodColumn, MethodTable, TaskRow
from stream.reports.drawing import (
    FORGETTING_COLOURS,
    GREY,
    MAX_NAMED_TASKS,
    SMALLEST_FORGETTING_RANGE,
    Cells,
    Mark,
    heat_map_inches,
    mark_of,
    triangle,
)
from stream.reports.run.figures import draw_cells
from stream.results.metrics import KINDS_OF_DATA
from stream.words import count

REFERENCE_METHOD = "fine-tune"
"""The method whose values are the zero line, as in the paper's Figures 1 and 3."""
PERCENTILES = (20, 50, 80)
"""Over tasks, as in the paper's Figures 1 and 3."""
PANEL_SCALE = 0.8
"""Size of one of two heat maps beside each other, as a fraction of a single one."""
SMALL_FACTOR = 2.0
"""Growth below it is drawn once more, in a panel of its own."""

CAPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "accuracy_parameters": "Each mark is the median over tasks, each bar reaches from the 20th to the "
        "80th percentile. Values are those right after learning; runs that train equally many parameters "
        "stand side by side.",
        "growth": "Counted from the stored tensors; the backbone counts as 1.",
        "forgetting": "Best earlier value minus the value now. Grey is 0; a task that just arrived has none. "
        "Drawn are one run that shares tensors and one that shares none, where there are such; other runs "
        "are not drawn.",
    }
)
"""Captions by file stem, in the order of the page."""


def accuracy_parameters_figure(table: MethodTable) -> Figure:
    """Draw percentiles of accuracy against trained parameters per task, relative to fine-tuning if it ran.

    At least one task was evaluated in all runs.
    """
    data, rows = _largest_kind(table)
    title = "Accuracy against trained parameters per task"
    reference = next(
        (i for i, c in enumerate(table.columns) if c.results.run.method == REFERENCE_METHOD), None
    )
    figure = Figure(figsize=(8.6, 4.6), layout="constrained")
    axes = figure.add_subplot()
    places = _places([_mean_fraction(rows, index) for index in range(len(table.columns))])
    for index, column in enumerate(table.columns):
        _draw_percentiles(axes, column.label, mark_of(index), places[index], _values(rows, index, reference))
    kind = "complete real" if data == "real" else data
    axes.set_title(f"{title}\n{count(len(rows), f'{kind} task')}")
    axes.set(xlabel="trained parameters per task / backbone parameters", xscale="log")
    if reference is None:
        axes.set_ylabel("test metric (0-1); no fine-tune run to compare with")
    else:
        axes.set_ylabel(f"test metric minus that of {REFERENCE_METHOD}")
        axes.axhline(0.0, color=GREY, linewidth=0.8, zorder=0)
    # Matplotlib labels powers of ten in its markup for formulas, which is off here.
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.grid(alpha=0.25)
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def _largest_kind(table: MethodTable) -> tuple[str, list[TaskRow]]:
    """The kind of data with most tasks in all runs, real before partial before simulated, and those tasks."""
    shared = {data: [r for r in table.rows if r.is_shared and r.data == data] for data in KINDS_OF_DATA}
    data = max(KINDS_OF_DATA, key=lambda kind: len(shared[kind]))
    return data, shared[data]


def _mean_fraction(rows: Sequence[TaskRow], index: int) -> float | None:
    fractions = [cell.trained_fraction for row in rows if (cell := row.cells[index])]
    known = [fraction for fraction in fractions if fraction]
    return sum(known) / len(known) if known and len(known) == len(fractions) else None


def _values(rows: Sequence[TaskRow], index: int, reference: int | None) -> list[float]:
    """Values right after learning, minus those of the reference where there is one."""
    found = []
    for row in rows:
        cell, base = row.cells[index], None if reference is None else row.cells[reference]
        if cell is None or cell.value_when_learned is None:
            continue
        if reference is None:
            found.append(cell.value_when_learned)
        elif base is not None and base.value_when_learned is not None:
            found.append(cell.value_when_learned - base.value_when_learned)
    return found


def _places(fractions: Sequence[float | None]) -> list[float | None]:
    """Positions on a logarithmic axis; those that would coincide are moved apart by 15 %."""
    places: list[float | None] = []
    for fraction in fractions:
        place = fraction
        while place is not None and any(p is not None and abs(np.log(p / place)) < 0.1 for p in places):
            place *= 1.15
        places.append(place)
    return places


def _draw_percentiles(
    axes: Axes, label: str, mark: Mark, place: float | None, values: Sequence[float]
) -> None:
    if not values:
        return
    low, median, high = np.percentile(np.array(values), PERCENTILES)
    if place is None:
        axes.axhline(median, color=mark.colour, linestyle="--", label=f"{label} (no backbone; band 20/80 %)")
        axes.axhspan(low, high, color=mark.colour, alpha=0.1, linewidth=0)
        return
    axes.errorbar(
        [place],
        [median],
        yerr=[[median - low], [high - median]],
        color=mark.colour,
        marker=mark.marker,
        linestyle="none",
        capsize=3,
        label=label,
    )


def growth_figure(table: MethodTable) -> Figure:
    """Draw the growth factor of all runs over arrivals, and once more those that stay small.

    At least one run stores parameters.
    """
    title = "Stored parameters over arrivals"
    stored = _stored(table)
    small = [(i, column) for i, column in stored if (column.total_factor or 0.0) < SMALL_FACTOR]
    panels = [stored, small] if small and len(small) < len(stored) else [stored]
    figure = Figure(figsize=(5.2 * len(panels) + 2.2, 4.2), layout="constrained")
    for place, panel in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), place + 1)
        for index, column in panel:
            _draw_growth(axes, column, mark_of(index), with_label=place == 0)
        axes.set(xlabel="tasks arrived", ylabel="parameters / backbone parameters")
        axes.set_title(title if place == 0 else f"those below {SMALL_FACTOR:g}x")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", alpha=0.3)
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def _stored(table: MethodTable) -> list[tuple[int, MethodColumn]]:
    """The runs that store parameters, with their places in the table."""
    return [
        (index, column)
        for index, column in enumerate(table.columns)
        if column.total_factor is not None and column.results.growth.points
    ]


def _draw_growth(axes: Axes, column: MethodColumn, mark: Mark, *, with_label: bool) -> None:
    points = column.results.growth.points
    axes.plot(
        [point.position + 1 for point in points],
        [point.growth_factor for point in points],
        color=mark.colour,
        marker=mark.marker if len(points) <= MAX_NAMED_TASKS else None,
        markersize=4.0,
        linewidth=1.2,
        label=f"{column.label}: {points[-1].growth_factor:.2f}x" if with_label else None,
    )


def forgetting_figure(table: MethodTable) -> Figure:
    """Draw forgetting of the first run that shares tensors beside that of the first that shares none.

    At least one of them evaluated an earlier task again.
    """
    title = "Forgetting of each task after each later arrival (0 = nothing forgotten)"
    drawn = _forgetting(table)
    size = max(SMALLEST_FORGETTING_RANGE, *(float(np.nanmax(np.abs(found))) for _, found in drawn))
    inches = PANEL_SCALE * max(heat_map_inches(len(found)) for _, found in drawn)
    figure = Figure(figsize=((inches + 1.2) * len(drawn) + 2.2, inches + 1.9), layout="constrained")
    figure.suptitle(title, fontsize=10)
    panels = [figure.add_subplot(1, len(drawn), place + 1) for place in range(len(drawn))]
    for axes, (column, found) in zip(panels, drawn, strict=True):
        limits = (-size, size)
        image = draw_cells(axes, column.results, found, colours=FORGETTING_COLOURS, limits=limits)
        axes.set_title(column.label)
    if len({column.results.run.task_names for column, _ in drawn}) == 1:
        for axes in panels[1:]:  # the names stand at the first panel
            axes.set_yticklabels([])
            axes.set_ylabel("")
    figure.colorbar(image, ax=panels, label="forgetting (positive = worse)", shrink=0.8)
    return figure


def _forgetting(table: MethodTable) -> list[tuple[MethodColumn, Cells]]:
    """The runs whose forgetting is drawn, and its cells; none where no earlier task was evaluated again."""
    streams = [column for column in table.columns if column.results.run.regime is Regime.STREAM]
    sharing = next((column for column in streams if not column.results.run.isolated), None)
    isolated = min(
        (column for column in streams if column.results.run.isolated),
        key=lambda column: column.results.run.method != "houlsby",  # the paper's method where it is there
        default=None,
    )
    chosen = [column for column in (sharing, isolated) if column is not None]
    cells = [triangle(list(column.results.matrix.forgetting_rows())) for column in chosen]
    return [pair for pair in zip(chosen, cells, strict=True) if np.isfinite(pair[1]).any()]


FIGURES: Mapping[str, Callable[[MethodTable], Figure]] = MappingProxyType(
    {
        "accuracy_parameters": accuracy_parameters_figure,
        "growth": growth_figure,
        "forgetting": forgetting_figure,
    }
)
"""Figures of a comparison by file stem, in the order of the page."""


def figures_of(table: MethodTable) -> dict[str, Callable[[MethodTable], Figure]]:
    """Return those of the figures that have something to show."""
    shown = {
        "accuracy_parameters": _largest_kind(table)[1],
        "growth": _stored(table),
        "forgetting": _forgetting(table),
    }
    return {name: draw for name, draw in FIGURES.items() if shown[name]}
