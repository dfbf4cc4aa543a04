"""The ablations of a run as CSV, Markdown and figures."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain, count
from pathlib import Path

from db.records import RunRecord
from stream.reports.files import make_folder, replace_bytes
from stream.reports.render import as_png, as_svg_file
from stream.reports.table import Value, table_lines, write_table
from stream.results.metrics import why_undefined
from stream.study.ablation.figure import ablation_figure
from stream.study.ablation.text import PAPER, WHAT_STAYS, majority_change
from stream.study.ablation.values import Ablation
from stream.words import number, signed_percent

MAX_LENGTH = 80
"""Letters of a name that are kept; file systems allow 255 bytes."""
COLUMNS = (
    *("task", "data", "metric", "first_layer", "last_layer", "value", "relative_change"),
    *("value_without_removal", "majority_class", "num_examples", "notes"),
)


def write_ablation_reports(run: RunRecord, ablations: Sequence[Ablation], out: Path) -> tuple[Path, ...]:
    """Write ablation.csv, ablation.md and a heat map a task as PNG and SVG; return their paths.

    Raises:
        UserError: the folder cannot be made or written.
    """
    make_folder(out)
    table, document = out / "ablation.csv", out / "ablation.md"
    write_table(table, COLUMNS, ablation_rows(ablations))
    replace_bytes(document, ablation_markdown(run, ablations).encode())
    paths = [table, document]
    for ablation, name in zip(ablations, figure_names(ablations), strict=True):
        for ending, content in (
            ("png", as_png(ablation_figure, ablation)),
            ("svg", as_svg_file(ablation_figure, ablation)),
        ):
            paths.append(out / f"{name}.{ending}")
            replace_bytes(paths[-1], content)
    return tuple(paths)


def figure_names(ablations: Sequence[Ablation]) -> tuple[str, ...]:
    """File stems of the heat maps."""
    return file_names("ablation", [ablation.task for ablation in ablations])


def ablation_rows(ablations: Sequence[Ablation]) -> Iterator[list[Value]]:
    """Yield one row per task and span."""
    for ablation in ablations:
        for (first, last), value in ablation.values.items():
            yield [
                *(ablation.task, ablation.data, ablation.metric, first, last, value),
                *(ablation.change((first, last)), ablation.value, ablation.majority_class),
                *(ablation.num_examples, "; ".join(_notes(ablation, value))),
            ]


def _notes(ablation: Ablation, value: float | None) -> Iterator[str]:
    if value is None:
        yield f"value {why_undefined(ablation.metric)}"
    if ablation.value is None:
        yield "value_without_removal empty: not measured yet or undefined"
    elif ablation.majority_class is None:
        yield "majority_class empty: there are no classes"
    if ablation.value == 0:
        yield "relative_change undefined: the value without removal is 0"
    if len(ablation.plans) > 1:
        yield "measured under several evaluation plans (device, threads, versions)"


def ablation_markdown(run: RunRecord, ablations: Sequence[Ablation]) -> str:
    """Return ablation.md: what was done, a table of tasks, the single layers, and what the paper says."""
    lines = [
        f"# Ablation of {run.name}: {run.method} on {run.backbone}",
        "",
        WHAT_STAYS,
        "",
        *_table(ablations),
        "",
        "Relative change without the adapters of a single layer:",
        "",
        *_single_layers(ablations),
        "",
        f"For comparison: {PAPER}",
        "",
        *(f"![{a.task}]({name}.png)" for a, name in zip(ablations, figure_names(ablations), strict=True)),
        "",
    ]
    return "\n".join(lines)


def _table(ablations: Sequence[Ablation]) -> Iterator[str]:
    titles = (
        "task",
        "data",
        "examples",
        "metric",
        "all adapters",
        "costliest layer",
        "none",
        "majority class",
    )
    return table_lines(titles, map(_table_row, ablations))


def _table_row(a: Ablation) -> tuple[str, ...]:
    costliest = a.costliest_layer
    return (
        *(a.task, a.data, f"{a.num_examples:,}", a.metric, number(a.value)),
        "-" if costliest is None else f"{costliest[0]} ({signed_percent(costliest[1])})",
        _relative(a.values.get(a.whole), a.change(a.whole)),
        _relative(a.majority_class, majority_change(a)),
    )


def _relative(value: float | None, change: float | None) -> str:
    return number(value) if change is None else f"{number(value)} ({signed_percent(change)})"


def _single_layers(ablations: Sequence[Ablation]) -> Iterator[str]:
    layers = sorted({layer for ablation in ablations for layer in ablation.layers})

    def row(ablation: Ablation) -> list[str]:
        found = [ablation.change((layer, layer)) for layer in layers]
        return [ablation.task, *("-" if change is None else signed_percent(change) for change in found)]

    return table_lines(["task", *map(str, layers)], map(row, ablations))


def file_names(prefix: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return a different file stem for each name, such as `ablation-sms-spam`; equal ones get numbers."""
    stems: list[str] = []
    for name in names:
        plain = re.sub(r"[^\w.]+", "-", name)[:MAX_LENGTH]
        numbered = (f"{prefix}-{plain}-{number}" for number in count(2))
        candidates = chain([f"{prefix}-{plain}"], numbered)
        stems.append(next(stem for stem in candidates if stem not in stems))
    return tuple(stems)
