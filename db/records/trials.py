"""Records of trials: single trainings of one task under one configuration.

A trial is identified by its `recipe_sha256` (data, seed, method, settings, backbone; never position or
time), so what one run of a database trained, another one need not. Candidates of a choice are trials; so is
any other training whose result is a value to be kept rather than an arrival to be served.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from db.records.arrivals import EpochRecord, ParametersRecord


class TrialStatus(StrEnum):
    """How far a trial is."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPED = "stopped"
    """Stopped early; it can go on from its checkpoint."""
    FINISHED = "finished"
    FAILED = "failed"
    """Its loss was not finite."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is to be trained."""
        return self in (TrialStatus.FINISHED, TrialStatus.FAILED)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialRecord:
    """One training of the task at a position: what is trained, how far it is, what it gave and cost."""

    position: int
    recipe_sha256: str
    number: int
    """Place in the list of the run's trials of this task, from 0; decides nothing."""
    seed: int
    method: str
    """As the command line names it, such as `houlsby` or `fine-tune:3`."""
    options: Mapping[str, Any]
    """The method's options, the adapter size included."""
    learning_rate: float
    num_epochs: int
    """Epochs of the whole training."""
    num_params: int
    """Parameters that the trial stores."""
    status: TrialStatus = TrialStatus.WAITING
    rung: int | None = None
    """The last round of a choice that it took part in, from 0."""
    history: tuple[EpochRecord, ...] = ()
    """Finished epochs of the attempt that counts."""
    best_epoch: int | None = None
    valid: float | None = None
    """Validation metric of the best epoch so far."""
    standard_error: float | None = None
    """Of `valid`, over the examples of the validation split."""
    num_trained: int | None = None
    num_steps: int = 0
    num_tokens: int = 0
    """Training tokens of the finished epochs."""
    seconds: float = 0.0
    """Training time, wherever it was spent."""
    reused_tokens: int = 0
    """Of `num_tokens`, those that another run spent."""
    reused_seconds: float = 0.0
    predictions_sha256: str | None = None
    """Predictions on the validation split at the best epoch."""
    logits_sha256: str | None = None
    """Of the same, in memory right after training."""
    plan_sha256: str | None = None
    sha256: str | None = None
    """The stored tensors, once finished."""
    source: str = ""
    """Name of the run that trained it, or its first part; empty where this one did."""
    notes: tuple[str, ...] = ()
    removed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialCheckpoint:
    """Where a trial stands that is not finished: a file beside the database."""

    position: int
    recipe_sha256: str
    step: int
    path: str
    sha256: str
    num_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundTraining:
    """A finished training that some run of the database holds: a trial, or what an arrival learned."""

    run: str
    """Name of that run."""
    position: int
    found: TrialRecord | ParametersRecord
    history: tuple[EpochRecord, ...]

    @property
    def sha256(self) -> str:
        """Hash of the stored tensors."""
        assert self.found.sha256 is not None
        return self.found.sha256
