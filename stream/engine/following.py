"""A run followed from its ledger: what it recorded becomes the events that its own display heard.

It mirrors the loop in `stream.engine.simulator`. Every look is a few short reads, so a follower neither
blocks a run nor lets its log grow; a look costs as much as the arrival under way, however long the stream.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from db import Ledger
from db.records import EvaluationRecord, LearnedSplit, Owner, Regime, RunRecord, RunStatus, TaskRecord
from db.records.trials import TrialRecord, TrialStatus
from stream.display.protocol import ChoosingProgress, Display
from stream.results.comparisons import comparison
from stream.results.coverage import coverage_of
from stream.results.growth import GrowthCounter, StoredTask
from stream.results.run_results import load_results, num_classes, stored_tasks, task_result
from stream.results.selection.halving import rungs
from stream.results.trials import labels_of, score_after


@dataclass(kw_only=True, slots=True)
class Follower:
    """Tell a display what a ledger holds, and at every later look what came since.

    It mirrors the loop in `stream.engine.simulator`: `position` is the arrival under way, everything before
    it is complete.
    """

    ledger: Ledger
    display: Display
    position: int = 0
    announced: bool = False
    """Whether the display knows the task that is under way."""
    run: RunRecord = field(init=False)
    growth: GrowthCounter = field(init=False)
    learned: dict[tuple[int, str], LearnedSplit] = field(default_factory=dict)
    """By position and split, removed tasks included: what comparisons are made against."""

    def begin(self) -> None:
        """Show what the run has done so far. Raises DamageError where a row cannot be read."""
        results = load_results(self.ledger)
        self.display.run_started(results)
        run = results.run
        self.run = run
        self.growth = GrowthCounter(backbone_params=run.backbone_params, backbone_bytes=run.backbone_bytes)
        self.position = self.ledger.finished_arrivals(coverage_of(run).due)
        self.learned = {(one.position, one.split): one for one in self.ledger.learned_splits()}
        stored = stored_tasks(self.ledger.tasks(), self.ledger.parameters())
        for position in sorted(stored):
            if position < self.position:
                self.growth.add(stored[position])

    def look(self) -> None:
        """Show what came since the last look. Raises DamageError where a row cannot be read."""
        tasks = {task.position: task for task in self.ledger.tasks()}
        while self._look_at_arrival(tasks):
            self.position += 1
            self.announced = False

    def _look_at_arrival(self, tasks: dict[int, TaskRecord]) -> bool:
        """Show the arrival under way; True where it turns out to be complete."""
        task = tasks.get(self.position)
        if task is None:
            return False
        if not self.announced:
            self.display.arrival_started(
                task.position, task.name, task.data, task.num_train, num_classes(task)
            )
            self.announced = True
        candidate = candidate_in_training(self.ledger, self.position)
        if candidate is not None:
            self.display.candidate_progressed(candidate)
        for epoch in self.ledger.epochs(self.position):
            self.display.epoch_finished(epoch)
        records = {record.owner: record for record in self.ledger.parameters(self.position)}
        if Owner.OWN not in records:
            return False
        for split in self.ledger.learned_splits(self.position):
            self.learned[split.position, split.split] = split
        due = coverage_of(self.run).due(self.position)
        served = {(on, split) for on, split in self.learned if on in due and not tasks[on].removed_at}
        seen = self._look_at_row()
        if served - {(evaluation.on, evaluation.split) for evaluation in seen}:
            return False
        stored = StoredTask(name=task.name, own=records[Owner.OWN], shared=records.get(Owner.SHARED))
        diagonal = [evaluation for evaluation in seen if evaluation.on == self.position]
        self.display.arrival_finished(task_result(task, stored, diagonal), self.growth.add(stored))
        return True

    def _look_at_row(self) -> list[EvaluationRecord]:
        """Show the cells of the row and return them."""
        seen = [
            evaluation
            for evaluation in self.ledger.evaluations(after=self.position)
            if (evaluation.on, evaluation.split) in self.learned
        ]
        for evaluation in seen:
            self.display.task_evaluated(comparison(evaluation, self.learned[evaluation.on, evaluation.split]))
        return seen


def candidate_in_training(ledger: Ledger, position: int) -> ChoosingProgress | None:
    """The candidate that an arrival's choice trains now, as its rows show it; None where none is."""
    trials = ledger.trials(position)
    running = next((trial for trial in trials if trial.status is TrialStatus.RUNNING), None)
    if running is None or running.rung is None:
        return None
    run = ledger.run()
    if run.regime is Regime.STUDY:
        return _training_under_way(trials, running)
    sweep = run.configuration.get("sweep") or {}
    rivals = [trial for trial in trials if trial.num_epochs == running.num_epochs]
    steps = rungs(len(rivals), running.num_epochs, halving=bool(sweep.get("halving", True)))
    rung = min(running.rung, len(steps) - 1)
    done = [trial for trial in rivals if trial.rung == running.rung and trial is not running]
    scores = {t.recipe_sha256: score_after(t, steps[rung].num_epochs) for t in done}
    leader = max((t for t in done if scores[t.recipe_sha256] is not None), key=_valid, default=None)
    labels = labels_of(trials)
    return ChoosingProgress(
        position=position,
        number=len(done) + 1,
        num_candidates=steps[rung].num_candidates,
        label=labels[running.recipe_sha256],
        rung=rung,
        num_rungs=len(steps),
        num_epochs=steps[rung].num_epochs,
        valid=None,
        leader="" if leader is None else labels[leader.recipe_sha256],
        leader_valid=None if leader is None else scores[leader.recipe_sha256],
    )


def _training_under_way(trials: Sequence[TrialRecord], running: TrialRecord) -> ChoosingProgress:
    done = [trial for trial in trials if trial.status is TrialStatus.FINISHED and trial.valid is not None]
    best = max(done, key=_valid, default=None)
    return ChoosingProgress.of_training(running, num_trainings=len(trials), best=best)


def _valid(trial: TrialRecord) -> float:
    return trial.valid or 0.0


def follow(ledger: Ledger, display: Display, wait: Callable[[], None]) -> RunRecord:
    """Show a run until it ends, with `wait()` between looks; return how it ended.

    Raises DamageError where a row cannot be read.
    """
    follower = Follower(ledger=ledger, display=display)
    follower.begin()
    while ledger.run().status is RunStatus.RUNNING:
        follower.look()
        wait()
    follower.look()
    results = load_results(ledger)
    display.run_finished(results, (f"The run '{results.run.name}' is {results.run.status.value}.",))
    return results.run
