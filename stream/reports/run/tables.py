"""The five CSV files: fractions 0-1, true and false, and an empty cell with a note where nothing is known.

Rows are generated one by one, so half a million comparisons need no memory beyond their records. Numbers are
written so that reading them back gives the same float.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from db.records import Regime
from stream.reports.run.averages import task_reached
from stream.reports.run.progress import COLUMNS as METRIC_COLUMNS
from stream.reports.run.progress import metric_rows
from stream.reports.table import Value, write_table
from stream.results.comparisons import Comparison
from stream.results.growth import GrowthPoint
from stream.results.metrics import WHY_NO_FORGETTING, why_undefined
from stream.results.run_results import RunResults, TaskResult
from stream.results.trials import chosen_labels

FORGETTING_COLUMNS = (
    *("after", "after_task", "on", "on_task", "split", "metric", "value", "value_when_learned"),
    *("forgetting", "changed_predictions", "digest_equal", "num_examples", "secondary", "data", "notes"),
)
SIZE_COLUMNS = (
    *("position", "task", "task_params", "adapter_params", "layer_norm_params", "head_params"),
    *("other_params", "task_bytes", "total_params", "total_bytes", "growth_factor"),
    *("separate_models_factor", "trained_fraction", "notes"),
)
TASK_COLUMNS = (
    *("position", "task", "data", "num_train", "num_valid", "num_test", "num_labels"),
    *("truncated_fraction", "metric", "test", "secondary", "further_tests", "valid", "best_epoch", "seconds"),
    *("chosen", "paper_adapters", "paper_fine_tuning", "notes"),
)


def write_tables(results: RunResults, out: Path) -> tuple[Path, ...]:
    """Write the five CSV files into the folder and return their paths. Raises UserError where it cannot."""
    matrix_columns = ("after", "after_task", *results.matrix.names)
    return (
        write_table(out / "forgetting.csv", FORGETTING_COLUMNS, forgetting_rows(results)),
        write_table(out / "accuracy_matrix.csv", matrix_columns, matrix_rows(results)),
        write_table(out / "size.csv", SIZE_COLUMNS, size_rows(results)),
        write_table(out / "tasks.csv", TASK_COLUMNS, task_rows(results)),
        write_table(out / "metrics.csv", METRIC_COLUMNS, metric_rows(results)),
    )


def forgetting_rows(results: RunResults) -> Iterator[list[Value]]:
    """Yield one row per comparison: ordered by (after, on), the main split of a task before its others."""
    further = _FurtherPeaks()
    by_position = {task.position: task for task in results.tasks}
    rows = enumerate(results.matrix.forgetting_rows())
    current, forgetting = next(rows, (0, ()))
    for entry in results.comparisons:
        while current < entry.after:
            current, forgetting = next(rows)
        value = forgetting[entry.on] if entry.is_main else further.forgetting(entry)
        yield _forgetting_row(results, entry, value, by_position[entry.on])


class _FurtherPeaks:
    """Forgetting of further test splits, which have no matrix: the best value so far of each."""

    def __init__(self) -> None:
        self._peaks: dict[tuple[int, str], float | None] = {}

    def forgetting(self, entry: Comparison) -> float | None:
        """That of the next comparison; undefined at a split's first one and after an undefined value."""
        key, value = (entry.on, entry.split), entry.value
        if key not in self._peaks:
            self._peaks[key] = value
            return None
        peak = self._peaks[key]
        known = peak is not None and value is not None
        self._peaks[key] = max(peak, value) if peak is not None and value is not None else None
        return peak - value if known and peak is not None and value is not None else None


def _forgetting_row(
    results: RunResults, entry: Comparison, forgetting: float | None, task: TaskResult
) -> list[Value]:
    notes = [*_forgetting_notes(results, entry, forgetting), *task.notes]
    return [
        *(entry.after, results.run.task_names[entry.after], entry.on, task.name, entry.split, entry.metric),
        *(entry.value, entry.value_when_learned, forgetting, entry.changed_predictions),
        *(entry.digest_equal, entry.num_examples, named_values(entry.secondary), task.data, "; ".join(notes)),
    ]


def _forgetting_notes(results: RunResults, entry: Comparison, forgetting: float | None) -> Iterator[str]:
    regime, coverage = results.run.regime, results.proof.coverage
    if not coverage.is_full:
        yield f"re-evaluation: {coverage.text}"
    if regime is not Regime.STREAM:
        yield f"forgetting {WHY_NO_FORGETTING[regime]}"
    elif entry.after == entry.on:
        yield "forgetting undefined: the task has just arrived"
    elif forgetting is None and not coverage.is_full:
        yield "forgetting undefined: the task was not evaluated after every arrival"
    elif forgetting is None:
        yield "forgetting undefined: an evaluation is missing or undefined"
    if entry.value is None:
        yield f"value {why_undefined(entry.metric)}"
    if entry.digest_equal is None:
        yield "digests not comparable: made under another evaluation plan"


def matrix_rows(results: RunResults) -> Iterator[list[Value]]:
    """Yield R[after, :] per arrival; cells above the diagonal are empty."""
    names = results.matrix.names
    for after, row in enumerate(results.matrix.rows):
        yield [after, names[after], *row, *([None] * (len(names) - len(row)))]


def size_rows(results: RunResults) -> Iterator[list[Value]]:
    """Yield one row per learned task; a removed one stores nothing any more and says so."""
    points = {point.position: point for point in results.growth.points}
    for task in results.tasks:
        point = points.get(task.position)
        if point is None:
            note = "removed: nothing of it is stored" if task.removed else "no parameters stored"
            yield [task.position, task.name, *([None] * (len(SIZE_COLUMNS) - 3)), note]
        else:
            yield _size_row(point)


def _size_row(point: GrowthPoint) -> list[Value]:
    counts = point.counts
    return [
        *(point.position, point.task, counts.total, counts.adapter, counts.layer_norm, counts.head),
        *(counts.other, point.task_bytes, point.total_params, point.total_bytes, point.growth_factor),
        *(point.separate_models_factor, point.trained_fraction, None),
    ]


def task_rows(results: RunResults) -> Iterator[list[Value]]:
    """Yield one row per learned task."""
    chosen = chosen_labels(results.trials, results.chosen)
    for task in results.tasks:
        yield [
            *(task.position, task.name, task.data, task.num_train, task.num_valid, task.num_test),
            *(task.num_classes or None, task.truncated_fraction, task.metric, task.test),
            *(named_values(task.secondary), named_values(task.further_tests), task.valid),
            *(task.best_epoch, task.seconds, chosen.get(task.position)),
            *(task.paper_adapters, task.paper_fine_tuning),
            "; ".join([*_bayes_note(task), *_published_note(task), *task_notes(task)]),
        ]


def named_values(values: Mapping[str, float | None]) -> str | None:
    """Return "f1=0.81; accuracy=0.75", an undefined value with nothing behind the sign; None without any."""
    parts = [f"{name}={'' if value is None else value}" for name, value in values.items()]
    return "; ".join(parts) or None


def _published_note(task: TaskResult) -> Iterator[str]:
    """Figures of others, with what they are of; none beside a stand-in."""
    if task.published and task.data != "simulated":
        figures = "; ".join(
            f"{split}: {', '.join(f'{method} = {value}' for method, value in of.items())}"
            for split, of in task.published["splits"].items()
        )
        yield f"published elsewhere, not comparable ({task.published['about']}): {figures}"


def _bayes_note(task: TaskResult) -> Iterator[str]:
    if task.bayes_accuracy is not None:
        yield f"best accuracy any classifier can reach: {task.bayes_accuracy:.3f}"
    if (reached := task_reached(task)) is not None:
        yield f"reached share of it: {reached:.3f}"


def grouped_notes(results: RunResults) -> Iterator[tuple[str, str]]:
    """Yield each note on tasks once, with the tasks it is about (`all tasks` where it is about each)."""
    about: dict[str, list[str]] = {}
    for task in results.tasks:
        for note in task_notes(task):
            about.setdefault(note, []).append(task.name)
    for note, names in about.items():
        everywhere = len(names) == len(results.tasks) > 1
        yield "all tasks" if everywhere else ", ".join(names), note


def task_notes(task: TaskResult) -> Iterator[str]:
    """Yield the notes of a task: why a value is empty, then what is known about its data."""
    if task.removed:
        yield "removed from the stream"
    if task.test is None:
        yield f"test empty: {why_undefined(task.metric) if task.is_evaluated else 'not evaluated yet'}"
    if task.valid is None and not task.removed:
        yield f"valid empty: {'not learned yet' if task.best_epoch is None else why_undefined(task.metric)}"
    if not task.num_classes:
        yield "num_labels empty: there are no classes"
    if (task.paper_adapters is None or task.paper_fine_tuning is None) and not task.published:
        yield "the paper has no figure for this task"
    yield from task.notes
