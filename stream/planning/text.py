"""A plan as plain text of at most 100 columns, and as files: plan.csv and plan.md."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from db.records import Regime
from stream.display.text import plural, rough_duration
from stream.growth import GrowthPoint
from stream.learning.evaluation import EVALUATION_BATCH
from stream.planning.probe import Measured, expected_time
from stream.planning.tables import (
    PLAN_COLUMNS,
    UNKNOWN,
    Table,
    csv_rows,
    growth,
    millions,
    number,
    size_table,
    work_table,
)
from stream.planning.work import StreamPlan
from stream.reports.files import make_folder, replacing
from stream.reports.tables import write_table

WIDTH = 100
MAX_NAMED = 3
"""Tasks named one by one where a sentence is about some of them."""


def plain_text(plan: StreamPlan, measured: Measured | None, remarks: Sequence[str]) -> list[str]:
    """Lines for the terminal; `remarks` are further sentences about this plan."""
    lines = textwrap.wrap(headline(plan), WIDTH)
    for table in (size_table(plan), work_table(plan, measured)):
        lines += ["", table.title, *_aligned(table)]
    lines.append("")
    for title, sentence in summary(plan, measured).items():
        lines += textwrap.wrap(f"{title}: {sentence}", WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    for remark in (*sources(plan), *probe_remarks(measured), *remarks):
        lines += textwrap.wrap(f"- {remark}", WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    return lines


def write_plan(plan: StreamPlan, measured: Measured | None, remarks: Sequence[str], out: Path) -> None:
    """Write plan.csv and plan.md into the folder.

    Raises:
        UserError: it cannot be written.
    """
    make_folder(out)
    write_table(out / "plan.csv", PLAN_COLUMNS, csv_rows(plan, measured))
    with replacing(out / "plan.md") as file:
        file.write("\n".join(_markdown(plan, measured, remarks)) + "\n")


def headline(plan: StreamPlan) -> str:
    """What is planned."""
    method = plan.method
    kinds = [arrival.task.data for arrival in plan.arrivals]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    return (
        f"Plan of {plan.suite}: {plural(len(kinds), 'task')} ({counts}) in {plan.order} order; {method.name} "
        f"({method.summary}) on {plan.backbone} ({plan.backbone_params:,} parameters)"
    )


def summary(plan: StreamPlan, measured: Measured | None) -> dict[str, str]:
    """What it comes to, by title."""
    latest = plan.arrivals[-1].size
    return {
        "Parameters": _parameters(plan, latest),
        "Bytes": (
            f"{latest.total_bytes / 1e9:,.2f} GB in float32 to serve all tasks; "
            f"{plan.restored_bytes / 1e9:,.2f} GB read back and hashed over all re-evaluations"
        ),
        "Training": (
            f"{number(plan.num_steps)} steps, {number(plan.num_trained_examples)} examples, "
            f"{millions(plan.num_tokens)} tokens"
        ),
        "Re-evaluation": _evaluation(plan),
        "Time": _time(plan, measured),
    }


def _parameters(plan: StreamPlan, latest: GrowthPoint) -> str:
    mean = sum(a.size.trained_fraction for a in plan.arrivals) / len(plan.arrivals)
    return (
        f"{latest.total_params:,} in all, {growth(latest.growth_factor)} the backbone; separate models "
        f"would be {growth(latest.separate_models_factor)}; each task trains {100 * mean:.2f} % of the "
        "backbone's number on average"
    )


def _evaluation(plan: StreamPlan) -> str:
    if plan.method.regime is Regime.JOINT:
        return f"{number(plan.num_reevaluated)} test examples, each task's once: there is one training"
    orders = ", ".join(f"{number(volume)} {order}" for order, volume in plan.volumes.items())
    return f"{number(plan.num_reevaluated)} test examples over all arrivals; by order: {orders}"


def _time(plan: StreamPlan, measured: Measured | None) -> str:
    if measured is None:
        return "unknown without a probe"
    time = expected_time(plan.num_tokens, plan.evaluated_tokens, measured)
    return (
        f"{_about(time.seconds)}, an estimate: {_about(time.training_seconds)} of training at "
        f"{measured.training_tokens_per_second:,.0f} tokens/s, {_about(time.evaluation_seconds)} of "
        f"evaluation (validation included) at {measured.evaluation_tokens_per_second:,.0f} tokens/s; "
        "reading, tokenising and storing come on top"
    )


def _about(seconds: float | None) -> str:
    return UNKNOWN if seconds is None else f"about {rough_duration(seconds).removeprefix('~')}"


def probe_remarks(measured: Measured | None) -> list[str]:
    """What was measured, and on what."""
    if measured is None:
        return []
    weights = "the pretrained weights" if measured.is_pretrained else "random weights of the same shape"
    lengths = measured.lengths
    remarks = [
        f"Probe of {measured.seconds:.0f} s: {plural(measured.num_steps, 'training step')} at "
        f"{lengths.training} tokens a text, {EVALUATION_BATCH * measured.num_batches:,} texts evaluated at "
        f"{lengths.evaluation}, with {weights}, on {measured.device}, {measured.dtype}, "
        f"{plural(measured.num_threads, 'thread')}."
    ]
    if measured.load is not None and measured.load > measured.num_processors:
        remarks.append(
            f"The machine did other work during the probe (load {measured.load:.1f} on "
            f"{plural(measured.num_processors, 'processor')}); when it is idle it is faster."
        )
    return remarks


def sources(plan: StreamPlan) -> list[str]:
    """Where sizes and lengths are from."""
    sizes: dict[str, list[str]] = {}
    lengths: dict[str, list[str]] = {}
    for arrival in plan.arrivals:
        sizes.setdefault(arrival.task.sizes_from, []).append(arrival.task.name)
        lengths.setdefault(arrival.task.lengths_from, []).append(arrival.task.name)
    return [f"Sizes after the caps, from {_told(sizes)}.", f"Tokens of a text, from {_told(lengths)}."]


def _told(names: Mapping[str, Sequence[str]]) -> str:
    if len(names) == 1:
        return f"{next(iter(names))} (all tasks)"
    return "; ".join(f"{source} ({_named(tasks)})" for source, tasks in names.items())


def _named(tasks: Sequence[str]) -> str:
    return ", ".join(tasks) if len(tasks) <= MAX_NAMED else f"{len(tasks)} tasks"


def _aligned(table: Table) -> list[str]:
    """Columns as wide as their widest cell: numbers to the right, words to the left."""
    rows = (table.columns, *table.rows)
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.columns))]
    return [
        "  ".join(
            cell.ljust(width) if i in table.words else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _markdown(plan: StreamPlan, measured: Measured | None, remarks: Sequence[str]) -> list[str]:
    lines = [f"# Plan: {plan.suite}", "", headline(plan) + "."]
    for table in (size_table(plan), work_table(plan, measured)):
        rules = ("---" if i in table.words else "---:" for i in range(len(table.columns)))
        lines += ["", f"## {table.title}", "", _row(table.columns), f"|{'|'.join(rules)}|"]
        lines += [_row(row) for row in table.rows]
    lines += ["", "## In all", ""]
    lines += [f"- **{title}**: {sentence}" for title, sentence in summary(plan, measured).items()]
    return [*lines, *(f"- {remark}" for remark in (*sources(plan), *probe_remarks(measured), *remarks))]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
