"""Made-up records of runs, as the ledger would hand them out, for the tests of results and reports."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from db.records import (
    EvaluationRecord,
    Owner,
    ParameterCounts,
    ParametersRecord,
    Regime,
    RunRecord,
    RunStatus,
    TaskRecord,
)
from stream.results.run_results import RunResults, collect_results

MOMENT = datetime(2025, 1, 2, 3, 4, tzinfo=UTC)


def made_run(
    names: Sequence[str],
    *,
    isolated: bool = True,
    name: str = "made",
    method: str | None = None,
    regime: Regime = Regime.STREAM,
    status: RunStatus = RunStatus.RUNNING,
) -> RunRecord:
    return RunRecord(
        name=name,
        suite="suite",
        method=method or ("houlsby" if isolated else "sequential"),
        isolated=isolated,
        task_names=tuple(names),
        backbone="tiny",
        backbone_sha256="b" * 64,
        backbone_params=1000,
        backbone_bytes=4000,
        configuration={"seed": 0, "preset": "quick"},
        environment={"device": "cpu", "threads": 1},
        status=status,
        created_at=MOMENT,
        heartbeat_at=MOMENT,
        finished_at=None,
        message="",
        regime=regime,
    )


def made_task(position: int, name: str, data: str = "real") -> TaskRecord:
    return TaskRecord(
        position=position,
        name=name,
        title=name.title(),
        data=data,
        labels=("no", "yes"),
        num_train=80,
        num_valid=10,
        num_test=10,
        fingerprint=f"fingerprint of {name}",
        truncated_fraction=0.25,
        metric="accuracy",
        paper_adapters=0.8,
        paper_fine_tuning=0.85,
        bayes_accuracy=0.95 if data == "simulated" else None,
        notes=(),
        seed=position,
        paper_no_bert=0.7,
        paper_variable_fine_tuning=0.83,
    )


def made_parameters(position: int, value: float, owner: Owner = Owner.OWN) -> ParametersRecord:
    return ParametersRecord(
        position=position,
        owner=owner,
        sha256=f"{owner} {position}",
        recipe_sha256="recipe",
        counts=ParameterCounts(adapter=80, layer_norm=10, head=10),
        num_bytes=500,
        reads_backbone=True,
        best_epoch=2,
        valid=value,
        learned_value=value,
        learned_logits_sha256=f"logits {position} {value}",
        learned_predictions_sha256=f"predictions {position} {value}",
        plan_sha256="plan",
        seconds=1.5,
        num_trained=100,
    )


def made_evaluation(
    after: int, on: int, value: float, *, changed: int = 0, plan: str = "plan"
) -> EvaluationRecord:
    return EvaluationRecord(
        after=after,
        on=on,
        split="test",
        metric="accuracy",
        value=value,
        logits_sha256=f"logits {on} {value}",
        predictions_sha256=f"predictions {on} {value}",
        plan_sha256=plan,
        changed_predictions=changed,
        num_examples=10,
        seconds=0.1,
    )


def made_results(
    names: Sequence[str] = ("a", "b", "c"),
    *,
    num_learned: int | None = None,
    data: Mapping[str, str] | None = None,
    values: Mapping[tuple[int, int], float] | None = None,
    removed: Collection[int] = (),
    other_plan: Collection[tuple[int, int]] = (),
    isolated: bool = True,
) -> RunResults:
    """Task `on` has value 0.5 + 0.01 on throughout, except where `values` says otherwise."""
    num_learned = len(names) if num_learned is None else num_learned
    kinds, changes = data or {}, values or {}
    tasks = [made_task(position, name, kinds.get(name, "real")) for position, name in enumerate(names)]
    learned = [_own_value(changes, position) for position in range(num_learned)]
    return collect_results(
        run=made_run(names, isolated=isolated),
        tasks=[replace(t, removed_at=MOMENT) if t.position in removed else t for t in tasks[:num_learned]],
        epochs=[],
        parameters=[made_parameters(position, value) for position, value in enumerate(learned)],
        evaluations=[
            made_evaluation(
                after,
                on,
                changes.get((after, on), learned[on]),
                changed=int(changes.get((after, on), learned[on]) != learned[on]),
                plan="other" if (after, on) in other_plan else "plan",
            )
            for after in range(num_learned)
            for on in range(after + 1)
        ],
    )


def _own_value(changes: Mapping[tuple[int, int], float], position: int) -> float:
    return changes.get((position, position), 0.5 + 0.01 * (position % 50))
