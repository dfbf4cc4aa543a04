"""Records become values of columns and back, and each row of results gets a digest.

The digest protects against edits by accident (a value changed with an SQLite tool), not against an adversary,
who could compute it too.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import Field, asdict, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from math import isnan, nan
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

from sqlalchemy import Float, Table

from db.errors import DamageError
from db.records import (
    CheckpointRecord,
    Damage,
    EpochRecord,
    EvaluationRecord,
    LearnedSplit,
    Owner,
    ParameterCounts,
    ParametersRecord,
    PlanRecord,
    Regime,
    RunRecord,
    RunStatus,
    TaskRecord,
)
from db.records.trials import TrialCheckpoint, TrialRecord, TrialStatus
from db.tables import Base

RecordType = TypeVar("RecordType")
Row = Mapping[Any, Any]
"""Values of one row by column."""
_NO_METRICS: Mapping[str, float | None] = {}
UNDIGESTED_COLUMNS = frozenset({"run_id", "row_sha256", "removed_at"})
"""The run enters by name; removal comes later and changes nothing about what was measured."""


@runtime_checkable
class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


def table_of(model: type[Base]) -> Table:
    """Return the table behind a model."""
    table = model.__table__
    assert isinstance(table, Table)
    return table


def now() -> str:
    """Return the present moment as stored text."""
    return stored_moment(datetime.now(UTC))


def stored_moment(moment: datetime) -> str:
    """Return `moment` as ISO 8601 text in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def stored_json(value: object) -> str:
    """Return `value` as JSON text with sorted keys."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def encode(record: _Dataclass) -> dict[str, Any]:
    """Return the record's fields as values that a column can hold, under their own names."""
    return {part.name: _plain(getattr(record, part.name)) for part in fields(record)}


def _plain(value: Any) -> Any:
    match value:
        case StrEnum():
            return value.value
        case datetime():
            return stored_moment(value)
        case float():
            # SQL has no NaN, and SQLite keeps no sign of zero.
            return None if isnan(value) else float(value) + 0.0
        case tuple() | list():
            return stored_json(list(value))
        case Mapping():
            return stored_json(dict(value))
    return value


def encode_task(record: TaskRecord) -> dict[str, Any]:
    """Return the columns of a task, without its run."""
    return encode(record) | {"seed": str(record.seed)}


def encode_parameters(record: ParametersRecord) -> dict[str, Any]:
    """Return the columns of parameters, without run and digest; the counts get one column per kind."""
    values = encode(record)
    counts = values.pop("counts")
    return values | {f"{kind}_params": number for kind, number in encode(counts).items()}


def encode_evaluation(record: EvaluationRecord) -> dict[str, Any]:
    """Return the columns of an evaluation, without run and digest."""
    values = encode(record)
    return {"after_position": values.pop("after"), "on_position": values.pop("on"), **values}


def encode_trial(record: TrialRecord) -> dict[str, Any]:
    """Return the columns of a trial, without run and digest."""
    history = stored_json([asdict(epoch) for epoch in record.history])
    return encode(replace(record, history=())) | {"seed": str(record.seed), "history": history}


def row_digest(table: Table, run: str, values: Row) -> bytes:
    """Return the SHA-256 over table, run and all digested columns in canonical JSON, 32 bytes."""
    digested = {
        column.name: float(values[column.name])
        if isinstance(column.type, Float) and isinstance(values[column.name], int)
        else values[column.name]
        for column in table.columns
        if column.name not in UNDIGESTED_COLUMNS
    }
    # `repr` for what an edit may have put there, such as bytes: it differs from every recorded value.
    text = json.dumps([table.name, run, digested], sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).digest()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _number(value: float | None) -> float:
    return nan if value is None else value


def decode_run(row: Row) -> RunRecord:
    """Return the run of a row, with the status as stored."""
    values = _own(row, RunRecord)
    return RunRecord(
        **values
        | {
            "status": RunStatus(row["status"]),
            "regime": Regime(row["regime"]),
            "task_names": tuple(json.loads(row["task_names"])),
            "configuration": json.loads(row["configuration"]),
            "environment": json.loads(row["environment"]),
            "created_at": datetime.fromisoformat(row["created_at"]),
            "heartbeat_at": datetime.fromisoformat(row["heartbeat_at"]),
            "finished_at": _moment(row["finished_at"]),
        }
    )


def decode_row(decode: Callable[[Row], RecordType], row: Row, *, run: str, what: str) -> RecordType:
    """Return `decode(row)`; a row that an edit made unreadable is damage, not a crash.

    Raises:
        DamageError: the row's values are not what the program writes.
    """
    try:
        return decode(row)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        damage = Damage(
            run=run,
            position=row.get("on_position", row.get("position")),
            what=what,
            expected=None,
            found=None,
        )
        raise DamageError(damage) from error


def seen_run(stored: RunRecord, is_held: Callable[[str], bool]) -> RunRecord:
    """Return the run as a reader sees it: running that nobody holds is interrupted."""
    if stored.status is RunStatus.RUNNING and not is_held(stored.name):
        return replace(stored, status=RunStatus.INTERRUPTED)
    return stored


def decode_task(row: Row) -> TaskRecord:
    """Return the task of a row."""
    return TaskRecord(
        **_own(row, TaskRecord)
        | {
            "labels": tuple(json.loads(row["labels"])),
            "secondary": tuple(json.loads(row["secondary"])),
            "published": json.loads(row["published"]),
            "notes": tuple(json.loads(row["notes"])),
            "seed": int(row["seed"]),
            "removed_at": _moment(row["removed_at"]),
        }
    )


def decode_epoch(row: Row) -> EpochRecord:
    """Return the epoch of a row."""
    return EpochRecord(**_own(row, EpochRecord) | {"train_loss": _number(row["train_loss"])})


def decode_parameters(row: Row) -> ParametersRecord:
    """Return the parameters of a row."""
    counts = {part.name: row[f"{part.name}_params"] for part in fields(ParameterCounts)}
    return ParametersRecord(
        **_own(row, ParametersRecord)
        | {
            "owner": Owner(row["owner"]),
            "counts": ParameterCounts(**counts),
            "notes": tuple(json.loads(row["notes"])),
            "removed_at": _moment(row["removed_at"]),
        }
    )


def decode_learned_split(row: Row) -> LearnedSplit:
    """Return what a further split gave when its task was learned."""
    return LearnedSplit(**_own(row, LearnedSplit))


def decode_evaluation(row: Row) -> EvaluationRecord:
    """Return the evaluation of a row; texts that many rows repeat are one object."""
    repeated = ("split", "metric", "logits_sha256", "predictions_sha256", "plan_sha256")
    return EvaluationRecord(
        **_own(row, EvaluationRecord)
        | {name: sys.intern(row[name]) for name in repeated}
        | {
            "after": row["after_position"],
            "on": row["on_position"],
            "secondary": _NO_METRICS if row["secondary"] == "{}" else json.loads(row["secondary"]),
        }
    )


def decode_trial(row: Row) -> TrialRecord:
    """Return the trial of a row."""
    return TrialRecord(
        **_own(row, TrialRecord)
        | {
            "seed": int(row["seed"]),
            "options": json.loads(row["options"]),
            "status": TrialStatus(row["status"]),
            "history": tuple(EpochRecord(**epoch) for epoch in json.loads(row["history"])),
            "notes": tuple(json.loads(row["notes"])),
            "removed_at": _moment(row["removed_at"]),
        }
    )


def decode_trial_checkpoint(row: Row) -> TrialCheckpoint:
    """Return the checkpoint of a trial, with the path as stored."""
    return TrialCheckpoint(**_own(row, TrialCheckpoint))


def decode_checkpoint(row: Row) -> CheckpointRecord:
    """Return the checkpoint of a row, with the path as stored."""
    return CheckpointRecord(**_own(row, CheckpointRecord))


def decode_plan(row: Row) -> PlanRecord:
    """Return the evaluation plan of a row."""
    return PlanRecord(sha256=row["sha256"], content=json.loads(row["content"]))


def _own(row: Row, record: type[Any]) -> dict[str, Any]:
    return {part.name: row[part.name] for part in fields(record) if part.name in row}
