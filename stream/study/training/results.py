"""What a study of trainings has shown so far, as plain values: means over seeds, and paired differences.

Everything is on the validation split; the test split is never read. A setting that is tried at several rates
stands for the one with the best mean. The standard error is over seeds: sd / sqrt(k), sd with k - 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from db import Database
from db.ledger import Ledger
from db.records import Regime, RunRecord, RunStatus, TaskRecord
from db.records.trials import TrialRecord, TrialStatus
from stream.engine.choosing.study_grid import Setting, StudyGrid
from stream.engine.scheduler import task_seed
from stream.results.estimates import Estimate, estimate


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyCell:
    """One setting on one task, at the best of its rates."""

    setting: Setting
    task: TaskRecord
    learning_rate: float
    values: Mapping[int, float]
    """Validation metric (0-1, or a correlation) by seed, of the trainings that ended with one."""
    num_failed: int
    """Trainings that gave nothing: their loss was not finite, nor at a lower rate."""
    num_restarted: int
    """Trainings that began again at a lower rate, since the loss was not finite."""
    num_params: int
    """Parameters stored for the task."""
    trained_fraction: float
    """Those over the backbone's."""
    seconds: float
    """Mean training time, wherever it was spent."""
    difference: Estimate | None
    """To the study's reference, paired over the seeds that both have; None without one."""

    @property
    def estimate(self) -> Estimate | None:
        """Mean over seeds; None where no training gave a value."""
        return estimate(list(self.values.values())) if self.values else None

    @property
    def mean(self) -> float:
        """Mean over seeds of a cell that has a value."""
        return fmean(self.values.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyResults:
    """A study so far."""

    run: RunRecord
    grid: StudyGrid
    tasks: tuple[TaskRecord, ...]
    """Those that were begun."""
    cells: tuple[StudyCell, ...]
    """By task, then in the order of the settings; settings without an ended training are left out."""
    trials: tuple[TrialRecord, ...]

    def of_task(self, position: int) -> tuple[StudyCell, ...]:
        """The cells of one task."""
        return tuple(cell for cell in self.cells if cell.task.position == position)

    def seed_of(self, trial: TrialRecord) -> int:
        """The study's seed, which a training's own seed was derived from."""
        return _seeds(self.run, self.grid, trial.position)[trial.seed]

    @property
    def num_done(self) -> int:
        """Trainings that ended."""
        return sum(trial.status.has_ended for trial in self.trials)

    @property
    def num_expected(self) -> int:
        """Trainings of the whole study."""
        return self.grid.num_trainings * len(self.run.task_names)


def is_training_study(run: RunRecord) -> bool:
    """Whether a run is a study of trainings."""
    return run.regime is Regime.STUDY and bool(run.configuration.get("study"))


def load_study(ledger: Ledger) -> StudyResults:
    """The results of a study as they stand in its ledger.

    Raises:
        db.errors.DamageError: a row cannot be read.
    """
    return collect_study(ledger.run(), ledger.tasks(), ledger.trials())


def studies_beside(database: Database, run: RunRecord) -> tuple[StudyResults, ...]:
    """The finished studies of trainings in the database that share suite, backbone and a task with a run.

    Their caps on examples may be others than the run's; what they say of themselves tells them.

    Raises:
        db.errors.DamageError: a row cannot be read.
    """
    names = set(run.task_names)
    return tuple(
        load_study(database.ledger(other.name))
        for other in database.runs()
        if is_training_study(other)
        and other.status is RunStatus.FINISHED
        and (other.suite, other.backbone_sha256) == (run.suite, run.backbone_sha256)
        and names & set(other.task_names)
    )


def collect_study(run: RunRecord, tasks: Sequence[TaskRecord], trials: Sequence[TrialRecord]) -> StudyResults:
    """The results of a study from its records."""
    grid = StudyGrid.from_json(run.configuration["study"])
    cells = tuple(cell for task in tasks for cell in _cells(run, grid, task, trials))
    return StudyResults(run=run, grid=grid, tasks=tuple(tasks), cells=cells, trials=tuple(trials))


def _seeds(run: RunRecord, grid: StudyGrid, position: int) -> dict[int, int]:
    """The study's seeds by what the task's trainings derive from them."""
    name = run.task_names[position]
    return {task_seed(seed, name): seed for seed in grid.seeds}


def _cells(
    run: RunRecord, grid: StudyGrid, task: TaskRecord, trials: Sequence[TrialRecord]
) -> list[StudyCell]:
    seeds = _seeds(run, grid, task.position)
    ended = [trial for trial in trials if trial.position == task.position and trial.status.has_ended]
    best = {setting: _best_rate(setting, ended, seeds) for setting in grid.settings}
    reference = next((best[setting] for setting in best if setting.method == grid.reference), ())
    return [
        _cell(run, setting, task, chosen, _values(reference, seeds), seeds)
        for setting, chosen in best.items()
        if chosen
    ]


def _best_rate(
    setting: Setting, ended: Sequence[TrialRecord], seeds: Mapping[int, int]
) -> tuple[TrialRecord, ...]:
    """The setting's trainings at the rate with the best mean; one at which more of them failed is worse."""

    def rank(trials: tuple[TrialRecord, ...]) -> tuple[int, float]:
        values = _values(trials, seeds)
        return len(values), fmean(values.values()) if values else 0.0

    at_rate = [
        tuple(t for t in ended if (t.method, t.learning_rate) == (setting.method, rate))
        for rate in setting.learning_rates
    ]
    return max(at_rate, key=rank)


def _values(trials: Sequence[TrialRecord], seeds: Mapping[int, int]) -> dict[int, float]:
    return {
        seeds[trial.seed]: trial.valid
        for trial in trials
        if trial.valid is not None and trial.status is TrialStatus.FINISHED
    }


def _cell(
    run: RunRecord,
    setting: Setting,
    task: TaskRecord,
    trials: Sequence[TrialRecord],
    reference: Mapping[int, float],
    seeds: Mapping[int, int],
) -> StudyCell:
    values = _values(trials, seeds)
    paired = [value - reference[seed] for seed, value in values.items() if seed in reference]
    return StudyCell(
        setting=setting,
        task=task,
        learning_rate=trials[0].learning_rate,
        values=values,
        num_failed=len(trials) - len(values),
        num_restarted=sum(any(note.startswith("restarted") for note in trial.notes) for trial in trials),
        num_params=trials[0].num_params,
        trained_fraction=trials[0].num_params / run.backbone_params,
        seconds=fmean(trial.seconds for trial in trials),
        difference=estimate(paired) if paired else None,
    )
