"""A plan as plain text of at most 100 columns, and as files: plan.csv and plan.md."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from db.records import Regime
from stream.engine.scheduler import order_text
from stream.plan.probe import Measured, PlanReport
from stream.plan.tables import (
    MANY_SECONDS,
    PLAN_COLUMNS,
    UNKNOWN,
    csv_rows,
    growth,
    methods_table,
    millions,
    number,
    size_table,
    work_table,
)
from stream.plan.work import StreamPlan
from stream.reports.files import make_folder, replacing
from stream.reports.table import aligned, markdown_table, write_table
from stream.words import plural, rough_duration

WIDTH = 100
MAX_NAMED = 3
"""Tasks named one by one where a sentence is about some of them."""


def plain_text(reports: Sequence[PlanReport]) -> list[str]:
    """Lines for the terminal: one plan after the other, and several methods side by side."""
    lines: list[str] = []
    for report in reports:
        lines += ["", *_plan_lines(report)]
    if len(reports) > 1:
        table = methods_table(reports)
        lines += ["", table.title, *aligned(table)]
    return lines[1:]


def _plan_lines(report: PlanReport) -> list[str]:
    lines = textwrap.wrap(headline(report.plan), WIDTH, break_on_hyphens=False)
    for table in (size_table(report.plan), work_table(report)):
        lines += ["", table.title, *aligned(table)]
    lines.append("")
    for title, sentence in summary(report).items():
        lines += textwrap.wrap(f"{title}: {sentence}", WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    for remark in all_remarks(report):
        lines += textwrap.wrap(f"- {remark}", WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    return lines


def write_plans(reports: Sequence[PlanReport], out: Path) -> None:
    """Write plan.csv and plan.md into the folder.

    Raises:
        UserError: it cannot be written.
    """
    make_folder(out)
    write_table(out / "plan.csv", PLAN_COLUMNS, [row for report in reports for row in csv_rows(report)])
    with replacing(out / "plan.md") as file:
        file.write("\n".join(_markdown(reports)) + "\n")


def headline(plan: StreamPlan) -> str:
    """What is planned."""
    method = plan.method
    kinds = [arrival.task.data for arrival in plan.arrivals]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    return (
        f"Plan of {plan.suite}: {plural(len(kinds), 'task')} ({counts}) in {order_text(plan.order)} order; "
        f"{method.name} "
        f"({method.summary}) on {plan.backbone} ({plan.backbone_params:,} parameters)"
    )


def summary(report: PlanReport) -> dict[str, str]:
    """What it comes to, by title."""
    plan = report.plan
    return {
        "Parameters": (
            f"{plan.latest.total_params:,} in all, {growth(plan.latest.growth_factor)} the backbone; "
            f"separate models would be {growth(plan.latest.separate_models_factor)}{_per_test(plan)}; "
            f"each task trains {100 * plan.mean_trained_fraction:.2f} % of the backbone's number on average"
        ),
        "Bytes": (
            f"{plan.latest.total_bytes / 1e9:,.2f} GB in float32 to serve all tasks; "
            f"{plan.restored_bytes / 1e9:,.2f} GB read back and hashed over all re-evaluations"
        ),
        "Training": (
            f"{number(plan.num_steps)} steps, {number(plan.num_trained_examples)} examples, "
            f"{millions(plan.num_tokens)} tokens"
        ),
        "Re-evaluation": _evaluation(plan),
        "Time": _time(report),
    }


def _per_test(plan: StreamPlan) -> str:
    """The same counted per test split, where tasks have several."""
    if plan.num_tests == len(plan.arrivals):
        return ""
    counted = plan.per_test
    return (
        f" ({growth(counted.growth_factor)} against {growth(counted.separate_models_factor)} if each of the "
        f"{plan.num_tests} test splits counts as a task, as the paper counts MNLI twice)"
    )


def _evaluation(plan: StreamPlan) -> str:
    if plan.method.regime is Regime.JOINT:
        return f"{number(plan.num_reevaluated)} test examples, each task's once: there is one training"
    orders = ", ".join(f"{number(volume)} {order_text(order)}" for order, volume in plan.volumes.items())
    return f"{number(plan.num_reevaluated)} test examples over all arrivals; by order: {orders}"


def _time(report: PlanReport) -> str:
    time, measured = report.time, report.measured
    if time is None or measured is None:
        return "unknown without a probe"
    return (
        f"{_about(time.seconds)}, an estimate: {_about(time.training_seconds)} of training at "
        f"{measured.training_tokens_per_second:,.0f} tokens/s, {_about(time.evaluation_seconds)} of "
        f"evaluation (validation included) at {measured.evaluation_tokens_per_second:,.0f} tokens/s; "
        "reading, tokenising and storing come on top"
    )


def _about(seconds: float | None) -> str:
    if seconds is None:
        return UNKNOWN
    if seconds >= MANY_SECONDS:
        return f"about {seconds / 86400:,.0f} days"
    return f"about {rough_duration(seconds).removeprefix('~')}"


def all_remarks(report: PlanReport) -> list[str]:
    """Where the numbers are from, and what else there is to know."""
    return [*sources(report.plan), *probe_remarks(report.measured), *report.remarks]


def probe_remarks(measured: Measured | None) -> list[str]:
    """What was measured, and on what."""
    if measured is None:
        return []
    weights = "the pretrained weights" if measured.is_pretrained else "random weights of the same shape"
    lengths = measured.lengths
    remarks = [
        f"Probe of {measured.seconds:.0f} s: {plural(measured.num_steps, 'training step')} at "
        f"{lengths.training} tokens a text, {measured.num_texts:,} texts evaluated at "
        f"{lengths.evaluation}, with {weights}, on {measured.device}, {measured.dtype}, "
        f"{plural(measured.num_threads, 'thread')}."
    ]
    if measured.device.startswith("cuda"):
        remarks.append(
            "On a GPU the first steps of each text length take longer than the others; the probe leaves them "
            "out, so short trainings take longer than estimated."
        )
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


def _markdown(reports: Sequence[PlanReport]) -> list[str]:
    lines = [f"# Plan: {reports[0].plan.suite}"]
    for report in reports:
        lines += ["", f"## {report.label}", "", headline(report.plan) + "."]
        for table in (size_table(report.plan), work_table(report)):
            lines += ["", f"### {table.title}", "", *markdown_table(table)]
        lines += ["", "### In all", ""]
        lines += [f"- **{title}**: {sentence}" for title, sentence in summary(report).items()]
        lines += [f"- {remark}" for remark in all_remarks(report)]
    if len(reports) > 1:
        table = methods_table(reports)
        lines += ["", f"## {table.title}", "", *markdown_table(table)]
    return lines
