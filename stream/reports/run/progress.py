"""metrics.csv and its figure: average metric, forgetting and transfer after each arrival.

Complete real, partial and simulated tasks are never averaged together: each kind of data has rows and a curve
of its own. Definitions and sources stand in `stream.results.metrics`.
"""

from collections.abc import Iterator

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from db.records import Regime
from stream.reports.drawing import BLUE, GREEN, ORANGE, message_figure
from stream.reports.table import Value
from stream.results.metrics import KINDS_OF_DATA, WHY_NO_FORGETTING, Progress
from stream.results.run_results import RunResults

COLUMNS = (
    *("after", "after_task", "data", "num_tasks", "average_metric", "average_forgetting"),
    *("backward_transfer", "learning_accuracy", "average_incremental_metric", "notes"),
)
TITLE = "Average metric and forgetting after each arrival"
_COLOURS = dict(zip(KINDS_OF_DATA, (BLUE, GREEN, ORANGE), strict=True))


def progress_of(results: RunResults) -> Iterator[tuple[str, list[Progress]]]:
    """Yield each kind of data there is, with the figures of its tasks after each arrival."""
    for data in KINDS_OF_DATA:
        if over := {task.position for task in results.tasks if task.data == data and not task.removed}:
            yield data, [*results.matrix.progress(over)]


def metric_rows(results: RunResults) -> Iterator[list[Value]]:
    """Yield one row per arrival and kind of data."""
    names = results.matrix.names
    rows = [(point, data) for data, points in progress_of(results) for point in points]
    for point, data in sorted(rows, key=lambda row: row[0].after):
        yield [
            *(point.after, names[point.after], data, point.num_tasks, point.average, point.forgetting),
            *(point.backward_transfer, point.learning, point.incremental),
            "; ".join(_notes(results, point)),
        ]


def _notes(results: RunResults, point: Progress) -> Iterator[str]:
    if results.run.regime is not Regime.STREAM:
        yield f"forgetting {WHY_NO_FORGETTING[results.run.regime]}"
    elif point.forgetting is None and point.num_tasks == 1:
        yield "forgetting and transfer undefined before a second task"
    if point.average is None and not results.proof.coverage.is_full:
        yield f"empty: not every task was evaluated after this arrival ({results.proof.coverage.text})"
    elif point.average is None:
        yield "empty: an evaluation is missing or undefined"


def progress_figure(results: RunResults) -> Figure:
    """Draw both figures over the arrivals, a line a kind of data."""
    curves = [*progress_of(results)]
    if not any(point.average is not None for _, points in curves for point in points):
        return message_figure(TITLE, "nothing is known yet")
    figure = Figure(figsize=(9.6, 3.6), layout="constrained")
    average, forgetting = figure.subplots(1, 2)
    for data, points in curves:
        after = [point.after + 1 for point in points]
        style = {"marker": "o", "markersize": 3, "color": _COLOURS[data], "label": f"{data} tasks"}
        average.plot(after, [_drawn(point.average) for point in points], **style)
        forgetting.plot(after, [_drawn(point.forgetting) for point in points], **style)
    average.set(xlabel="arrivals", ylabel="average test metric", title="Average metric")
    forgetting.set(xlabel="arrivals", ylabel="average forgetting (positive = worse)", title="Forgetting")
    forgetting.axhline(0, linewidth=0.6, color="0.6")
    for axes in (average, forgetting):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    average.legend()
    return figure


def _drawn(value: float | None) -> float:
    """What is unknown leaves a gap."""
    return float("nan") if value is None else value
