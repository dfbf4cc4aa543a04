"""Frozen records that the ledger takes and returns; rows of the database never leave `db`.

All times are seconds (durations) or aware UTC datetimes (moments); metric values are fractions 0-1;
hashes are SHA-256 in lower-case hex.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class RunStatus(StrEnum):
    """State of a run as a reader sees it; `interrupted` is also derived when the process holding it died."""

    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


class Regime(StrEnum):
    """How a run meets its tasks; it decides which evaluations R[after, on] exist."""

    STREAM = "stream"
    """Tasks arrive one by one, and every earlier one is evaluated again after each."""
    JOINT = "joint"
    """One model learns all tasks at once; each is evaluated once, after the last position."""
    SEPARATE = "separate"
    """Each task by itself without a backbone; it is evaluated once, at its own position."""
    STUDY = "study"
    """Trainings or measurements beside a stream; nothing arrives."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewRun:
    """What is fixed about a run before it starts."""

    name: str
    suite: str
    method: str
    isolated: bool
    """Whether the method promises that no task changes another (shares no tensors)."""
    task_names: tuple[str, ...]
    """Names of all tasks of the stream, in order of arrival."""
    backbone: str
    backbone_sha256: str
    backbone_params: int
    backbone_bytes: int
    """Bytes of the backbone's tensors in float32."""
    configuration: Mapping[str, Any]
    """JSON-serialisable; `--resume` refuses another one."""
    environment: Mapping[str, Any]
    """JSON-serialisable: versions, device, CPU capability, threads, git commit."""
    regime: Regime = Regime.STREAM


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRecord:
    """One run as stored."""

    name: str
    suite: str
    method: str
    isolated: bool
    task_names: tuple[str, ...]
    backbone: str
    backbone_sha256: str
    backbone_params: int
    backbone_bytes: int
    configuration: Mapping[str, Any]
    environment: Mapping[str, Any]
    status: RunStatus
    created_at: datetime
    heartbeat_at: datetime
    """Last sign of life; for display only, the lock decides."""
    finished_at: datetime | None
    message: str
    """Why the run failed; empty otherwise."""
    regime: Regime = Regime.STREAM
