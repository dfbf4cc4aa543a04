"""Everything a run has shown so far, as one frozen value read from the ledger.

Reports, the dashboard, `watch` and the return value of `simulate` use it; it holds no tensors and no rows.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from db.ledger import Ledger
from db.records import (
    EpochRecord,
    EvaluationRecord,
    LearnedSplit,
    Owner,
    ParameterCounts,
    ParametersRecord,
    Regime,
    RunRecord,
    TaskRecord,
)
from db.records.trials import TrialRecord
from stream.results.comparisons import Comparison, Proof, comparison, proof_of
from stream.results.coverage import coverage_of
from stream.results.growth import GrowthCurve, StoredTask, growth_curve
from stream.results.metrics import AccuracyMatrix
from stream.results.trials import winners_of
from tasks.task import CLASSIFYING, MAIN_SPLIT

TAKEN_OVER = "not trained again: taken from"
"""Beginning of the note on a task that another run trained; its name follows."""


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
    """Names of classes; of a span task the outputs of its head."""
    num_classes: int
    """0 for kinds of task that have none."""
    truncated_fraction: float
    metric: str
    test: float | None
    """R[p, p]: the test metric re-evaluated from the ledger right after the task's own arrival; after joint
    training R[T - 1, p], the only one there is. None where it is not evaluated yet, or undefined."""
    is_evaluated: bool
    """Whether `test` was measured; without a value it is then undefined."""
    secondary: Mapping[str, float | None]
    """Further metrics of the same evaluation."""
    further_tests: Mapping[str, float | None]
    """The main metric on further test splits, by name, of the same arrival."""
    published: Mapping[str, Any]
    """Figures of others on another model or test set (`about`, `splits`); empty where there are none."""
    valid: float | None
    best_epoch: int | None
    seconds: float | None
    """Training time."""
    paper_adapters: float | None
    paper_fine_tuning: float | None
    paper_no_bert: float | None
    paper_variable_fine_tuning: float | None
    fingerprint: str
    """SHA-256 over the task's texts and labels: equal where two runs saw the same data."""
    bayes_accuracy: float | None
    counts: ParameterCounts | None
    num_bytes: int | None
    removed: bool
    notes: tuple[str, ...]

    @property
    def is_taken_over(self) -> bool:
        """Whether another run trained it, whose time `seconds` is."""
        return any(note.startswith(TAKEN_OVER) for note in self.notes)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunResults:
    """A run so far."""

    run: RunRecord
    tasks: tuple[TaskResult, ...]
    """Learned tasks in order of arrival (fewer than run.task_names while the run goes on)."""
    comparisons: tuple[Comparison, ...]
    """Ordered by (after, on), the main split of a task before its others."""
    matrix: AccuracyMatrix
    growth: GrowthCurve
    proof: Proof
    num_splits: Mapping[int, int]
    """Test splits of each learned task by position."""
    epochs: tuple[EpochRecord, ...]
    trials: tuple[TrialRecord, ...] = ()
    """Candidates of the choices, where settings were chosen per task."""
    chosen: Mapping[int, TrialRecord] = field(default_factory=dict)
    """The trial that each arrival was learned by, by position."""

    @property
    def final_values(self) -> Mapping[int, float]:
        """The newest known R[after, on] of each task that has one, by position."""
        newest = {task.position: self.matrix.newest(task.position) for task in self.tasks}
        return {position: value for position, value in newest.items() if value is not None}


def load_results(ledger: Ledger) -> RunResults:
    """Return the results of a run as they stand in its ledger; removed tasks keep what they once gave.

    It reads in many short transactions, so that a viewer never holds one open. While the run goes on they are
    moments apart, and evaluations after an arrival that was not yet seen are left out.

    Raises:
        db.errors.DamageError: a row cannot be read.
    """
    return collect_results(
        run=ledger.run(),
        tasks=ledger.tasks(),
        epochs=ledger.epochs(),
        parameters=ledger.parameters(include_removed=True),
        further=[one for one in ledger.learned_splits() if one.split != MAIN_SPLIT],
        evaluations=tuple(chain.from_iterable(ledger.evaluations_by_arrival())),
        trials=ledger.trials(include_removed=True),
    )


def load_intact_results(ledger: Ledger) -> RunResults:
    """Return the same once every stored row and blob of the run was hashed again.

    Raises:
        db.errors.DamageError: one of them is not what was recorded.
    """
    ledger.require_intact()
    return load_results(ledger)


def collect_results(
    *,
    run: RunRecord,
    tasks: Sequence[TaskRecord],
    epochs: Sequence[EpochRecord],
    parameters: Sequence[ParametersRecord],
    evaluations: Sequence[EvaluationRecord],
    further: Sequence[LearnedSplit] = (),
    trials: Sequence[TrialRecord] = (),
) -> RunResults:
    """Return the results of a run from its records, which may come in any order and stop anywhere.

    `further` is what test splits beside the main one gave in memory.
    """
    stored = stored_tasks(tasks, parameters)
    num_arrivals = max(stored, default=-1) + 1
    learned = [*(task.own.main_split for task in stored.values()), *further]
    num_splits = Counter(one.position for one in learned)
    in_memory = {(one.position, one.split): one for one in learned}
    seen = (e for e in evaluations if (e.on, e.split) in in_memory and e.after < num_arrivals)
    tests = sorted(seen, key=lambda e: (e.after, e.on, e.split != MAIN_SPLIT, e.split))
    removed = frozenset(task.position for task in tasks if task.removed_at)
    cells = {(e.after, e.on): e.value for e in tests if e.split == MAIN_SPLIT}
    matrix = AccuracyMatrix.from_cells(run.task_names, cells)
    comparisons = tuple(comparison(e, in_memory[e.on, e.split]) for e in tests)
    served = (stored[position] for position in sorted(stored) if position not in removed)
    firsts: dict[int, list[EvaluationRecord]] = {}
    for e in tests:
        if e.after == _first_after(run, e.on):
            firsts.setdefault(e.on, []).append(e)
    return RunResults(
        run=run,
        tasks=tuple(
            task_result(task, stored.get(task.position), firsts.get(task.position, ()))
            for task in sorted(tasks, key=lambda task: task.position)
            if task.position in stored or task.position in removed
        ),
        comparisons=comparisons,
        matrix=matrix,
        growth=growth_curve(served, backbone_params=run.backbone_params, backbone_bytes=run.backbone_bytes),
        proof=proof_of(
            comparisons,
            num_arrivals=num_arrivals,
            removed=removed,
            regime=run.regime,
            num_splits=num_splits,
            coverage=coverage_of(run),
        ),
        num_splits=num_splits,
        epochs=tuple(sorted(epochs, key=lambda epoch: (epoch.position, epoch.attempt, epoch.epoch))),
        trials=tuple(trials),
        chosen=winners_of(trials, {at: task.own.recipe_sha256 for at, task in stored.items()}),
    )


def _first_after(run: RunRecord, position: int) -> int:
    """The arrival after which a task is evaluated for the first time."""
    return len(run.task_names) - 1 if run.regime is Regime.JOINT else position


def num_classes(task: TaskRecord) -> int:
    """Classes to choose from; 0 for kinds of task that have none."""
    return len(task.labels) if task.kind in CLASSIFYING else 0


def stored_tasks(
    tasks: Sequence[TaskRecord], parameters: Sequence[ParametersRecord]
) -> Mapping[int, StoredTask]:
    """Return what each arrival stored, by position; arrivals that are not learned yet are absent."""
    shared = {record.position: record for record in parameters if record.owner is Owner.SHARED}
    own = {record.position: record for record in parameters if record.owner is Owner.OWN}
    return {
        task.position: StoredTask(name=task.name, own=own[task.position], shared=shared.get(task.position))
        for task in tasks
        if task.position in own
    }


def task_result(
    task: TaskRecord, stored: StoredTask | None, evaluations: Sequence[EvaluationRecord]
) -> TaskResult:
    """Return one row of tasks.csv.

    Arguments:
        task: as recorded.
        stored: its parameters; None where there are none.
        evaluations: the task's first ones, of all its test splits; empty before they are made.
    """
    own = stored.own if stored else None
    main = next((e for e in evaluations if e.split == MAIN_SPLIT), None)
    return TaskResult(
        position=task.position,
        name=task.name,
        title=task.title,
        data=task.data,
        num_train=task.num_train,
        num_valid=task.num_valid,
        num_test=task.num_test,
        num_labels=len(task.labels),
        num_classes=num_classes(task),
        truncated_fraction=task.truncated_fraction,
        metric=task.metric,
        test=main.value if main else None,
        is_evaluated=main is not None,
        secondary=main.secondary if main else {},
        further_tests={e.split: e.value for e in evaluations if e is not main},
        published=task.published,
        valid=own.valid if own else None,
        best_epoch=own.best_epoch if own else None,
        seconds=own.seconds if own else None,
        paper_adapters=task.paper_adapters,
        paper_fine_tuning=task.paper_fine_tuning,
        paper_no_bert=task.paper_no_bert,
        paper_variable_fine_tuning=task.paper_variable_fine_tuning,
        fingerprint=task.fingerprint,
        bayes_accuracy=task.bayes_accuracy,
        counts=stored.counts if stored else None,
        num_bytes=stored.num_bytes if stored else None,
        removed=task.removed_at is not None,
        notes=(*task.notes, *(own.notes if own else ())),
    )
