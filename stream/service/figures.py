"""The figures of a simulated service: the queue over time, and the wait over utilisation."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from stream.reports.drawing import BLUE, GREEN, GREY, ORANGE, mark_of, message_figure
from stream.service.queueing.jobs import SECONDS_PER_HOUR, Served
from stream.service.queueing.scenario import Outcome
from stream.service.report import ServiceReport
from stream.words import count

MAX_DRAWN_ARRIVALS = 2000
"""Of longer streams the beginning is drawn."""
ABOVE: Any = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "ncols": 2, "frameon": False}
"""A legend above its axes, where it hides nothing."""
UNITS = ((SECONDS_PER_HOUR, "hours"), (60.0, "minutes"), (1.0, "seconds"))


def queue_figure(report: ServiceReport) -> Figure:
    """Draw jobs in training and waiting over time, and below them the wait of each arrival."""
    served, setting = report.base.first, report.base.setting
    shown = min(len(served.jobs), MAX_DRAWN_ARRIVALS)
    cut = shown < len(served.jobs)
    end = float(served.jobs.arrival_seconds[shown - 1] if cut else served.finish_seconds.max())
    clock, unit = _unit(end)
    figure = Figure(figsize=(8.2, 5.4), layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    _draw_counts(above, served, end, clock)
    part = f", first {shown:,} of {len(served.jobs):,} arrivals" if cut else ""
    workers = count(setting.num_workers, "worker")
    figure.suptitle(f"{setting.arrivals.text}; {workers}, {setting.policy}{part}", fontsize=10)
    _draw_waits(below, report.base, shown, clock)
    below.set_xlabel(f"time ({unit})")
    return figure


def _draw_counts(axes: Axes, served: Served, end: float, clock: float) -> None:
    """Jobs in training, and on top of them those that wait, as areas."""
    arrivals, starts, finishes = served.jobs.arrival_seconds, served.start_seconds, served.finish_seconds
    for begins, label, colour in ((arrivals, "waiting", ORANGE), (starts, "in training", GREEN)):
        moments, numbers = _steps(begins, finishes, end)
        # The edge keeps areas visible that are narrower than a dot.
        axes.fill_between(
            moments / clock,
            numbers,
            step="post",
            facecolor=colour,
            edgecolor=colour,
            linewidth=0.4,
            label=label,
        )
    axes.set(ylabel="jobs", ylim=(0, None))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(**ABOVE)


def _draw_waits(axes: Axes, outcome: Outcome, shown: int, clock: float) -> None:
    waits = outcome.first.waiting_seconds[:shown]
    scale, unit = _unit(float(waits.max()))
    axes.plot(
        outcome.first.jobs.arrival_seconds[:shown] / clock, waits / scale, "o", color=BLUE, markersize=3
    )
    streams = f" of {outcome.num_replications} streams" if outcome.num_replications > 1 else ""
    mean = outcome.mean_waiting_seconds.mean / scale
    axes.axhline(mean, color=ORANGE, linestyle="--", label=f"mean wait{streams}")
    axes.set(ylabel=f"wait of an arrival ({unit})", ylim=(0, None))
    axes.legend(**ABOVE)


def _steps(
    begins: Float[np.ndarray, " jobs"], ends: Float[np.ndarray, " jobs"], last: float
) -> tuple[Float[np.ndarray, " moments"], Float[np.ndarray, " moments"]]:
    """How many intervals are open from each moment on, up to `last`."""
    moments = np.concatenate([begins, ends])
    changes = np.concatenate([np.ones(len(begins)), -np.ones(len(ends))])
    order = np.argsort(moments, kind="stable")
    shown, first = np.unique(moments[order], return_index=True)
    # The count after the last change of each moment: intervals without length never show.
    after = np.cumsum(changes[order])[np.append(first[1:], len(moments)) - 1]
    keep = shown <= last
    return shown[keep], after[keep]


def sweep_figure(report: ServiceReport) -> Figure:
    """Draw the mean wait over the load per worker; saturation is the line at 1."""
    title = "Mean wait over utilisation"
    if any(outcome.capacity.offered_load is None for outcome in report.sweep):
        return _workers_figure(report)
    if not report.sweep:
        return message_figure(title, "only one setting was simulated")
    scale, unit = _unit(max(outcome.mean_waiting_seconds.mean for outcome in report.sweep))
    figure = Figure(figsize=(8.2, 5.6), layout="constrained")
    axes = figure.add_subplot()
    for index, (label, curve) in enumerate(_curves(report.sweep)):
        _draw_curve(axes, label, curve, index, scale)
    axes.axvline(1.0, color=ORANGE, linewidth=1.5, label="saturation: the queue grows without bound")
    _explain_marks(axes, report.sweep)
    axes.set_title(f"{title}\n{_streams(report)}")
    axes.set(xlabel="offered load per worker (= utilisation below 1)", ylabel=f"mean wait ({unit})")
    _scale_waits(axes, [outcome.mean_waiting_seconds.mean for outcome in report.sweep])
    axes.set_xlim(0, None)
    axes.grid(alpha=0.25)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def _explain_marks(axes: Axes, sweep: Sequence[Outcome]) -> None:
    """Entries of the legend for what is drawn."""
    if any(outcome.predicted for outcome in sweep):
        axes.plot([], [], "--", color=GREY, label="queueing theory")
    if any(outcome.capacity.grows for outcome in sweep):
        axes.plot([], [], "o", markerfacecolor="none", color=GREY, label="depends on the stream's length")


def _scale_waits(axes: Axes, waits: Sequence[float]) -> None:
    """Waits of very different size are told apart on a logarithmic axis, which has no place for 0."""
    if min(waits) <= 0 or max(waits) < 10 * min(waits):
        axes.set_ylim(0, None)
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _curves(sweep: Sequence[Outcome]) -> list[tuple[str, list[Outcome]]]:
    """Outcomes of one policy and number of workers, by load."""
    curves = groupby(sweep, key=lambda outcome: (outcome.setting.policy, outcome.setting.num_workers))
    return [
        (f"{policy}, {count(workers, 'worker')}", sorted(curve, key=_load))
        for (policy, workers), curve in curves
    ]


def _load(outcome: Outcome) -> float:
    return (outcome.capacity.offered_load or 0.0) / outcome.capacity.num_workers


def _draw_curve(axes: Axes, label: str, curve: Sequence[Outcome], index: int, scale: float) -> None:
    mark = mark_of(index)
    loads = [_load(outcome) for outcome in curve]
    waits = [outcome.mean_waiting_seconds.mean / scale for outcome in curve]
    # An interval that reaches below 0 has no place on a logarithmic axis: it is cut just above it.
    errors = [
        (min(wait * 0.999, half := (outcome.mean_waiting_seconds.half_width or 0.0) / scale), half)
        for wait, outcome in zip(waits, curve, strict=True)
    ]
    lows, highs = zip(*errors, strict=True)
    axes.errorbar(loads, waits, yerr=[lows, highs], color=mark.colour, linestyle="-", capsize=2, linewidth=1)
    for outcome, load, wait in zip(curve, loads, waits, strict=True):
        fill = "white" if outcome.capacity.grows else mark.colour
        axes.plot(load, wait, mark.marker, color=mark.colour, markerfacecolor=fill, zorder=3)
    axes.plot([], [], mark.marker, color=mark.colour, linestyle="-", label=label)
    known = [(_load(o), o.predicted.mean_waiting_seconds / scale) for o in curve if o.predicted]
    if known:
        axes.plot(*zip(*known, strict=True), "--", color=mark.colour, linewidth=2.2, alpha=0.5)


def _workers_figure(report: ServiceReport) -> Figure:
    """Where all tasks arrive at one moment there is no load: draw the mean wait over the workers."""
    scale, unit = _unit(max(outcome.mean_waiting_seconds.mean for outcome in report.sweep))
    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.add_subplot()
    for index, (policy, group) in enumerate(groupby(report.sweep, key=lambda o: o.setting.policy)):
        outcomes, mark = list(group), mark_of(index)
        workers = [outcome.setting.num_workers for outcome in outcomes]
        waits = [outcome.mean_waiting_seconds.mean / scale for outcome in outcomes]
        axes.plot(workers, waits, mark.marker + "-", color=mark.colour, label=policy.value)
    axes.set_title(f"Mean wait over workers: all tasks arrive at one moment\n{_streams(report)}")
    axes.set(xlabel="workers", ylabel=f"mean wait ({unit})", ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    return figure


def _streams(report: ServiceReport) -> str:
    streams = max((outcome.num_replications for outcome in report.sweep), default=1)
    return f"{count(streams, 'stream')} of {count(report.study.num_arrivals, 'arrival')} for each mark"


def _unit(longest: float) -> tuple[float, str]:
    """The unit in which a time is a number above 2, and its seconds."""
    return next(((size, name) for size, name in UNITS if longest > 2 * size), UNITS[-1])
