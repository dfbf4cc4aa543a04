"""Choosing how a task is learned: candidates are trained and judged on validation; the chosen one arrives.

No candidate sees the test split: it is read once, for the winner, whose tensors come from the ledger's bytes.
The winner depends on task, seed and recipe, never on the position, nor on what was trained before.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from db import Ledger
from db.records import Owner
from db.records.trials import TrialRecord, TrialStatus
from stream.display.protocol import ChoosingProgress, Display
from stream.engine.choosing.candidates import Candidate, candidates
from stream.engine.choosing.judging import Judge
from stream.engine.choosing.reuse import learned_from
from stream.engine.choosing.sweep import Sweep
from stream.engine.choosing.trying import Sitting, advanced, waiting_trial
from stream.engine.recording import begin_arrival, record_learned
from stream.engine.scheduler import Arrival
from stream.errors import DamageError, TrainingError, UserError
from stream.learning.learner import Learned, Learner, PreparedTask
from stream.model.backbone.parameters import TaskParameters
from stream.results.selection.choice import Chosen, Finalist, choose
from stream.results.selection.halving import Rung, Standing, going_on, rungs
from stream.results.trials import choice_sentence, labels_of, score_after, standing_after, winners_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """How arrivals are chosen for."""

    sweep: Sweep
    method: str
    """As the command line names it."""
    chosen_before: Callable[[str], TrialRecord | None] | None = None
    """What another run chose for the task of a name: its settings are taken, and nothing is swept here."""
    reuse: bool = True
    """Whether what another run of the database trained is taken over."""

    def candidates(self, learner: Learner, prepared: PreparedTask, seed: int) -> tuple[Candidate, ...]:
        """The candidates for a task.

        Raises:
            UserError: the run whose choices are taken has none for the task.
        """
        swept = candidates(self.sweep, learner, self.method, prepared, seed)
        if self.chosen_before is None:
            return swept
        before = self.chosen_before(prepared.task.name)
        same = tuple(one for one in swept if before is not None and _is_same(one, before))
        if not same:
            raise UserError(
                f"The settings of task '{prepared.task.name}' are taken from the first seed's run, which has "
                "none for it; finish that run with --resume, or start again with another --name."
            )
        return same[:1]


def _is_same(candidate: Candidate, trial: TrialRecord) -> bool:
    settings = (candidate.method, candidate.learning_rate, candidate.num_epochs)
    options = dict(candidate.learner.method.options)
    return settings == (trial.method, trial.learning_rate, trial.num_epochs) and options == trial.options


def choose_arrival(
    arrival: Arrival, learner: Learner, ledger: Ledger, display: Display, *, choice: Choice
) -> None:
    """Learn one arrival by the best of its candidates, and commit it.

    Raises:
        TrainingError: no candidate could be trained.
        UserError: the run whose choices are taken has none for the task.
        DamageError: stored tensors are not what was trained.
    """
    prepared = begin_arrival(arrival, learner, ledger, display)
    listed = choice.candidates(learner, prepared, arrival.seed)
    ledger.record_waiting_trials([waiting_trial(arrival, i, one) for i, one in enumerate(listed)])
    sitting = Sitting(
        arrival=arrival,
        prepared=prepared,
        ledger=ledger,
        display=display,
        judge=Judge(backbone=learner.backbone, valid=prepared.valid.tokens, scoring=prepared.scoring),
        reuse=choice.reuse,
    )
    finished = _finished(sitting, listed, halving=choice.sweep.halving)
    chosen = choose([_finalist(sitting, candidate) for candidate in finished])
    winner = finished[chosen.winner]
    sentence = _sentence(sitting, finished, chosen)
    learned = _learned(sitting, winner, (sentence,) if len(listed) > 1 else ())
    for epoch in sitting.trial(winner).history:
        ledger.record_epoch(epoch)
    record_learned(arrival, learned, winner.learner, ledger)
    ledger.unlink_unused_trial_checkpoints()
    display.candidate_chosen(arrival.position, sentence)


def _finished(sitting: Sitting, listed: Sequence[Candidate], *, halving: bool) -> list[Candidate]:
    """The candidates that come to their end: those of one length are halved among themselves."""
    ended: list[Candidate] = []
    for length in sorted({candidate.num_epochs for candidate in listed}):
        alive = [candidate for candidate in listed if candidate.num_epochs == length]
        steps = rungs(len(alive), length, halving=halving)
        for i in range(len(steps)):
            standings = _climb(sitting, alive, steps, i)
            if i + 1 < len(steps):
                kept = going_on(standings, steps[i + 1].num_candidates, sitting.judge.num_examples)
                alive = [candidate for candidate in alive if candidate.recipe_sha256 in kept]
        ended += [one for one in alive if sitting.trial(one).status is TrialStatus.FINISHED]
    if not ended:
        raise TrainingError(
            f"No candidate for task '{sitting.arrival.name}' could be trained: the loss was not finite; "
            "choose lower values of --learning-rate."
        )
    return ended


def _climb(
    sitting: Sitting, alive: Sequence[Candidate], steps: Sequence[Rung], i: int
) -> dict[str, Standing]:
    """Bring each candidate to the end of a rung; return how they stand there, by recipe."""
    labels, standings = labels_of(sitting.ledger.trials(sitting.position)), dict[str, Standing]()
    leader, leader_valid = "", None
    for number, candidate in enumerate(alive, start=1):
        progress = ChoosingProgress(
            position=sitting.position,
            number=number,
            num_candidates=len(alive),
            label=labels[candidate.recipe_sha256],
            rung=i,
            num_rungs=len(steps),
            num_epochs=steps[i].num_epochs,
            valid=None,
            leader=leader,
            leader_valid=leader_valid,
        )
        sitting.display.candidate_progressed(progress)
        trial = advanced(sitting, candidate, steps[i].num_epochs, i)
        score = score_after(trial, steps[i].num_epochs)
        standings[candidate.recipe_sha256] = standing_after(trial, steps[i].num_epochs)
        if score is not None and (leader_valid is None or score > leader_valid):
            leader, leader_valid = progress.label, score
        sitting.display.candidate_progressed(
            replace(progress, valid=score, leader=leader, leader_valid=leader_valid)
        )
    return standings


def _finalist(sitting: Sitting, candidate: Candidate) -> Finalist:
    trial = sitting.trial(candidate)
    assert trial.predictions_sha256 is not None
    predictions = sitting.ledger.predictions(trial.predictions_sha256)
    score = score_after(trial, trial.num_epochs)
    return Finalist(
        score=float("-inf") if score is None else score,
        num_params=trial.num_params,
        num_epochs=trial.num_epochs,
        learning_rate=trial.learning_rate,
        judged=sitting.judge.judged(predictions),
    )


def _sentence(sitting: Sitting, finished: Sequence[Candidate], chosen: Chosen) -> str:
    return choice_sentence(
        sitting.trial(finished[chosen.winner]),
        sitting.ledger.trials(sitting.position),
        best=None if chosen.behind is None else sitting.trial(finished[chosen.best]),
        behind=chosen.behind,
    )


def _learned(sitting: Sitting, winner: Candidate, notes: tuple[str, ...]) -> Learned:
    """What the winner learned, from the ledger's bytes; only now is the test split read."""
    trial = sitting.trial(winner)
    own = TaskParameters.from_bytes(sitting.ledger.trial_content(trial))
    again, plan = sitting.judge.evaluate(own)
    if plan.sha256 == trial.plan_sha256 and again.logits_sha256 != trial.logits_sha256:
        raise DamageError(
            f"Task '{sitting.arrival.name}': the stored tensors of the chosen candidate give validation "
            f"logits with SHA-256 {again.logits_sha256}, in memory they gave {trial.logits_sha256}."
        )
    return learned_from(trial, own, winner.learner, sitting.prepared, notes)


def chosen_by(ledger: Ledger, task: str) -> TrialRecord | None:
    """What a run chose for the task of a name; None where it has not."""
    recipes = {record.position: record.recipe_sha256 for record in ledger.parameters(owner=Owner.OWN)}
    names = ledger.run().task_names
    winners = winners_of(ledger.trials(), recipes)
    return next((trial for position, trial in winners.items() if names[position] == task), None)
