"""Several seeds of one configuration: means with standard errors, paired differences to fine-tuning.

Runs belong together where nothing but the seed differs; their splits are the same, so two methods are
compared seed by seed on the same examples. The standard error is over seeds: sd / sqrt(k), sd with k - 1.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from stream.results.estimates import Estimate, estimate
from stream.results.metrics import KINDS_OF_DATA
from stream.results.run_results import RunResults, TaskResult

REFERENCE = "fine-tune"
"""The method that differences are taken to."""
SCATTER = 2.0
"""A task's seeds scatter widely where their standard deviation exceeds so many binomial standard errors of
its test split. Among the paper's adapters (Table 2, taking five seeds) that is SMS spam alone: 95.1 with an
error of the mean of 2.2, where one evaluation on 558 examples has a standard error of 0.9."""
SCATTER_RULE = (
    f"flagged where the seeds' standard deviation exceeds {SCATTER:g} standard errors of the test split"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedRow:
    """One task, or an average over tasks, under the seeds of one configuration; values are fractions 0-1."""

    label: str
    task: str
    data: str
    metric: str
    num_tasks: int
    """1, or how many an average is over."""
    seeds: tuple[int, ...]
    values: tuple[float, ...]
    """Test metric per seed."""
    estimate: Estimate
    best_on_validation: float | None
    """Test metric of the seed with the best validation metric, as the paper reports GLUE; for an average the
    mean of these over its tasks."""
    scattered: bool | None
    """Whether the seeds scatter widely (`SCATTER`); None where the metric is no share of examples."""
    difference: Estimate | None
    """To fine-tuning, paired over the seeds that both have; None without it."""
    difference_task_error: float | None = None
    """Of an average: standard error of the difference over its tasks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedGroup:
    """Runs that differ in nothing but their seed."""

    label: str
    runs: Mapping[int, RunResults]
    """By seed."""


def seed_rows(runs: Sequence[RunResults]) -> tuple[SeedRow, ...]:
    """Rows of every configuration that was run with several seeds: its tasks, then its averages."""
    groups = seed_groups(runs)
    references = [group for group in groups if group.label.partition(" ")[0] == REFERENCE]
    return tuple(row for group in groups for row in _rows(group, references))


def seed_groups(runs: Sequence[RunResults]) -> tuple[SeedGroup, ...]:
    """The configurations that were run with two seeds or more, in order of their first runs."""
    found: dict[str, dict[int, RunResults]] = {}
    for results in runs:
        settings = {k: v for k, v in results.run.configuration.items() if k not in ("seed", "choices_from")}
        key = json.dumps(
            [results.run.method, results.run.backbone_sha256, settings], sort_keys=True, default=str
        )
        found.setdefault(key, {}).setdefault(int(results.run.configuration.get("seed", 0)), results)
    several = [dict(sorted(group.items())) for group in found.values() if len(group) > 1]
    methods = [next(iter(group.values())).run.method for group in several]
    return tuple(
        SeedGroup(label=_label(method, methods, group), runs=group)
        for method, group in zip(methods, several, strict=True)
    )


def _label(method: str, methods: Sequence[str], group: Mapping[int, RunResults]) -> str:
    return method if methods.count(method) == 1 else f"{method} ({next(iter(group.values())).run.name} ...)"


def _rows(group: SeedGroup, references: Sequence[SeedGroup]) -> Iterator[SeedRow]:
    rows = [row for tasks in _shared_tasks(group) if (row := _task_row(group, tasks, references)) is not None]
    yield from rows
    for data in KINDS_OF_DATA:
        chosen = [row for row in rows if row.data == data]
        if chosen:
            yield _average(group, chosen, data, references)


def _shared_tasks(group: SeedGroup) -> Iterator[dict[int, TaskResult]]:
    """Each task that all seeds learned from the same examples, by seed."""
    first, *others = group.runs
    for task in group.runs[first].tasks:
        same = {first: task}
        for seed in others:
            match = _same_task(task, group.runs[seed])
            if match is not None:
                same[seed] = match
        if len(same) == len(group.runs) and not any(one.removed for one in same.values()):
            yield same


def _same_task(task: TaskResult, results: RunResults) -> TaskResult | None:
    return next(
        (
            t
            for t in results.tasks
            if (t.name, t.fingerprint) == (task.name, task.fingerprint) and not t.removed
        ),
        None,
    )


def _task_row(
    group: SeedGroup, tasks: Mapping[int, TaskResult], references: Sequence[SeedGroup]
) -> SeedRow | None:
    values = {seed: group.runs[seed].final_values.get(task.position) for seed, task in tasks.items()}
    known = {seed: value for seed, value in values.items() if value is not None}
    if len(known) < len(values):
        return None
    task = next(iter(tasks.values()))
    differences = _differences(group, task, known, references)
    valid = {seed: one.valid for seed, one in tasks.items() if one.valid is not None}
    best = max(valid, key=lambda seed: (valid[seed], -seed)) if len(valid) == len(tasks) else None
    return SeedRow(
        label=group.label,
        task=task.name,
        data=task.data,
        metric=task.metric,
        num_tasks=1,
        seeds=tuple(known),
        values=tuple(known.values()),
        estimate=estimate(list(known.values())),
        best_on_validation=None if best is None else known[best],
        scattered=scatters_widely(list(known.values()), task.num_test) if task.metric == "accuracy" else None,
        difference=estimate(list(differences.values())) if differences else None,
    )


def _differences(
    group: SeedGroup, task: TaskResult, values: Mapping[int, float], references: Sequence[SeedGroup]
) -> dict[int, float]:
    """Value minus fine-tuning's by seed, for seeds and examples that both have; empty for fine-tuning."""
    if group in references:
        return {}
    for reference in references:
        beside = {
            seed: other
            for seed, results in reference.runs.items()
            if (match := _same_task(task, results)) is not None
            and (other := results.final_values.get(match.position)) is not None
        }
        common = {seed: value - beside[seed] for seed, value in values.items() if seed in beside}
        if common:
            return common
    return {}


def _average(
    group: SeedGroup, rows: Sequence[SeedRow], data: str, references: Sequence[SeedGroup]
) -> SeedRow:
    """Mean over tasks, seed by seed; its error is over seeds, of the difference also over tasks."""
    seeds = rows[0].seeds
    values = [fmean(row.values[i] for row in rows) for i in range(len(seeds))]
    tasks = {row.task: row for row in rows}
    by_task = []
    for results_task in next(iter(group.runs.values())).tasks:
        row = tasks.get(results_task.name)
        if row is not None:
            known = dict(zip(row.seeds, row.values, strict=True))
            by_task.append(_differences(group, results_task, known, references))
    common = set.intersection(*(set(one) for one in by_task)) if by_task else set()
    paired = [fmean(one[seed] for one in by_task) for seed in sorted(common)]
    means = [fmean(one[seed] for seed in common) for one in by_task] if common else []
    best = [row.best_on_validation for row in rows if row.best_on_validation is not None]
    return SeedRow(
        label=group.label,
        task=f"average of {len(rows)}",
        data=data,
        metric=" and ".join(sorted({row.metric for row in rows})),
        num_tasks=len(rows),
        seeds=seeds,
        values=tuple(values),
        estimate=estimate(values),
        best_on_validation=fmean(best) if len(best) == len(rows) else None,
        scattered=None,
        difference=estimate(paired) if paired else None,
        difference_task_error=estimate(means).standard_error if means else None,
    )


def scatters_widely(values: Sequence[float], num_test: int) -> bool:
    """Whether accuracies of several seeds on one test split scatter more than `SCATTER` says."""
    share = fmean(values)
    return len(values) > 1 and stdev(values) > SCATTER * math.sqrt(share * (1 - share) / num_test)
