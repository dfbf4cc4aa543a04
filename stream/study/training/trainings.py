"""The CSV files of a study of trainings: one row per training, and one per setting with means over seeds."""

from collections.abc import Iterator
from pathlib import Path

from db.records.trials import TrialRecord, TrialStatus
from stream.reports.table import Value, write_table
from stream.study.training.results import StudyCell, StudyResults

TRAINING_COLUMNS = (
    *("study", "position", "task", "data", "metric", "method", "learning_rate", "seed", "num_epochs"),
    *("epochs_done", "valid", "standard_error", "best_epoch", "num_params", "trained_fraction"),
    *("num_tokens", "reused_tokens", "seconds", "status", "source", "notes"),
)
SETTING_COLUMNS = (
    *("study", "task", "data", "metric", "series", "x", "method", "learning_rate", "num_seeds"),
    *("num_failed", "num_restarted", "mean", "standard_error", "difference"),
    *("difference_standard_error", "num_params", "trained_fraction", "seconds", "notes"),
)


def write_study_tables(study: StudyResults, out: Path) -> tuple[Path, ...]:
    """Write trainings.csv and settings.csv. Raises UserError where the folder cannot be written."""
    return (
        write_table(out / "trainings.csv", TRAINING_COLUMNS, training_rows(study)),
        write_table(out / "settings.csv", SETTING_COLUMNS, setting_rows(study)),
    )


def training_rows(study: StudyResults) -> Iterator[list[Value]]:
    """Yield one row per training, in the order in which they are made."""
    tasks = {task.position: task for task in study.tasks}
    for trial in study.trials:
        task = tasks[trial.position]
        yield [
            *(study.grid.name, trial.position, task.name, task.data, task.metric, trial.method),
            *(trial.learning_rate, study.seed_of(trial), trial.num_epochs, len(trial.history)),
            *(trial.valid, trial.standard_error, trial.best_epoch, trial.num_params),
            *(trial.num_params / study.run.backbone_params, trial.num_tokens, trial.reused_tokens),
            *(trial.seconds, trial.status.value, trial.source or None, "; ".join(_training_notes(trial))),
        ]


def _training_notes(trial: TrialRecord) -> Iterator[str]:
    if trial.status is TrialStatus.FAILED:
        yield "valid empty: the loss was not finite"
    elif trial.valid is None:
        yield "valid empty: no epoch is finished, or the metric is undefined"
    yield from trial.notes


def setting_rows(study: StudyResults) -> Iterator[list[Value]]:
    """Yield one row per task and setting, at the best of its rates."""
    for cell in study.cells:
        estimate, difference = cell.estimate, cell.difference
        setting = cell.setting
        yield [
            *(study.grid.name, cell.task.name, cell.task.data, cell.task.metric, setting.series, setting.x),
            *(setting.method, cell.learning_rate, len(cell.values), cell.num_failed, cell.num_restarted),
            *((None, None) if estimate is None else (estimate.mean, estimate.standard_error)),
            *((None, None) if difference is None else (difference.mean, difference.standard_error)),
            *(cell.num_params, cell.trained_fraction, cell.seconds, "; ".join(_setting_notes(study, cell))),
        ]


def _setting_notes(study: StudyResults, cell: StudyCell) -> Iterator[str]:
    if cell.num_failed:
        yield f"{cell.num_failed} of {cell.num_failed + len(cell.values)} trainings gave no finite loss"
    if cell.num_restarted:
        yield f"{cell.num_restarted} began again at a lower rate, the loss was not finite"
    if cell.difference is None:
        yield "difference empty: the study has no reference, or no seed in common with it"
    elif cell.setting.method == study.grid.reference:
        yield "the reference"
    if len(cell.setting.learning_rates) > 1:
        yield f"best of {len(cell.setting.learning_rates)} rates by mean on validation"
