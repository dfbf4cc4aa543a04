"""Everything a run has shown so far, as one frozen value read from the ledger.

Reports, the dashboard, `watch` and the return value of `simulate` all use it; it holds no tensors and no rows.
"""

from dataclasses import dataclass
from enum import StrEnum

from db.records import EpochRecord, ParameterCounts, RunRecord
from stream.growth import GrowthCurve
from stream.metrics import AccuracyMatrix


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskResult:
    """One learned task of the stream (one row of tasks.csv)."""

    position: int
    name: str
    title: str
    data: str
    """real, partial or simulated."""
    num_train: int
    num_valid: int
    num_test: int
    num_labels: int
    truncated_fraction: float
    metric: str
    test: float | None
    """R[p, p]: the test metric re-evaluated from the ledger right after the task's own arrival."""
    valid: float | None
    best_epoch: int | None
    seconds: float | None
    """Training time."""
    paper_adapters: float | None
    paper_fine_tuning: float | None
    bayes_accuracy: float | None
    counts: ParameterCounts | None
    num_bytes: int | None
    removed: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One re-evaluation beside what the task gave in memory right after training (one row of forgetting.csv)."""

    after: int
    on: int
    split: str
    metric: str
    value: float
    value_when_learned: float
    changed_predictions: int
    digest_equal: bool | None
    """None where the two evaluation plans differ: the digests cannot be compared."""
    num_examples: int
    seconds: float


class ProofStatus(StrEnum):
    """What the comparisons say about forgetting."""

    IN_PROGRESS = "in progress"
    PROVEN = "proven bit for bit"
    FORGOTTEN = "forgotten"
    NOT_COMPARABLE = "not comparable"


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """Counts of the comparisons; for T finished arrivals T(T+1)/2 are expected."""

    num_expected: int
    num_equal: int
    num_different: int
    num_not_comparable: int
    num_changed_predictions: int

    @property
    def num_done(self) -> int:
        """Comparisons made so far."""
        return self.num_equal + self.num_different + self.num_not_comparable

    @property
    def status(self) -> ProofStatus:
        """One word: forgotten beats not comparable beats in progress beats proven."""
        if self.num_different:
            return ProofStatus.FORGOTTEN
        if self.num_not_comparable:
            return ProofStatus.NOT_COMPARABLE
        return ProofStatus.PROVEN if self.num_done == self.num_expected else ProofStatus.IN_PROGRESS


@dataclass(frozen=True, kw_only=True, slots=True)
class RunResults:
    """A run so far."""

    run: RunRecord
    tasks: tuple[TaskResult, ...]
    """Learned tasks in order of arrival (fewer than run.task_names while the run goes on)."""
    comparisons: tuple[Comparison, ...]
    """Ordered by (after, on)."""
    matrix: AccuracyMatrix
    growth: GrowthCurve
    proof: Proof
    epochs: tuple[EpochRecord, ...]
