"""A plan as tables: cells as people read them, and the rows of plan.csv."""

from collections.abc import Sequence

from db.records import ParameterCounts
from stream.plan.probe import ExpectedTime, PlanReport
from stream.plan.work import PlannedArrival, StreamPlan
from stream.reports.table import Table
from stream.words import DATA_TAGS, duration

Value = str | int | float | bool | None

UNKNOWN = "?"
MAX_NAME = 24
MANY_SECONDS = 10 * 86400.0
"""From here on hours say nothing."""
KINDS = {"adapter": "adapters", "layer_norm": "norms", "head": "head", "other": "other"}
"""Kinds of parameters, each with the heading of its column."""
PLAN_COLUMNS = (
    *("method", "position", "task", "data", "num_labels", "num_train", "num_valid", "num_test"),
    *("task_params", "adapter_params", "layer_norm_params", "head_params", "other_params", "task_bytes"),
    *("total_params", "total_bytes", "growth_factor", "separate_models_factor", "trained_fraction"),
    *("tokens_per_text", "num_epochs", "num_steps", "num_tokens", "num_validated", "num_reevaluated"),
    *("training_seconds", "evaluation_seconds", "sizes_from", "lengths_from", "notes"),
)


def size_table(plan: StreamPlan) -> Table:
    """What is stored, arrival by arrival; kinds that no task has are left out."""
    kinds = [kind for kind in KINDS if any(getattr(a.size.counts, kind) for a in plan.arrivals)]
    return Table(
        title="What is stored",
        columns=(
            "",
            "task",
            "classes",
            *(KINDS[kind] for kind in kinds),
            "params",
            "MB",
            "total MB",
            "growth",
        ),
        rows=tuple(
            (
                str(a.position + 1),
                short(a.task.name),
                f"{a.task.num_labels:,}" if a.task.num_labels else "-",
                *kind_cells(a.size.counts, kinds),
                compact(a.size.counts.total),
                megabytes(a.size.task_bytes),
                megabytes(a.size.total_bytes),
                growth(a.size.growth_factor),
            )
            for a in plan.arrivals
        ),
    )


def work_table(report: PlanReport) -> Table:
    """What is trained and evaluated, arrival by arrival."""
    timed = () if report.measured is None else ("time",)
    return Table(
        title="What is done (length: mean tokens of a text; evals: test examples after this arrival)",
        columns=(
            *("", "task", "data", "train", "test", "length", "epochs", "steps", "tokens"),
            *("evals", *timed),
        ),
        rows=tuple(_work_row(a, report.arrival_time(a)) for a in report.plan.arrivals),
        words=frozenset({1, 2}),
    )


def _work_row(a: PlannedArrival, time: ExpectedTime | None) -> tuple[str, ...]:
    sizes = a.task.sizes
    length = a.task.tokens_per_text
    return (
        str(a.position + 1),
        short(a.task.name),
        DATA_TAGS[a.task.data][0],
        number(sizes.num_train if sizes else None),
        number(sizes.num_test if sizes else None),
        UNKNOWN if length is None else f"{length:.1f}",
        number(a.task.num_epochs),
        number(a.num_steps),
        millions(a.num_tokens),
        number(a.num_reevaluated),
        *(() if time is None else (time_cell(time),)),
    )


def methods_table(reports: Sequence[PlanReport]) -> Table:
    """What the methods cost, side by side."""
    timed = any(report.measured is not None for report in reports)
    return Table(
        title="Methods side by side",
        columns=(
            *("method", "trained/task", "parameters", "growth", "GB", "steps", "tokens"),
            *(("time",) if timed else ()),
        ),
        rows=tuple(
            (
                short(report.label),
                f"{100 * report.plan.mean_trained_fraction:.2f} %",
                f"{report.plan.latest.total_params:,}",
                growth(report.plan.latest.growth_factor),
                f"{report.plan.latest.total_bytes / 1e9:,.2f}",
                number(report.plan.num_steps),
                millions(report.plan.num_tokens),
                *((time_cell(report.time),) if timed else ()),
            )
            for report in reports
        ),
        words=frozenset({0}),
    )


def csv_rows(report: PlanReport) -> list[tuple[Value, ...]]:
    """One row of plan.csv an arrival; an unknown value is empty and `notes` says why."""
    return [_csv_row(report, arrival) for arrival in report.plan.arrivals]


def _csv_row(report: PlanReport, a: PlannedArrival) -> tuple[Value, ...]:
    task, size, counts, sizes = a.task, a.size, a.size.counts, a.task.sizes
    time = report.arrival_time(a)
    return (
        *(report.label, a.position, task.name, task.data, task.num_labels),
        *((None, None, None) if sizes is None else (sizes.num_train, sizes.num_valid, sizes.num_test)),
        *(counts.total, counts.adapter, counts.layer_norm, counts.head, counts.other, size.task_bytes),
        *(size.total_params, size.total_bytes, size.growth_factor, size.separate_models_factor),
        *(size.trained_fraction, task.tokens_per_text, task.num_epochs, a.num_steps, a.num_tokens),
        *(a.num_validated, a.num_reevaluated),
        *((None, None) if time is None else (time.training_seconds, time.evaluation_seconds)),
        *(task.sizes_from, task.lengths_from, "; ".join(_notes(report, a))),
    )


def _notes(report: PlanReport, a: PlannedArrival) -> list[str]:
    unknown = {
        "sizes unknown before the data is there": a.task.sizes is None,
        "length of the texts unknown": a.task.tokens_per_text is None,
        "no time without a probe": report.measured is None,
    }
    return [note for note, holds in unknown.items() if holds]


def time_cell(time: ExpectedTime | None) -> str:
    """A duration, from ten days on in whole days, or a question mark."""
    if time is None or time.seconds is None:
        return UNKNOWN
    return duration(time.seconds) if time.seconds < MANY_SECONDS else f"{time.seconds / 86400:,.0f}d"


def kind_cells(counts: ParameterCounts, kinds: Sequence[str]) -> tuple[str, ...]:
    """Numbers of parameters of these kinds."""
    return tuple(compact(getattr(counts, kind)) for kind in kinds)


def short(name: str) -> str:
    """A name that fits its column."""
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"


def number(value: int | None) -> str:
    """A whole number in groups of three."""
    return UNKNOWN if value is None else f"{value:,}"


def millions(value: int | None) -> str:
    """Tokens in millions: "0.38M", "1,692.2M"."""
    return UNKNOWN if value is None else f"{value / 1e6:,.{1 if value >= 1e8 else 2}f}M"


def compact(count: int) -> str:
    """A number of parameters: exact up to ten million, "335.04M" from there."""
    return f"{count:,}" if count < 10_000_000 else f"{count / 1e6:,.2f}M"


def megabytes(num_bytes: int) -> str:
    """Bytes in millions."""
    return f"{num_bytes / 1e6:,.1f}"


def growth(value: float) -> str:
    """A multiple of the backbone: "1.194x"."""
    return f"{value:.3f}x" if value < 10 else f"{value:.1f}x"
