"""The figures of a simulated service: the queue over time, and the wait over utilisation."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stream.queueing.jobs import SECONDS_PER_HOUR, Served
from stream.queueing.study import Outcome
from stream.reports.figures import BLUE, GREEN, GREY, ORANGE, message_figure
from stream.reports.methods.figures import mark_of
from stream.reports.service_report import ServiceReport
from stream.reports.summary import count

MAX_DRAWN_ARRIVALS = 2000
"""Of longer streams the beginning is drawn."""
UNITS = ((SECONDS_PER_HOUR, "hours"), (60.0, "minutes"), (1.0, "seconds"))


def queue_figure(report: ServiceReport) -> Figure:
    """Draw jobs waiting and workers at work over time, and below them the wait of each arrival."""
    served, setting = report.base.first, report.base.setting
    shown = min(len(served.jobs), MAX_DRAWN_ARRIVALS)
    end = float(served.finish_seconds.max()) if shown == len(served.jobs) else None
    end = end if end is not None else float(served.jobs.arrival_seconds[shown - 1])
    clock, unit = _unit(end)
    figure = Figure(figsize=(8.2, 5.4), layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    _draw_counts(above, served, end, clock)
    workers = count(setting.num_workers, "worker")
    cut = "" if shown == len(served.jobs) else f", first {shown:,} of {len(served.jobs):,} arrivals"
    above.set_title(f"{setting.arrivals.text}; {workers}, {setting.policy}{cut}")
    waits = served.waiting_seconds[:shown]
    scale, wait_unit = _unit(float(waits.max()))
    below.plot(served.jobs.arrival_seconds[:shown] / clock, waits / scale, "o", color=BLUE, markersize=3)
    mean = report.base.mean_waiting_seconds.mean
    below.axhline(mean / scale, color=ORANGE, linestyle="--", label="mean wait of all replications")
    below.set(xlabel=f"time ({unit})", ylabel=f"wait of an arrival ({wait_unit})", ylim=(0, None))
    below.legend(loc="upper left", frameon=False)
    return figure


def _draw_counts(axes: Axes, served: Served, end: float, clock: float) -> None:
    """Waiting and working jobs as steps that change at arrivals, starts and finishes."""
    arrivals, starts, finishes = served.jobs.arrival_seconds, served.start_seconds, served.finish_seconds
    for begins, ends, label, colour, style in (
        (arrivals, starts, "waiting", ORANGE, "-"),
        (starts, finishes, "in training", GREEN, "--"),
    ):
        moments, numbers = _steps(begins, ends, end)
        axes.step(moments / clock, numbers, where="post", color=colour, linestyle=style, label=label)
    axes.set(ylabel="jobs", ylim=(0, None))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="upper left", frameon=False)


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
    figure = Figure(figsize=(8.2, 4.8), layout="constrained")
    axes = figure.add_subplot()
    for index, (label, curve) in enumerate(_curves(report.sweep)):
        _draw_curve(axes, label, curve, index, scale)
    axes.axvline(1.0, color=ORANGE, linewidth=1.5, label="saturation: the queue grows without bound")
    axes.plot([], [], "--", color=GREY, label="queueing theory")
    axes.plot([], [], "o", markerfacecolor="none", color=GREY, label="depends on the stream's length")
    axes.set_title(f"{title}\n{_streams(report)}")
    axes.set(xlabel="offered load per worker (= utilisation below 1)", ylabel=f"mean wait ({unit})")
    if all(outcome.mean_waiting_seconds.mean > 0 for outcome in report.sweep):
        axes.set_yscale("log")
    axes.set_xlim(0, None)
    axes.grid(alpha=0.25)
    figure.legend(loc="outside right upper", frameon=False)
    return figure


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
