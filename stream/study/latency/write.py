"""The latencies of adapters as CSV, Markdown and figures."""

from collections.abc import Iterator
from pathlib import Path

from stream.reports.files import make_folder, replace_bytes
from stream.reports.render import as_png, as_svg_file
from stream.reports.table import Value, table_lines, write_table
from stream.study.latency.figure import latency_figure
from stream.study.latency.text import PUBLISHED, panel_tables, setting_text
from stream.study.latency.values import LatencyStudy

COLUMNS = (
    *("backbone", "method", "adapter_size", "batch_size", "length", "overhead", "overhead_low"),
    *("overhead_high", "milliseconds", "milliseconds_low", "milliseconds_high", "bare_milliseconds"),
    *("bare_milliseconds_low", "bare_milliseconds_high", "num_pairs", "num_passes", "device", "dtype"),
    *("num_threads", "clock", "notes"),
)


def write_latency_reports(study: LatencyStudy, out: Path) -> tuple[Path, ...]:
    """Write latency.csv, latency.md and the heat maps as PNG and SVG; return their paths.

    Raises:
        UserError: the folder cannot be made or written.
    """
    make_folder(out)
    table, document, picture, drawing = (out / f"latency.{ending}" for ending in ("csv", "md", "png", "svg"))
    write_table(table, COLUMNS, latency_rows(study))
    replace_bytes(document, latency_markdown(study).encode())
    replace_bytes(picture, as_png(latency_figure, study))
    replace_bytes(drawing, as_svg_file(latency_figure, study))
    return table, document, picture, drawing


def latency_rows(study: LatencyStudy) -> Iterator[list[Value]]:
    """Yield one row per method, size, batch and length; `low` and `high` are quartiles over the pairs."""
    for one in study.latencies:
        overhead, other, bare = one.overhead, one.milliseconds, one.bare_milliseconds
        note = "adapter_size empty: LoRA is merged into the weights" if one.adapter_size is None else None
        yield [
            *(study.backbone, one.method, one.adapter_size, one.batch_size, one.length),
            *(overhead.median, overhead.low, overhead.high),
            *(other.median, other.low, other.high, bare.median, bare.low, bare.high),
            *(len(one.seconds), one.num_passes, study.device, study.dtype, study.num_threads),
            *(study.clock, note),
        ]


def latency_markdown(study: LatencyStudy) -> str:
    """Return latency.md: what was measured, a table a method and size, and what was published."""
    head = ["batch size", *(f"length {length}" for length in study.lengths)]
    lines = [
        f"# Latency of adapters: {study.backbone}",
        "",
        f"{setting_text(study)}. Full batches without padding; time of a forward pass with adapters and head "
        "over that of the bare backbone with the same head, measured in turn. Median of the pairs, quartiles "
        "in brackets.",
        "",
    ]
    for name, rows in panel_tables(study):
        lines += [f"**{name}**", "", *table_lines(head, rows), ""]
    return "\n".join([*lines, f"Published: {PUBLISHED}", "", "![overhead](latency.png)", ""])
