"""The figures of studies of trainings: validation over what was varied, and paired differences.

One small figure per task, means over seeds with standard errors. A cross at the foot marks settings of which
a training failed, a hollow mark those of which one began again at a lower rate.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from db.records import TaskRecord
from stream.reports.drawing import BLUE, GREEN, GREY, INK, ORANGE
from stream.study.training.results import StudyCell, StudyResults

Draw = Callable[[StudyResults], Figure]
X_LABELS: Mapping[str, str] = {
    "init-scale": "standard deviation of fresh adapter weights",
    "size": "parameters stored per task",
    "learning-rate": "peak learning rate",
}
_COLOURS = (BLUE, ORANGE, GREEN, GREY)
_MARKERS = ("o", "s", "D", "^")
_COLUMNS = 3
"""Small figures beside each other."""
MIN_TASKS_FOR_PERCENTILES = 3
PERCENTILES = (20, 50, 80)
"""As in the paper's Figures 1 and 3."""


def study_figures(study: StudyResults) -> Mapping[str, Draw]:
    """The figures of a study by file stem; none before a training ended."""
    if not study.cells:
        return {}
    name = study.grid.name
    if name == "variants":
        return {name: differences_figure}
    drawn: dict[str, Draw] = {name: curves_figure}
    if name == "size" and len(study.tasks) >= MIN_TASKS_FOR_PERCENTILES:
        drawn["size_percentiles"] = percentiles_figure
    return drawn


def curves_figure(study: StudyResults) -> Figure:
    """Draw the validation metric over what was varied, one small figure per task, one line per series."""
    figure, panels = _panels(study, height=2.5)
    at = _axis(study)
    handles: dict[str, Line2D] = {}
    for axes, task in panels:
        cells = study.of_task(task.position)
        _log_axis(axes, [at(cell) for cell in cells])
        for i, series in enumerate(_series(study)):
            own = [cell for cell in cells if cell.setting.series == series]
            handles |= _draw_series(axes, series, own, at, (_COLOURS[i % 4], _MARKERS[i % 4]))
        _mark_failures(axes, cells, at)
        axes.set_ylabel(f"validation {task.metric}", fontsize=8)
        axes.set_xlabel(X_LABELS[study.grid.name], fontsize=8)
        axes.grid(axis="y", alpha=0.25)
    figure.suptitle(_seeds_text(study), fontsize=9)
    if len(handles) > 1:
        figure.legend(
            list(handles.values()), list(handles), loc="outside lower center", ncols=4, frameon=False
        )
    return figure


def _draw_series(
    axes: Axes,
    series: str,
    cells: Sequence[StudyCell],
    at: Callable[[StudyCell], float],
    style: tuple[str, str],
) -> dict[str, Line2D]:
    colour, marker = style
    ordered = sorted((cell for cell in cells if cell.estimate is not None), key=at)
    if not ordered:
        return {}
    axes.plot([at(c) for c in ordered], [c.mean for c in ordered], color=colour, alpha=0.4, linewidth=1)
    for cell in ordered:
        axes.errorbar(
            at(cell),
            cell.mean,
            yerr=_error(cell),
            color=colour,
            marker=marker,
            markersize=4.5,
            markerfacecolor="none" if cell.num_restarted else colour,
            elinewidth=0.9,
            capsize=2,
        )
    return {series: axes.plot([], [], color=colour, marker=marker, markersize=4.5)[0]}


def _mark_failures(axes: Axes, cells: Sequence[StudyCell], at: Callable[[StudyCell], float]) -> None:
    """A cross at the foot of the axes, with the number of failures."""
    for cell in cells:
        if cell.num_failed:
            foot = (at(cell), 0.04)
            axes.plot(*foot, marker="x", color=INK, markersize=6, transform=axes.get_xaxis_transform())
            axes.annotate(
                f"{cell.num_failed} failed",
                foot,
                xycoords=axes.get_xaxis_transform(),
                xytext=(0, 6),
                textcoords="offset points",
                ha="center",
                fontsize=7,
            )


def percentiles_figure(study: StudyResults) -> Figure:
    """Draw the difference to full fine-tuning over parameters: 20th, 50th and 80th percentiles over tasks."""
    figure = Figure(figsize=(6.0, 3.8), layout="constrained")
    axes = figure.add_subplot()
    _log_axis(axes, [float(cell.num_params) for cell in study.cells])
    axes.axhline(0, color=INK, linewidth=0.8)
    for i, series in enumerate(_series(study)):
        _draw_percentiles(axes, series, study.cells, _COLOURS[i % 4])
    axes.set(xlabel=X_LABELS["size"], ylabel="validation, minus full fine-tuning's")
    axes.set_title(f"Percentiles {', '.join(map(str, PERCENTILES))} over {len(study.tasks)} tasks")
    axes.legend(frameon=False)
    axes.grid(axis="y", alpha=0.25)
    return figure


def _draw_percentiles(axes: Axes, series: str, cells: Sequence[StudyCell], colour: str) -> None:
    found: dict[str, list[tuple[int, float]]] = {}
    for cell in cells:
        if cell.setting.series == series and cell.difference is not None:
            found.setdefault(cell.setting.method, []).append((cell.num_params, cell.difference.mean))
    if not found:
        return
    groups = sorted((np.array(pairs).T for pairs in found.values()), key=lambda group: group[0].mean())
    places = [group[0].mean() for group in groups]
    low, middle, high = np.array([np.percentile(group[1], PERCENTILES) for group in groups]).T
    axes.fill_between(places, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.plot(places, middle, color=colour, marker="o", markersize=4, label=series)


def differences_figure(study: StudyResults) -> Figure:
    """Draw each variant's paired difference to the plain adapters, one small figure per task."""
    variants = [name for name in _series(study) if name != _reference_series(study)]
    figure, panels = _panels(study, height=0.24 * len(variants) + 1.2, sharey=True)
    for axes, task in panels:
        cells = {cell.setting.series: cell for cell in study.of_task(task.position)}
        axes.axvline(0, color=INK, linewidth=0.8)
        for row, name in enumerate(variants):
            cell = cells.get(name)
            if cell is not None and cell.difference is not None:
                error = cell.difference.standard_error or 0.0
                axes.errorbar(
                    cell.difference.mean, row, xerr=error, color=BLUE, marker="o", markersize=4.5, capsize=2
                )
        axes.set_yticks(range(len(variants)), variants)
        axes.set_ylim(len(variants) - 0.5, -0.5)
        axes.locator_params(axis="x", nbins=5)
        axes.grid(axis="x", alpha=0.25)
    figure.supxlabel("validation, minus the plain adapters' of the same seed")
    figure.suptitle(_seeds_text(study), fontsize=9)
    return figure


def _panels(
    study: StudyResults, *, height: float, sharey: bool = False
) -> tuple[Figure, list[tuple[Axes, TaskRecord]]]:
    """A figure with one small one per task that has a value or a failure, titled by name and kind of data."""
    tasks = [task for task in study.tasks if study.of_task(task.position)]
    columns = min(_COLUMNS, len(tasks))
    rows = -(-len(tasks) // columns)
    figure = Figure(figsize=(max(3.4 * columns, 5.2) + 0.6, height * rows + 1.2), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=sharey)
    panels = [axes for row in grid for axes in row]
    for axes, task in zip(panels, tasks, strict=False):
        axes.set_title(task.name if task.data == "real" else f"{task.name} ({task.data})", fontsize=9)
    for axes in panels[len(tasks) :]:
        axes.set_axis_off()
    return figure, list(zip(panels, tasks, strict=False))


def _series(study: StudyResults) -> list[str]:
    return list(dict.fromkeys(setting.series for setting in study.grid.settings))


def _reference_series(study: StudyResults) -> str | None:
    return next((s.series for s in study.grid.settings if s.method == study.grid.reference), None)


def _axis(study: StudyResults) -> Callable[[StudyCell], float]:
    """What was varied; in a study of sizes the parameters that a setting comes to."""

    def varied(cell: StudyCell) -> float:
        assert cell.setting.x is not None
        return cell.setting.x

    return _num_params if study.grid.name == "size" else varied


def _num_params(cell: StudyCell) -> float:
    return float(cell.num_params)


def _error(cell: StudyCell) -> float:
    assert cell.estimate is not None
    return cell.estimate.standard_error or 0.0


def _log_axis(axes: Axes, places: Sequence[float]) -> None:
    """A logarithmic axis whose ticks are plain numbers: mathematical text is switched off in figures.

    It is as wide as the places on it, and has a width where there is only one.
    """
    axes.set_xscale("log")
    axes.set_xlim(min(places) / 1.5, max(places) * 1.5)
    axes.xaxis.set_major_formatter(FuncFormatter(_tick))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", labelsize=7)


def _tick(value: float, _: int | None = None) -> str:
    return f"{value:g}" if value < 1e4 else f"{value:,.0f}"


def _seeds_text(study: StudyResults) -> str:
    number = len(study.grid.seeds)
    name = study.grid.name
    return f"{name}: 1 seed" if number == 1 else f"{name}: means of {number} seeds, bars are standard errors"
