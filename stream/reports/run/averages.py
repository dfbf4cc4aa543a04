"""Averages and counts that the summary, the page and the terminal show.

Complete real tasks, partial copies and simulated stand-ins are never averaged together: their numbers answer
different questions. Removed tasks are left out of averages; their evaluations stay in the matrix.
"""

from dataclasses import dataclass

from db.records import Regime
from stream.results.metrics import KINDS_OF_DATA
from stream.results.run_results import RunResults, TaskResult


@dataclass(frozen=True, kw_only=True, slots=True)
class Average:
    """Mean test metric over the served tasks of one kind of data; values are fractions 0-1."""

    data: str
    """real, partial or simulated."""
    num_tasks: int
    metrics: tuple[str, ...]
    """Names of the metrics that were averaged, one in most streams."""
    value: float | None
    """After the last arrival with a full row; where there is none by design, as `when_learned`."""
    when_learned: float | None
    """Mean of R[p, p], each task right after its own arrival."""
    at_the_end: float | None
    """Mean of the tasks after the last arrival with a full row; None where there is none by design."""
    forgetting: float | None
    """F_k over the same tasks (Chaudhry et al. 2018)."""
    paper_adapters: float | None
    """Mean of the paper's figures over the same tasks; None unless all have one, and for simulated tasks."""
    paper_fine_tuning: float | None
    bayes_accuracy: float | None
    """Mean of the best accuracy any classifier can reach; known for simulated tasks."""

    @property
    def reached(self) -> float | None:
        """The average over the average that can be reached, as `reached_share`."""
        return reached_share(self.metrics, self.value, self.bayes_accuracy)


@dataclass(frozen=True, kw_only=True, slots=True)
class ForgettingSummary:
    """All defined cells of the forgetting triangle in five numbers."""

    num_cells: int
    num_not_zero: int
    average: float | None
    """F_k after the last full row, over the tasks still served."""
    largest: float | None
    largest_cell: tuple[int, int] | None
    """(after, on) of the largest forgetting."""


def reached_share(
    metrics: tuple[str, ...], value: float | None, bayes_accuracy: float | None
) -> float | None:
    """Return value / Bayes accuracy: the reached share of what is reachable, 1 for the best classifier.

    A finite test split scatters, so it may lie above 1. None where nothing was measured, where what can be
    reached is unknown, and for metrics other than accuracy, whose best value the Bayes accuracy is not.
    """
    if metrics != ("accuracy",) or value is None or bayes_accuracy is None:
        return None
    return value / bayes_accuracy


def task_reached(task: TaskResult) -> float | None:
    """Return the `reached_share` of a task's test accuracy."""
    return reached_share((task.metric,), task.test, task.bayes_accuracy)


def served_tasks(results: RunResults) -> tuple[TaskResult, ...]:
    """Return the learned tasks that were not removed, in order of arrival."""
    return tuple(task for task in results.tasks if not task.removed)


def is_each_on_its_own(results: RunResults) -> bool:
    """Return whether tasks are averaged as they were at their own arrivals, there being no full later row."""
    return results.run.regime is Regime.SEPARATE or not results.proof.coverage.is_full


def last_full_row(results: RunResults) -> int | None:
    """Return the last arrival after which every task served now has been evaluated.

    None before the first, for separate pipelines, which are never served together, and for runs that evaluate
    a share of the earlier tasks or none: a row that happens to be full would say nothing about the others.
    """
    if is_each_on_its_own(results):
        return None
    positions = [task.position for task in served_tasks(results)]
    evaluated = {(entry.after, entry.on) for entry in results.comparisons if entry.is_main}
    for after in range(len(results.matrix.rows) - 1, -1, -1):
        cells = [(after, on) in evaluated for on in positions if on <= after]
        if cells and all(cells):
            return after
    return None


def averages(results: RunResults) -> tuple[Average, ...]:
    """Return one average per kind of data that occurs, in the order real, partial, simulated.

    It is taken after the last full row; where there is none by design, over each task at its own arrival.
    """
    after = last_full_row(results)
    if is_each_on_its_own(results):
        evaluated = [task for task in served_tasks(results) if task.is_evaluated]
    elif after is not None:
        evaluated = [task for task in served_tasks(results) if task.position <= after]
    else:
        return ()
    groups = ([task for task in evaluated if task.data == data] for data in KINDS_OF_DATA)
    return tuple(_average(results, tasks, after) for tasks in groups if tasks)


def values_at_the_end(results: RunResults) -> dict[tuple[int, str], float | None]:
    """Return what each test split gives after the last full row, by position and split; none without it."""
    after = last_full_row(results)
    return {(one.on, one.split): one.value for one in results.comparisons if one.after == after}


def _average(results: RunResults, tasks: list[TaskResult], after: int | None) -> Average:
    over = frozenset(task.position for task in tasks)
    data = tasks[0].data
    # The paper's figures are about the real texts; beside a stand-in of the same name they would mislead.
    comparable = tasks if data != "simulated" else []
    when_learned = _mean([task.test for task in tasks])
    at_the_end = None if after is None else results.matrix.average_accuracy(after, over=over)
    return Average(
        data=data,
        num_tasks=len(tasks),
        metrics=tuple(sorted({task.metric for task in tasks})),
        value=when_learned if after is None else at_the_end,
        when_learned=when_learned,
        at_the_end=at_the_end,
        forgetting=None if after is None else results.matrix.average_forgetting(after, over=over),
        paper_adapters=_mean([task.paper_adapters for task in comparable]),
        paper_fine_tuning=_mean([task.paper_fine_tuning for task in comparable]),
        bayes_accuracy=_mean([task.bayes_accuracy for task in tasks]),
    )


def forgetting_summary(results: RunResults) -> ForgettingSummary:
    """Return the counts over all defined cells and the average after the last full row."""
    num_cells = num_not_zero = 0
    largest: tuple[float, int, int] | None = None
    for after, row in enumerate(results.matrix.forgetting_rows()):
        defined = [(value, after, on) for on, value in enumerate(row) if value is not None]
        num_cells += len(defined)
        num_not_zero += sum(value != 0 for value, _, _ in defined)
        largest = max([*defined, *([largest] if largest else [])], key=lambda cell: cell[0], default=None)
    positions = frozenset(task.position for task in served_tasks(results))
    return ForgettingSummary(
        num_cells=num_cells,
        num_not_zero=num_not_zero,
        average=results.matrix.average_forgetting(last_full_row(results), over=positions),
        largest=largest[0] if largest else None,
        largest_cell=(largest[1], largest[2]) if largest else None,
    )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
