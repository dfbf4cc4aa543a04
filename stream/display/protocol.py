"""What the loop tells whoever shows it. Displays observe; nothing they do changes a run."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from db.records import EpochRecord
from db.records.trials import TrialRecord
from stream.results.comparisons import Comparison
from stream.results.growth import GrowthPoint
from stream.results.run_results import RunResults, TaskResult
from stream.results.trials import training_label


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingProgress:
    """Where the training of the current arrival stands; sent at most a few times per second."""

    position: int
    attempt: int
    epoch: int
    """0-based epoch under way."""
    num_epochs: int
    step: int
    """Optimiser steps done in this attempt."""
    num_steps: int
    learning_rate: float
    train_loss: float
    """Mean of the epoch so far."""
    tokens_per_second: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ChoosingProgress:
    """Where the choice among candidates for the current arrival stands."""

    position: int
    number: int
    """Place of the candidate in its rung, from 1."""
    num_candidates: int
    """Candidates in the rung."""
    label: str
    """What sets it apart, such as `size 8, rate 0.003`."""
    rung: int
    """From 0."""
    num_rungs: int
    num_epochs: int
    """Epochs done at the end of the rung."""
    valid: float | None
    """Its validation metric; None while it is in training."""
    leader: str
    """The best of the rung so far; empty before the first."""
    leader_valid: float | None

    @classmethod
    def of_training(
        cls, trial: TrialRecord, *, num_trainings: int, best: TrialRecord | None
    ) -> "ChoosingProgress":
        """A training of a study, where none is stopped early: one rung, in the order of the grid.

        Args:
            trial: going into training.
            num_trainings: of its task.
            best: the best one of the task so far.
        """
        return cls(
            position=trial.position,
            number=trial.number + 1,
            num_candidates=num_trainings,
            label=training_label(trial),
            rung=0,
            num_rungs=1,
            num_epochs=trial.num_epochs,
            valid=None,
            leader="" if best is None else training_label(best),
            leader_valid=None if best is None else best.valid,
        )


@runtime_checkable
class Display(Protocol):
    """Observer of the loop; used as a context manager around it."""

    def __enter__(self) -> "Display": ...

    def __exit__(self, *exc: object) -> None: ...

    def run_started(self, results: RunResults) -> None:
        """The run begins or resumes; `results` is what the ledger holds already."""

    def arrival_started(self, position: int, name: str, data: str, num_train: int, num_labels: int) -> None:
        """Task `name` arrives."""

    def training_progressed(self, progress: TrainingProgress) -> None:
        """Some steps were taken."""

    def epoch_finished(self, epoch: EpochRecord) -> None:
        """An epoch ended and was validated."""

    def candidate_progressed(self, progress: ChoosingProgress) -> None:
        """A candidate goes into training, or has come to the end of a rung."""

    def candidate_chosen(self, position: int, sentence: str) -> None:
        """The candidates of an arrival were judged; the sentence names the one chosen, why, and the cost."""

    def task_evaluated(self, comparison: Comparison) -> None:
        """One cell R[after, on] is known."""

    def arrival_finished(self, task: TaskResult, point: GrowthPoint) -> None:
        """All earlier tasks were re-evaluated."""

    def notice(self, sentence: str) -> None:
        """Something the user should read (a restart at a lower rate, a plan that differs)."""

    def run_finished(self, results: RunResults, lines: tuple[str, ...]) -> None:
        """The run is complete; `lines` are the last lines to leave on the terminal."""
