"""service.csv, one row per arrival of a simulated service, and service_sweep.csv, one row per setting."""

from collections.abc import Iterator
from pathlib import Path

from stream.reports.table import Value, write_table
from stream.service.queueing.measures import Estimate
from stream.service.queueing.scenario import PERCENTILES, Outcome
from stream.service.report import ServiceReport

SERVICE_COLUMNS = (
    *("position", "task", "customer", "priority", "arrival_seconds", "start_seconds", "finish_seconds"),
    *("waiting_seconds", "service_seconds", "expected_seconds", "queue_length", "worker", "notes"),
)
SWEEP_COLUMNS = (
    *("policy", "num_workers", "rate_per_hour", "offered_load", "load_per_worker", "grows_without_bound"),
    *("saturation_per_hour", "num_arrivals", "num_replications", "utilisation", "utilisation_half_width"),
    *("mean_waiting_seconds", "mean_waiting_half_width_seconds"),
    *(f"p{percent}_waiting_seconds" for percent in PERCENTILES),
    *("max_waiting_seconds", "mean_queue_length", "throughput_per_hour", "predicted_waiting_seconds"),
    *("prediction", "notes"),
)


def write_service_table(report: ServiceReport, path: Path) -> Path:
    """Write one row per arrival of the base setting and return the path."""
    return write_table(path, SERVICE_COLUMNS, service_rows(report))


def write_sweep_table(report: ServiceReport, path: Path) -> Path:
    """Write one row per setting and return the path."""
    return write_table(path, SWEEP_COLUMNS, map(_sweep_row, report.sweep))


def service_rows(report: ServiceReport) -> Iterator[list[Value]]:
    """Yield the arrivals of the base setting's first replication, in order; times count from 0."""
    served, columns = report.base.first, report.study.trace.columns if report.study.trace else ()
    jobs, names = served.jobs, [task.name for task in report.study.recorded]
    rows = zip(
        *(jobs.task.tolist(), jobs.customer.tolist(), jobs.priority.tolist()),
        *(jobs.arrival_seconds.tolist(), served.start_seconds.tolist(), served.finish_seconds.tolist()),
        *(served.waiting_seconds.tolist(), jobs.service_seconds.tolist(), jobs.expected_seconds.tolist()),
        *(served.queue_length.tolist(), served.worker.tolist()),
        strict=True,
    )
    absent = [name for name in ("customer", "priority") if name not in columns]
    unknown = [f"{' and '.join(absent)} empty: not in a trace"] if absent else []
    for position, (task, customer, priority, *numbers) in enumerate(rows):
        warming = ["warm-up: not counted"] if position < report.study.warm_up else []
        yield [
            *(position, names[task]),
            jobs.customers[customer] if "customer" in columns else None,
            priority if "priority" in columns else None,
            *numbers,
            "; ".join([*warming, *unknown]),
        ]


def _sweep_row(outcome: Outcome) -> list[Value]:
    capacity, wait = outcome.capacity, outcome.mean_waiting_seconds
    load, predicted = capacity.offered_load, outcome.predicted
    return [
        *(outcome.setting.policy.value, capacity.num_workers, capacity.rate_per_hour, load),
        *(None if load is None else load / capacity.num_workers, capacity.grows),
        *(capacity.saturation_per_hour, len(outcome.first.jobs), outcome.num_replications),
        *(_mean(outcome.utilisation), outcome.utilisation.half_width if outcome.utilisation else None),
        *(wait.mean, wait.half_width, *(outcome.waiting_percentiles[percent] for percent in PERCENTILES)),
        *(outcome.max_waiting_seconds, _mean(outcome.mean_queue_length), _mean(outcome.throughput_per_hour)),
        *((predicted.mean_waiting_seconds, predicted.formula) if predicted else (None, None)),
        "; ".join(sweep_notes(outcome)),
    ]


def _mean(estimate: Estimate | None) -> float | None:
    return None if estimate is None else estimate.mean


def sweep_notes(outcome: Outcome) -> Iterator[str]:
    """Yield what has to be known about a setting, and why cells of it are empty."""
    capacity = outcome.capacity
    if capacity.offered_load is None:
        yield "no rate: all tasks arrive at one moment"
    if capacity.grows:
        yield "the queue grows without bound: the waits depend on how long the stream is"
    if outcome.is_too_short:
        yield (
            f"{len(outcome.first.jobs):,} arrivals in a stream are too few for a steady state, which takes "
            f"about {capacity.steady_arrivals:,} at this load"
        )
    if outcome.utilisation is None:
        yield "utilisation undefined: the stream is watched for no time"
    if outcome.mean_waiting_seconds.half_width is None:
        yield "no interval: nothing is random, or one short stream was simulated"
    if outcome.predicted is None:
        yield "no prediction: queueing theory has no formula for it"
    elif not outcome.predicted.is_exact:
        yield "the prediction is an approximation"
