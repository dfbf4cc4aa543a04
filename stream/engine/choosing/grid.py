"""The trainings of a study: each setting on each task under each seed, kept as trials, judged on validation.

Nothing arrives and no test split is read. What any run of the database trained by the same recipe is taken
over; a study that was killed goes on where it stood.
"""

from dataclasses import replace

from db import Ledger
from db.records import RunStatus
from db.records.trials import TrialRecord, TrialStatus
from stream.display.protocol import ChoosingProgress, Display
from stream.engine.choosing.candidates import Candidate, candidate_for
from stream.engine.choosing.judging import Judge
from stream.engine.choosing.study_grid import StudyGrid
from stream.engine.choosing.trying import Sitting, advanced, waiting_trial
from stream.engine.recording import task_record
from stream.engine.scheduler import Arrival, TaskStream, task_seed
from stream.learning.learner import Learner, PreparedTask
from stream.model.methods.specification import method_named
from stream.results.run_results import RunResults, load_results

Training = tuple[Arrival, Candidate]
"""A candidate beside the task under one of the study's seeds."""


def study_tasks(
    stream: TaskStream, learner: Learner, ledger: Ledger, display: Display, *, grid: StudyGrid, reuse: bool
) -> RunResults:
    """Make every training of the grid on every task of the stream.

    Args:
        stream: the tasks; its seed is not used.
        learner: backbone and recipe; method and rate are those of the settings.
        ledger: of the study's run.
        display: told of each training.
        grid: what is trained.
        reuse: whether what another run of the database trained is taken over.

    Raises:
        LedgerError: something could not be stored or read back; what was committed stays.
    """
    display.run_started(load_results(ledger))
    for arrival in stream:
        _study(arrival, learner, ledger, display, grid, reuse=reuse)
    ledger.set_status(RunStatus.FINISHED)
    return load_results(ledger)


def _study(
    arrival: Arrival, learner: Learner, ledger: Ledger, display: Display, grid: StudyGrid, *, reuse: bool
) -> None:
    done = ledger.trials(arrival.position)
    if len(done) >= grid.num_trainings and all(trial.status.has_ended for trial in done):
        return
    task = arrival.task
    display.arrival_started(arrival.position, task.name, task.data.value, len(task.train), task.num_classes)
    prepared = learner.prepare(task)
    ledger.record_task(task_record(arrival, prepared.truncated_fraction))
    trainings = _trainings(arrival, learner, prepared, grid)
    ledger.record_waiting_trials([waiting_trial(at, i, one) for i, (at, one) in enumerate(trainings)])
    judge = Judge(backbone=learner.backbone, valid=prepared.valid.tokens, scoring=prepared.scoring)
    best: TrialRecord | None = None
    for at, candidate in trainings:
        sitting = Sitting(
            arrival=at, prepared=prepared, ledger=ledger, display=display, judge=judge, reuse=reuse
        )
        best = _make(sitting, candidate, best, num_trainings=len(trainings))
    ledger.unlink_unused_trial_checkpoints()


def _trainings(arrival: Arrival, learner: Learner, prepared: PreparedTask, grid: StudyGrid) -> list[Training]:
    """Settings, then rates, then seeds: all seeds of a setting stand together."""
    made: list[Training] = []
    for setting in grid.settings:
        method = method_named(setting.method, adapter_size=1)
        for rate in setting.learning_rates:
            own = replace(learner, method=method, recipe=replace(learner.recipe, learning_rate=rate))
            for seed in grid.seeds:
                at = Arrival(
                    position=arrival.position,
                    name=arrival.name,
                    seed=task_seed(seed, arrival.name),
                    load=lambda: arrival.task,
                )
                made.append((at, candidate_for(own, setting.method, prepared, at.seed)))
    return made


def _make(
    sitting: Sitting, candidate: Candidate, best: TrialRecord | None, *, num_trainings: int
) -> TrialRecord | None:
    """Make one training; return the best of the task so far."""
    progress = ChoosingProgress.of_training(sitting.trial(candidate), num_trainings=num_trainings, best=best)
    sitting.display.candidate_progressed(progress)
    trial = advanced(sitting, candidate, candidate.num_epochs, 0)
    valid = trial.valid if trial.status is TrialStatus.FINISHED else None
    if valid is not None and (best is None or best.valid is None or valid > best.valid):
        best = trial
    if trial.status is TrialStatus.FAILED:
        sitting.display.notice(f"{sitting.arrival.name}, {progress.label}: {'; '.join(trial.notes)}")
    ended = ChoosingProgress.of_training(trial, num_trainings=num_trainings, best=best)
    sitting.display.candidate_progressed(replace(ended, valid=valid))
    return best
