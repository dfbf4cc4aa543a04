"""The tables, as SQLAlchemy sees them."""

from db.tables.measurements import MeasurementRow
from db.tables.runs import (
    ROW_DIGEST_BYTES,
    Base,
    BlobRow,
    CheckpointRow,
    EpochRow,
    EvaluationRow,
    LearnedSplitRow,
    ParametersRow,
    PlanRow,
    RunRow,
    TaskRow,
    TestSetRow,
)
from db.tables.trials import TrialCheckpointRow, TrialRow

__all__ = [
    "ROW_DIGEST_BYTES",
    "Base",
    "BlobRow",
    "CheckpointRow",
    "EpochRow",
    "EvaluationRow",
    "LearnedSplitRow",
    "MeasurementRow",
    "ParametersRow",
    "PlanRow",
    "RunRow",
    "TaskRow",
    "TestSetRow",
    "TrialCheckpointRow",
    "TrialRow",
]
