"""Records of a tiny run, and what one arrival writes."""

from db import Ledger
from db.blobs import sha256_of
from db.records import (
    EvaluationRecord,
    NewRun,
    Owner,
    ParameterCounts,
    ParametersRecord,
    PlanRecord,
    TaskRecord,
)

PLAN = PlanRecord(sha256=sha256_of(b"plan"), content={"dtype": "float32", "shapes": [[32, 16]]})
LOGITS = sha256_of(b"logits")


def new_run(name: str = "first", **changes: object) -> NewRun:
    """A run of four tasks."""
    values: dict[str, object] = {
        "name": name,
        "suite": "tiny",
        "method": "houlsby",
        "isolated": True,
        "task_names": ("a", "b", "c", "d"),
        "backbone": "minilm",
        "backbone_sha256": sha256_of(b"backbone"),
        "backbone_params": 22_000_000,
        "backbone_bytes": 88_000_000,
        "configuration": {"seed": 0, "sizes": (8, 16)},
        "environment": {"threads": 2},
    }
    return NewRun(**values | changes)


def task(position: int, **changes: object) -> TaskRecord:
    """The task at a position."""
    values: dict[str, object] = {
        "position": position,
        "name": "abcd"[position % 4],
        "title": f"Task {position}",
        "data": "real",
        "labels": ("no", "yes"),
        "num_train": 80,
        "num_valid": 10,
        "num_test": 10,
        "fingerprint": sha256_of(b"texts %d" % position),
        "truncated_fraction": 0.25,
        "metric": "accuracy",
        "paper_adapters": 0.9,
        "paper_fine_tuning": None,
        "bayes_accuracy": None,
        "notes": ("a note",),
        "seed": 2**64 - 1 - position,
        "paper_no_bert": 0.8,
        "paper_variable_fine_tuning": None,
    }
    return TaskRecord(**values | changes)


def parameters(position: int, content: bytes, predictions: bytes, **changes: object) -> ParametersRecord:
    """What the task at a position learned."""
    values: dict[str, object] = {
        "position": position,
        "owner": Owner.OWN,
        "sha256": sha256_of(content),
        "recipe_sha256": sha256_of(b"recipe %d" % position),
        "counts": ParameterCounts(adapter=100, layer_norm=10, head=3),
        "num_bytes": len(content),
        "reads_backbone": True,
        "best_epoch": 2,
        "valid": 0.75,
        "learned_value": 0.7,
        "learned_logits_sha256": LOGITS,
        "learned_predictions_sha256": sha256_of(predictions),
        "plan_sha256": PLAN.sha256,
        "seconds": 1.5,
        "num_trained": 113,
        "notes": (),
    }
    return ParametersRecord(**values | changes)


def evaluation(after: int, on: int, predictions: bytes, **changes: object) -> EvaluationRecord:
    """R[after, on]."""
    values: dict[str, object] = {
        "after": after,
        "on": on,
        "split": "test",
        "metric": "accuracy",
        "value": 0.7,
        "logits_sha256": LOGITS,
        "predictions_sha256": sha256_of(predictions),
        "plan_sha256": PLAN.sha256,
        "changed_predictions": 0,
        "num_examples": 10,
        "seconds": 0.1,
        "secondary": {"f1": 0.6},
    }
    return EvaluationRecord(**values | changes)


def content_of(position: int) -> bytes:
    """Tensors of the task at a position."""
    return b"tensors of %d " % position * 20


def predictions_of(position: int) -> bytes:
    """Predictions on the task at a position."""
    return bytes([position, 1, 2, 3])


def learn(ledger: Ledger, position: int) -> None:
    """Record task, test split and parameters of one arrival."""
    ledger.record_task(task(position))
    ledger.record_plan(PLAN)
    ledger.record_test_set(position, "test", b"tokens of %d" % position)
    record = parameters(position, content_of(position), predictions_of(position))
    ledger.record_parameters([(record, content_of(position))], predictions_of(position))


def evaluate(ledger: Ledger, after: int) -> None:
    """Record R[after, on] for every task up to an arrival."""
    for on in range(after + 1):
        ledger.record_evaluation(evaluation(after, on, predictions_of(on)), predictions_of(on))
