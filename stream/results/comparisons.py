"""One re-evaluation beside what the same test split gave in memory, and what all of them prove together."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from db.records import EvaluationRecord, LearnedSplit, Regime
from stream.results.coverage import FULL_COVERAGE, Coverage
from tasks.task import MAIN_SPLIT


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One re-evaluation beside what the task gave right after training (one row of forgetting.csv)."""

    after: int
    on: int
    split: str
    metric: str
    value: float | None
    """None where the metric is undefined."""
    value_when_learned: float | None
    changed_predictions: int
    digest_equal: bool | None
    """None where the two evaluation plans differ: the digests cannot be compared."""
    num_examples: int
    seconds: float
    secondary: Mapping[str, float | None] = field(default_factory=dict)
    """Further metrics by name."""

    @property
    def is_main(self) -> bool:
        """Whether it is about the split of R[after, on]."""
        return self.split == MAIN_SPLIT


class ProofStatus(StrEnum):
    """What the comparisons say about forgetting."""

    IN_PROGRESS = "in progress"
    PROVEN = "proven bit for bit"
    SAMPLED = "equal in the sample"
    """Some tasks were evaluated again, and those gave what they gave when learned."""
    REREAD = "stored bytes unchanged"
    """No task was evaluated again after its own arrival."""
    FORGOTTEN = "forgotten"
    NOT_COMPARABLE = "not comparable"


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """Counts of the comparisons; T finished arrivals with one test split each make T(T+1)/2 of a stream.

    Every further test split of a task is compared as often as its main one. Outside a stream each split is
    compared once.
    """

    num_expected: int
    num_equal: int
    num_different: int
    num_not_comparable: int
    num_changed_predictions: int
    coverage: Coverage = FULL_COVERAGE
    """What was to be compared; only a full one proves anything about every task."""

    @property
    def num_done(self) -> int:
        """Comparisons made so far."""
        return self.num_equal + self.num_different + self.num_not_comparable

    @property
    def status(self) -> ProofStatus:
        """One word: forgotten beats not comparable beats in progress beats what all equal ones show."""
        if self.num_different:
            return ProofStatus.FORGOTTEN
        if self.num_not_comparable:
            return ProofStatus.NOT_COMPARABLE
        if self.num_done != self.num_expected or not self.num_expected:
            return ProofStatus.IN_PROGRESS
        if self.coverage.is_full:
            return ProofStatus.PROVEN
        return ProofStatus.SAMPLED if self.coverage.share else ProofStatus.REREAD


def comparison(evaluation: EvaluationRecord, learned: LearnedSplit) -> Comparison:
    """Return a re-evaluation beside what the same split of the task gave in memory right after training.

    Digests depend on the evaluation plan, so under another plan `digest_equal` is None and only the value and
    the predictions are compared.
    """
    return Comparison(
        after=evaluation.after,
        on=evaluation.on,
        split=evaluation.split,
        metric=evaluation.metric,
        value=evaluation.value,
        value_when_learned=learned.value,
        changed_predictions=evaluation.changed_predictions,
        digest_equal=_digests_equal(evaluation, learned),
        num_examples=evaluation.num_examples,
        seconds=evaluation.seconds,
        secondary=evaluation.secondary,
    )


def _digests_equal(evaluation: EvaluationRecord, learned: LearnedSplit) -> bool | None:
    if evaluation.plan_sha256 != learned.plan_sha256:
        return None
    return (evaluation.logits_sha256, evaluation.predictions_sha256) == (
        learned.logits_sha256,
        learned.predictions_sha256,
    )


def proof_of(
    comparisons: Sequence[Comparison],
    num_arrivals: int,
    removed: Collection[int] = (),
    regime: Regime = Regime.STREAM,
    num_splits: Mapping[int, int] | None = None,
    coverage: Coverage = FULL_COVERAGE,
) -> Proof:
    """Return the counts over all comparisons.

    A comparison is equal only if digests, value and predictions are; with equal digests and another value a
    stored number was altered.

    Arguments:
        comparisons: those made so far.
        num_arrivals: number of learned tasks.
        removed: positions of removed tasks, of which no comparison is expected beyond those made.
        regime: a stream expects one comparison per split and later arrival, the others one per split.
        num_splits: test splits of each task by position, one each unless given.
        coverage: what of a stream is evaluated again.
    """
    verdicts = [_verdict(entry) for entry in comparisons]
    on_removed = sum(entry.on in removed for entry in comparisons)
    splits = num_splits or {}
    if regime is Regime.STREAM and not coverage.is_full:
        times = Counter(on for after in range(num_arrivals) for on in coverage.due(after))
    else:
        times = Counter(
            {on: num_arrivals - on if regime is Regime.STREAM else 1 for on in range(num_arrivals)}
        )
    expected = sum(splits.get(on, 1) * number for on, number in times.items() if on not in removed)
    return Proof(
        num_expected=expected + on_removed,
        num_equal=verdicts.count(True),
        num_different=verdicts.count(False),
        num_not_comparable=verdicts.count(None),
        num_changed_predictions=sum(entry.changed_predictions for entry in comparisons),
        coverage=coverage,
    )


def _verdict(entry: Comparison) -> bool | None:
    if entry.digest_equal is None:
        return None
    same = entry.value == entry.value_when_learned and not entry.changed_predictions
    return entry.digest_equal and same
