"""Frozen records: what goes into the ledger and what comes out."""

from db.records.arrivals import (
    MAIN_SPLIT,
    CheckpointRecord,
    EpochRecord,
    HashedBytes,
    LearnedSplit,
    Owner,
    ParameterCounts,
    ParametersRecord,
    TaskRecord,
)
from db.records.damage import Damage
from db.records.evaluations import EvaluationRecord, PlanRecord
from db.records.measurements import Measurement
from db.records.runs import NewRun, Regime, RunRecord, RunStatus
from db.records.trials import FoundTraining, TrialCheckpoint, TrialRecord, TrialStatus

__all__ = [
    "MAIN_SPLIT",
    "CheckpointRecord",
    "Damage",
    "EpochRecord",
    "EvaluationRecord",
    "FoundTraining",
    "HashedBytes",
    "LearnedSplit",
    "Measurement",
    "NewRun",
    "Owner",
    "ParameterCounts",
    "ParametersRecord",
    "PlanRecord",
    "Regime",
    "RunRecord",
    "RunStatus",
    "TaskRecord",
    "TrialCheckpoint",
    "TrialRecord",
    "TrialStatus",
]
