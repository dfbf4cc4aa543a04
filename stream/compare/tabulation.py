"""Fills the table of methods from the results of runs: rows, averages, notes."""

import math
from collections.abc import Mapping, Sequence

from db.records import Regime
from stream.compare.differences import difference_notes, empty_notes
from stream.compare.table import AverageRow, Cell, MethodColumn, MethodTable, PaperValues, TaskRow
from stream.results.growth import GrowthPoint
from stream.results.metrics import KINDS_OF_DATA
from stream.results.run_results import RunResults, TaskResult


def method_table(runs: Sequence[RunResults]) -> MethodTable:
    """Return the runs side by side, in the order given.

    Raises ValueError without a run.
    """
    if not runs:
        raise ValueError("a table of methods needs at least one run")
    labels = run_labels(runs)
    rows = tuple(_row(key, runs) for key in _row_keys(runs))
    shared = [row for row in rows if row.is_shared]
    return MethodTable(
        columns=tuple(_column(i, label, runs[i], shared) for i, label in enumerate(labels)),
        rows=rows,
        averages=tuple(
            _average([row for row in shared if row.data == data], runs)
            for data in KINDS_OF_DATA
            if any(row.data == data for row in shared)
        ),
        notes=(*difference_notes(labels, runs), *empty_notes(labels, runs)),
    )


def run_labels(runs: Sequence[RunResults]) -> tuple[str, ...]:
    """Return the method of each run, with the run's name behind it where two runs share a method."""
    methods = [results.run.method for results in runs]
    return tuple(
        method if methods.count(method) == 1 else f"{method} ({results.run.name})"
        for method, results in zip(methods, runs, strict=True)
    )


def _row_keys(runs: Sequence[RunResults]) -> list[tuple[str, str]]:
    """(task, data) of every row; a task that is real in one run and simulated in another has two."""
    served = [task for results in runs for task in results.tasks if not task.removed]
    names = list(dict.fromkeys(task.name for task in served))
    kinds = {(task.name, task.data) for task in served}
    return [(name, data) for name in names for data in KINDS_OF_DATA if (name, data) in kinds]


def _row(key: tuple[str, str], runs: Sequence[RunResults]) -> TaskRow:
    name, data = key
    tasks = [
        next((t for t in results.tasks if (t.name, t.data) == key and not t.removed), None)
        for results in runs
    ]
    known = [task for task in tasks if task is not None]
    return TaskRow(
        task=name,
        data=data,
        metric=known[0].metric,
        paper=_paper_values(known) if data != "simulated" else PaperValues(),
        bayes_accuracy=next((t.bayes_accuracy for t in known if t.bayes_accuracy is not None), None),
        cells=tuple(
            None if task is None else _cell(results, task) for results, task in zip(runs, tasks, strict=True)
        ),
    )


def _paper_values(tasks: Sequence[TaskResult]) -> PaperValues:
    """The paper's figures, of which an older run may have recorded only some."""

    def first(values: Sequence[float | None]) -> float | None:
        return next((value for value in values if value is not None), None)

    return PaperValues(
        no_bert=first([task.paper_no_bert for task in tasks]),
        fine_tuning=first([task.paper_fine_tuning for task in tasks]),
        variable_fine_tuning=first([task.paper_variable_fine_tuning for task in tasks]),
        adapters=first([task.paper_adapters for task in tasks]),
    )


def _cell(results: RunResults, task: TaskResult) -> Cell:
    value = results.final_values.get(task.position)
    point = _points(results).get(task.position)
    return Cell(
        value=value,
        standard_error=_standard_error(value, task),
        value_when_learned=task.test,
        forgetting=results.matrix.forgetting(len(results.matrix.rows) - 1, task.position),
        trained_fraction=point.trained_fraction if point else None,
        task=task,
    )


def _points(results: RunResults) -> Mapping[int, GrowthPoint]:
    """Sizes by position; without a backbone there is nothing they would be a multiple of."""
    if results.run.regime is Regime.SEPARATE:
        return {}
    return {point.position: point for point in results.growth.points}


def _standard_error(value: float | None, task: TaskResult) -> float | None:
    if value is None or task.metric != "accuracy":
        return None
    return math.sqrt(value * (1 - value) / task.num_test)


def _column(index: int, label: str, results: RunResults, shared: Sequence[TaskRow]) -> MethodColumn:
    cells = [cell for row in shared if (cell := row.cells[index]) is not None]
    seconds = [cell.task.seconds for cell in cells]
    latest = results.growth.latest
    has_backbone = results.run.regime is not Regime.SEPARATE
    return MethodColumn(
        label=label,
        results=results,
        total_factor=latest.growth_factor if latest and has_backbone else None,
        trained_fraction=mean([cell.trained_fraction for cell in cells]),
        seconds=sum(s for s in seconds if s is not None) if seconds and None not in seconds else None,
    )


def _average(rows: Sequence[TaskRow], runs: Sequence[RunResults]) -> AverageRow:
    by_run = [[cell for row in rows if (cell := row.cells[index])] for index in range(len(runs))]
    paper = [mean(values) for values in zip(*(row.paper.in_order for row in rows), strict=True)]
    return AverageRow(
        data=rows[0].data,
        tasks=tuple(row.task for row in rows),
        metrics=tuple(sorted({row.metric for row in rows})),
        paper=PaperValues(
            no_bert=paper[0], fine_tuning=paper[1], variable_fine_tuning=paper[2], adapters=paper[3]
        ),
        bayes_accuracy=mean([row.bayes_accuracy for row in rows]),
        values=tuple(mean([cell.value for cell in cells]) for cells in by_run),
        standard_errors=tuple(_error_of_mean([cell.standard_error for cell in cells]) for cells in by_run),
        forgetting=tuple(
            results.matrix.average_forgetting(over={cell.task.position for cell in cells})
            for results, cells in zip(runs, by_run, strict=True)
        ),
    )


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean, or None as soon as one value is unknown, and without values."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _error_of_mean(errors: Sequence[float | None]) -> float | None:
    squares = mean([None if error is None else error * error for error in errors])
    return None if squares is None else math.sqrt(squares / len(errors))
