"""The figures of a run: two heat maps, the growth curve, and accuracy beside the paper's.

Each figure is a function from results to a matplotlib `Figure`; nothing here writes a file or touches global
state. Colours are those of Okabe and Ito and the map cividis, which colour-blind readers can tell apart; no
fact is told by colour alone. Above `MAX_NAMED_TASKS` tasks, axes count positions and cells have no numbers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from db.records import Regime
from stream.reports.drawing import (
    BLUE,
    FORGETTING_COLOURS,
    GREEN,
    GREY,
    MAX_NAMED_TASKS,
    ORANGE,
    SMALLEST_FORGETTING_RANGE,
    Cells,
    heat_map_inches,
    ink_on,
    message_figure,
    short_name,
    triangle,
)
from stream.reports.run.averages import served_tasks
from stream.reports.run.progress import progress_figure
from stream.results.run_results import RunResults, TaskResult


def accuracy_figure(results: RunResults) -> Figure:
    """Draw R[after, on] as a heat map from 0, or the least correlation below it, to 1."""
    cells = triangle(results.matrix.rows)
    title = "Test metric of each task after each arrival"
    lower, label = _metric_axis(cells)
    return _heat_map(results, cells, title, colours="cividis", limits=(lower, 1.0), label=label)


def _metric_axis(values: Cells) -> tuple[float, str]:
    """Lower end and label: 0, or the tenth below the least value where a correlation is negative."""
    lower = float(np.floor(10 * np.nanmin(values, initial=0.0)) / 10)
    return lower, "test metric (at most 1)" if lower < 0 else "test metric (0-1)"


def forgetting_figure(results: RunResults) -> Figure:
    """Draw forgetting as a heat map centred on 0: blue gained, grey unchanged, orange forgotten."""
    cells = triangle(list(results.matrix.forgetting_rows()))
    size = np.abs(cells[np.isfinite(cells)]).max(initial=SMALLEST_FORGETTING_RANGE)
    title = "Forgetting of each task after each later arrival\n(0 = nothing forgotten)"
    label = "forgetting (positive = worse)"
    return _heat_map(results, cells, title, colours=FORGETTING_COLOURS, limits=(-size, size), label=label)


def _heat_map(
    results: RunResults,
    cells: Cells,
    title: str,
    *,
    colours: str | Colormap,
    limits: tuple[float, float],
    label: str,
) -> Figure:
    if not np.isfinite(cells).any():
        return message_figure(title, _why_empty(results, len(cells)))
    num_tasks = len(cells)
    inches = heat_map_inches(num_tasks)
    figure = Figure(figsize=(inches + 3.2, inches + 1.8), layout="constrained")
    axes = figure.add_subplot()
    image = draw_cells(axes, results, cells, colours=colours, limits=limits)
    axes.set_title(_titled(results, title))
    figure.colorbar(image, ax=axes, label=label, shrink=0.8)
    return figure


def draw_cells(
    axes: Axes,
    results: RunResults,
    cells: Cells,
    *,
    colours: str | Colormap,
    limits: tuple[float, float],
) -> AxesImage:
    """Draw a triangle of values as coloured cells with names and, where there is room, numbers."""
    image = axes.imshow(cells, cmap=colours, vmin=limits[0], vmax=limits[1], interpolation="nearest")
    axes.set(xlabel="evaluated task", ylabel="after learning")
    _name_ticks(axes, results, len(cells))
    if len(cells) <= MAX_NAMED_TASKS:
        _write_cells(axes, cells, lambda value: ink_on(image.to_rgba(np.array([value]))[0]))
    return image


def _why_empty(results: RunResults, num_arrivals: int) -> str:
    if not num_arrivals:
        return "undefined before the first arrival"
    if results.run.regime is Regime.STREAM:
        return "undefined before a second arrival"
    return "undefined: each task is evaluated once"


def _name_ticks(axes: Axes, results: RunResults, num_tasks: int) -> None:
    if num_tasks > MAX_NAMED_TASKS:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="evaluated task (position)", ylabel="after arrival (position)")
        return
    names = _labels(results)[:num_tasks]
    axes.set_xticks(range(num_tasks), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(num_tasks), names)


def _labels(results: RunResults) -> list[str]:
    """Names of all tasks of the stream; those that are not complete real data say so."""
    labels = {position: short_name(name) for position, name in enumerate(results.run.task_names)}
    labels |= {task.position: _label(results, task) for task in results.tasks}
    return list(labels.values())


def _label(results: RunResults, task: TaskResult) -> str:
    marks = [] if task.data == "real" or _only_kind(results) else [task.data]
    marks += ["removed"] if task.removed else []
    return f"{short_name(task.name)} ({', '.join(marks)})" if marks else short_name(task.name)


def _only_kind(results: RunResults) -> str | None:
    """The kind of data of all tasks, told once in the title where it is not real."""
    kinds = {task.data for task in results.tasks}
    return kinds.pop() if len(kinds) == 1 else None


def _titled(results: RunResults, title: str) -> str:
    kind = _only_kind(results)
    return title if kind in (None, "real") else f"{title}\nall tasks {kind}"


def _write_cells(axes: Axes, cells: Cells, ink: Callable[[float], str]) -> None:
    for (after, on), value in np.ndenumerate(cells):
        if np.isfinite(value):
            text = "0" if value == 0 else f"{value:.2f}".replace("0.", ".", 1)
            axes.text(on, after, text, ha="center", va="center", fontsize=7, color=ink(float(value)))


def growth_figure(results: RunResults) -> Figure:
    """Draw the growth factor over arrivals against one fine-tuned model per task."""
    title = "Stored parameters against separate models"
    points = results.growth.points
    if results.run.regime is Regime.SEPARATE:
        return message_figure(title, "no parameters are stored: each task has a pipeline of its own")
    if not points:
        return message_figure(title, "nothing is stored yet")
    arrivals = [point.position + 1 for point in points]
    curves = (
        ("one fine-tuned model per task", [point.separate_models_factor for point in points], ORANGE, "s--"),
        (f"this run ({results.run.method})", [point.growth_factor for point in points], BLUE, "o-"),
    )
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for label, factors, colour, style in curves:
        axes.plot(arrivals, factors, style, color=colour, label=label, markersize=_marker(len(points)))
        axes.annotate(
            f"{factors[-1]:.2f}x",
            (arrivals[-1], factors[-1]),
            (6, 0),
            textcoords="offset points",
            va="center",
        )
    axes.set(title=title, xlabel="tasks arrived", ylabel="parameters / backbone parameters")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlim(0, 1.12 * max(arrivals[-1], 2))
    axes.set_ylim(0, 1.15 * max(factors[-1] for _, factors, _, _ in curves))
    axes.legend(loc="upper left", frameon=False)
    axes.grid(axis="y", alpha=0.3)
    return figure


def _marker(num_points: int) -> float:
    return 4.0 if num_points <= MAX_NAMED_TASKS else 0.0


def paper_figure(results: RunResults) -> Figure:
    """Draw each task's test metric beside the paper's figures or, for a simulated task, the Bayes bound."""
    title = "Test metric of each task right after it was learned"
    tasks = served_tasks(results)
    if not any(task.test is not None for task in tasks):
        return message_figure(title, "no task has been evaluated yet")
    named = len(tasks) <= 2 * MAX_NAMED_TASKS
    height = 0.3 * len(tasks) + 1.9 if named else 7.0
    figure = Figure(figsize=(7.6, height), layout="constrained")
    axes = figure.add_subplot()
    for series in _series(tasks):
        _draw_series(axes, series, size=6.0 if named else 2.5)
    lower, label = _metric_axis(np.array([[task.test for task in tasks]], dtype=np.float64))
    axes.set(title=_titled(results, title), xlabel=label, xlim=(lower, 1))
    axes.set_ylabel("" if named else "task, in order of arrival")
    if named:
        axes.set_yticks(range(len(tasks)), [_label(results, task) for task in tasks])
    axes.set_ylim(len(tasks) - 0.5, -0.5)
    axes.grid(axis="both" if named else "x", alpha=0.25)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """One kind of mark, at most one per task."""

    label: str
    values: Sequence[float | None]
    marker: str
    colour: str
    filled: bool = False


def _series(tasks: Sequence[TaskResult]) -> tuple[Series, ...]:
    """The paper's figures are about real texts, so a simulated task gets its Bayes bound instead."""
    real = [task.data != "simulated" for task in tasks]
    stand_in = [not is_real for is_real in real]
    tested = [task.test for task in tasks]
    adapters = _only([task.paper_adapters for task in tasks], real)
    fine_tuning = _only([task.paper_fine_tuning for task in tasks], real)
    bounds = [task.bayes_accuracy for task in tasks]
    simulated = "this run, simulated data"
    return (
        Series(label="paper: fine-tuning", values=fine_tuning, marker="s", colour=ORANGE),
        Series(label="paper: adapters", values=adapters, marker="D", colour=GREEN),
        Series(label="best that can be reached", values=bounds, marker="|", colour=GREY),
        Series(label="this run", values=_only(tested, real), marker="o", colour=BLUE, filled=True),
        Series(label=simulated, values=_only(tested, stand_in), marker="o", colour=BLUE),
    )


def _only(values: Sequence[float | None], chosen: Sequence[bool]) -> list[float | None]:
    return [value if is_chosen else None for value, is_chosen in zip(values, chosen, strict=True)]


def _draw_series(axes: Axes, series: Series, size: float) -> None:
    known = [(value, place) for place, value in enumerate(series.values) if value is not None]
    if known:
        axes.plot(
            *zip(*known, strict=True),
            label=series.label,
            linestyle="none",
            marker=series.marker,
            markersize=2 * size if series.marker == "|" else size,
            markeredgecolor=series.colour,
            markerfacecolor=series.colour if series.filled else "none",
        )


FIGURES: Mapping[str, Callable[[RunResults], Figure]] = MappingProxyType(
    {
        "accuracy": paper_figure,
        "accuracy_matrix": accuracy_figure,
        "forgetting": forgetting_figure,
        "metrics": progress_figure,
        "growth": growth_figure,
    }
)
"""Figures of a report by file stem, in the order of the page."""
