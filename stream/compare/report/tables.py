"""The two CSV files of a comparison: one row per task and run, and the table as it is printed."""

from collections.abc import Iterator
from pathlib import Path

from stream.compare.report.layout import PAPER_KEYS, Grid
from stream.compare.table import Cell, MethodColumn, MethodTable, TaskRow, best_of
from stream.reports.run.tables import task_notes
from stream.reports.table import Value, write_table

COLUMNS = (
    *("task", "data", "run", "method", "regime", "backbone", "seed", "metric", "value", "standard_error"),
    *("best", "value_when_learned", "forgetting", "trained_fraction", "task_params", "num_train"),
    *("num_test", "seconds", *PAPER_KEYS, "bayes_accuracy", "fingerprint", "notes"),
)


def write_long(table: MethodTable, path: Path) -> Path:
    """Write one row per task and run. Raises UserError where the folder cannot be written."""
    return write_table(path, COLUMNS, long_rows(table))


def write_wide(grid: Grid, path: Path) -> Path:
    """Write the table as printed, with unrounded numbers. Raises UserError as `write_long` does."""
    columns = ("row", "data", *(column.key for column in grid.columns))
    return write_table(path, columns, wide_rows(grid))


def long_rows(table: MethodTable) -> Iterator[list[Value]]:
    """Yield a row for every cell that is not missing, ordered by task and run."""
    for row in table.rows:
        best = best_of(row.values)
        for index, (column, cell) in enumerate(zip(table.columns, row.cells, strict=True)):
            if cell is not None:
                yield _long_row(row, column, cell, is_best=index in best)


def _long_row(row: TaskRow, column: MethodColumn, cell: Cell, *, is_best: bool) -> list[Value]:
    run, task = column.results.run, cell.task
    return [
        *(row.task, row.data, run.name, run.method, run.regime.value, run.backbone),
        *(run.configuration.get("seed"), row.metric, cell.value, cell.standard_error, is_best),
        *(cell.value_when_learned, cell.forgetting, cell.trained_fraction),
        *(task.counts.total if task.counts else None, task.num_train, task.num_test, task.seconds),
        *(*row.paper.in_order, row.bayes_accuracy, task.fingerprint, "; ".join(_notes(row, cell))),
    ]


def _notes(row: TaskRow, cell: Cell) -> Iterator[str]:
    if cell.forgetting is None:
        yield "forgetting empty: undefined for the last arrival and outside a stream"
    if cell.standard_error is None and cell.value is not None:
        yield "standard_error empty: the metric is no share of examples"
    if row.data == "simulated":
        yield "paper columns empty: its figures are about the real texts"
    yield from task_notes(cell.task)


def wide_rows(grid: Grid) -> Iterator[list[Value]]:
    """Yield the rows of the printed table: tasks, averages, facts of whole runs."""
    for row in grid.rows:
        yield [row.title, row.data or None, *(cell.value for cell in row.cells)]
