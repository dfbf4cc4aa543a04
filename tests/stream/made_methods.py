"""Made-up runs of several methods over the same tasks, for the tests of tables of methods."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from db.records import (
    EvaluationRecord,
    Owner,
    ParameterCounts,
    ParametersRecord,
    Regime,
    RunStatus,
    TaskRecord,
)
from stream.results.run_results import RunResults, collect_results
from tests.stream.made_runs import made_evaluation, made_parameters, made_run, made_task

NAMES = ("a", "b", "c")
BACKBONE_PARAMS = 1000


def made_method(
    method: str,
    values: Sequence[float],
    *,
    name: str | None = None,
    names: Sequence[str] = NAMES,
    data: Mapping[str, str] | None = None,
    regime: Regime = Regime.STREAM,
    drop: float = 0.0,
    status: RunStatus = RunStatus.FINISHED,
    task_changes: Mapping[str, Any] | None = None,
    run_changes: Mapping[str, Any] | None = None,
) -> RunResults:
    """A run whose task `on` has `values[on]`, less `drop` at every later arrival."""
    shares = method in ("sequential", "joint")
    kinds = data or {}
    tasks = [made_task(position, task, kinds.get(task, "real")) for position, task in enumerate(names)]
    run = made_run(
        names, isolated=not shares, name=name or f"run-{method}", method=method, regime=regime, status=status
    )
    num_learned = len(values)
    return collect_results(
        run=replace(run, **run_changes or {}),
        tasks=[_changed(task, task_changes or {}) for task in tasks[:num_learned]],
        epochs=[],
        parameters=_parameters(values, shares=shares, has_backbone=regime is not Regime.SEPARATE),
        evaluations=_evaluations(values, regime, len(names), drop),
    )


def _changed(task: TaskRecord, changes: Mapping[str, Any]) -> TaskRecord:
    return replace(task, **changes)


def _parameters(values: Sequence[float], *, shares: bool, has_backbone: bool) -> list[ParametersRecord]:
    own = [
        replace(
            made_parameters(position, value),
            counts=ParameterCounts(adapter=100 if has_backbone else 0),
            reads_backbone=has_backbone,
            num_trained=BACKBONE_PARAMS if shares else 100,
        )
        for position, value in enumerate(values)
    ]
    bodies = [made_parameters(position, value, Owner.SHARED) for position, value in enumerate(values)]
    return own + (bodies if shares else [])


def _evaluations(
    values: Sequence[float], regime: Regime, num_tasks: int, drop: float
) -> list[EvaluationRecord]:
    cells = [
        (after, on)
        for after in range(num_tasks if regime is Regime.JOINT else len(values))
        for on in range(min(after + 1, len(values)))
        if _exists(after, on, regime, num_tasks)
    ]
    return [
        made_evaluation(
            after, on, round(values[on] - drop * (after - on), 6), changed=int(bool(drop) and after > on)
        )
        for after, on in cells
    ]


def _exists(after: int, on: int, regime: Regime, num_tasks: int) -> bool:
    match regime:
        case Regime.JOINT:
            return after == num_tasks - 1
        case Regime.SEPARATE:
            return after == on
    return True


def five_methods() -> list[RunResults]:
    """One run of each kind: isolated, full copy, sharing, joint, separate."""
    return [
        made_method("houlsby", (0.8, 0.7, 0.6)),
        made_method("fine-tune", (0.9, 0.6, 0.6)),
        made_method("sequential", (0.9, 0.6, 0.6), drop=0.2),
        made_method("joint", (0.85, 0.75, 0.65), regime=Regime.JOINT),
        made_method("no-bert", (0.7, 0.5, 0.4), regime=Regime.SEPARATE),
    ]
