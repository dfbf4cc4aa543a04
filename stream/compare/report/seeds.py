"""Several seeds side by side: seeds.csv, and the same as a table for the terminal and for Markdown."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from stream.compare.seeds import SCATTER_RULE, SeedRow
from stream.reports.table import Value, write_table
from stream.results.estimates import Estimate

SEED_COLUMNS = (
    *("method", "task", "data", "metric", "num_tasks", "num_seeds", "seeds", "values", "mean"),
    *("standard_error", "best_on_validation", "scattered", "difference_to_fine_tuning"),
    *("difference_standard_error", "difference_task_error", "notes"),
)
SEED_TITLES = (
    "method",
    "task",
    "data",
    "seeds",
    "mean",
    "s.e.",
    "best on valid",
    "- fine-tuning",
    "s.e.",
    "",
)


def write_seeds(rows: Sequence[SeedRow], path: Path) -> Path:
    """Write seeds.csv. Raises UserError where the folder cannot be written."""
    return write_table(path, SEED_COLUMNS, (_csv_row(row) for row in rows))


def _csv_row(row: SeedRow) -> list[Value]:
    difference = row.difference
    return [
        *(row.label, row.task, row.data, row.metric, row.num_tasks, len(row.seeds)),
        *(" ".join(map(str, row.seeds)), " ".join(map(str, row.values)), row.estimate.mean),
        *(row.estimate.standard_error, row.best_on_validation, row.scattered),
        *((difference.mean, difference.standard_error) if difference else (None, None)),
        row.difference_task_error,
        "; ".join(_notes(row)),
    ]


def _notes(row: SeedRow) -> Iterator[str]:
    if row.scattered:
        yield f"the seeds scatter widely ({SCATTER_RULE})"
    if row.scattered is None and row.num_tasks == 1:
        yield "scattered empty: the metric is no share of examples"
    if row.difference is None:
        yield "difference empty: no fine-tuning with the same seeds and examples beside it, or this is it"


def seed_cells(row: SeedRow) -> tuple[str, ...]:
    """One row of the table as text."""
    difference = row.difference
    return (
        *(
            row.label,
            row.task,
            row.data,
            str(len(row.seeds)),
            f"{row.estimate.mean:.3f}",
            _error(row.estimate),
        ),
        "" if row.best_on_validation is None else f"{row.best_on_validation:.3f}",
        "" if difference is None else f"{difference.mean:+.3f}",
        "" if difference is None else _error(difference),
        "scattered" if row.scattered else "",
    )


def _error(estimate: Estimate) -> str:
    return "" if estimate.standard_error is None else f"{estimate.standard_error:.3f}"


def seed_notes(rows: Sequence[SeedRow]) -> Iterator[str]:
    """Sentences below the table."""
    yield (
        "mean and standard error are over seeds, on the same splits; best on valid is the test metric of the "
        "seed that validates best; differences are paired seed by seed"
    )
    yield f"scattered: {SCATTER_RULE}"
    for row in rows:
        if row.difference is not None and row.difference_task_error is not None:
            beside = f"{row.difference.mean:+.4f}, standard error {row.difference_task_error:.4f} over tasks"
            yield f"{row.label} minus fine-tuning, {row.task} ({row.data}): {beside}"


def seed_lines(rows: Sequence[SeedRow]) -> tuple[str, ...]:
    """The table for a terminal; none where nothing was run with several seeds."""
    if not rows:
        return ()
    cells = [SEED_TITLES, *(seed_cells(row) for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(SEED_TITLES))]
    lines = [
        "  ".join(
            text.ljust(width) if i < 3 else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    return ("several seeds:", *lines, *(f"- {note}" for note in seed_notes(rows)))


def seed_markdown(rows: Sequence[SeedRow]) -> tuple[str, ...]:
    """The table for Markdown."""
    if not rows:
        return ()
    cells = [SEED_TITLES, ("---",) * len(SEED_TITLES), *(seed_cells(row) for row in rows)]
    table = ["| " + " | ".join(row) + " |" for row in cells]
    return ("## Several seeds", "", *table, "", *(f"- {note}" for note in seed_notes(rows)), "")
