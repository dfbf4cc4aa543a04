"""What trials say: names that tell them apart, scores at a number of epochs, what a choice cost. No torch.

Everything is read from the records, so that a report says the same as the run did.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from db.records.trials import TrialRecord, TrialStatus
from stream.results.estimates import Difference
from stream.results.selection.halving import Standing


@dataclass(frozen=True, kw_only=True, slots=True)
class ChoiceCost:
    """What the choices among trials cost, beside training every candidate to its end."""

    num_trials: int
    num_tokens: int
    """Training tokens spent in this run."""
    reused_tokens: int
    """Training tokens that another run of the database had spent already."""
    full_tokens: int | None
    """Training tokens of the full grid; None while a candidate has no finished epoch."""
    seconds: float
    """Training time spent in this run."""

    @property
    def share(self) -> float | None:
        """Tokens that the choice took, wherever they were spent, of those of the full grid."""
        if not self.full_tokens:
            return None
        return (self.num_tokens + self.reused_tokens) / self.full_tokens


def size_of(trial: TrialRecord) -> tuple[str, int] | None:
    """Name and value of the option that a trial's size goes by: adapter size, top layers, rank, length."""
    for option, name in (("adapter_size", "size"), ("num_layers", "layers"), ("rank", "rank")):
        value = trial.options.get(option)
        if isinstance(value, int):
            return name, value
    return None


def labels_of(trials: Sequence[TrialRecord]) -> dict[str, str]:
    """What sets each trial of one task apart, by recipe: size, rate and epochs, as far as they vary."""
    facts = {
        trial.recipe_sha256: (
            " ".join(map(str, size_of(trial) or ("method", trial.method))),
            f"rate {trial.learning_rate:g}",
            f"{trial.num_epochs} epochs",
        )
        for trial in trials
    }
    varying = [i for i in range(3) if len({fact[i] for fact in facts.values()}) > 1] or [0, 1]
    return {recipe: ", ".join(fact[i] for i in varying) for recipe, fact in facts.items()}


def chosen_labels(trials: Sequence[TrialRecord], chosen: Mapping[int, TrialRecord]) -> dict[int, str]:
    """What was chosen for each task, by position: what sets it apart from the task's other candidates."""
    candidates: dict[int, list[TrialRecord]] = {position: [] for position in chosen}
    for trial in trials:
        if trial.position in candidates:
            candidates[trial.position].append(trial)
    return {at: labels_of(candidates[at] or [winner])[winner.recipe_sha256] for at, winner in chosen.items()}


def training_label(trial: TrialRecord) -> str:
    """What sets a training of a study apart: its method with all options, and its rate."""
    return f"{trial.method}, rate {trial.learning_rate:g}"


def score_after(trial: TrialRecord, num_epochs: int) -> float | None:
    """Validation metric of the best of the first epochs; None where undefined or the training failed.

    It is read from the history, so a trial that went further elsewhere is judged as one that did not.
    """
    values = [epoch.valid for epoch in trial.history[:num_epochs]]
    known = [value for value in values if value is not None and math.isfinite(value)]
    return None if trial.status is TrialStatus.FAILED or not known else max(known)


def standing_after(trial: TrialRecord, num_epochs: int) -> Standing:
    """How a trial stands among others of its length after so many epochs."""
    losses = [epoch.train_loss for epoch in trial.history[:num_epochs]]
    return Standing(
        score=score_after(trial, num_epochs),
        train_loss=losses[-1] if losses else math.inf,
        num_params=trial.num_params,
        learning_rate=trial.learning_rate,
    )


def choice_cost(trials: Sequence[TrialRecord]) -> ChoiceCost:
    """Add up what trials of one or several tasks cost, and what their full grid would."""
    known = [trial.num_epochs * trial.history[0].num_tokens for trial in trials if trial.history]
    return ChoiceCost(
        num_trials=len(trials),
        num_tokens=sum(trial.num_tokens - trial.reused_tokens for trial in trials),
        reused_tokens=sum(trial.reused_tokens for trial in trials),
        full_tokens=sum(known) if len(known) == len(trials) else None,
        seconds=sum(trial.seconds - trial.reused_seconds for trial in trials),
    )


def winners_of(trials: Sequence[TrialRecord], recipes: Mapping[int, str]) -> dict[int, TrialRecord]:
    """The chosen trial of each position, given the recipe that its arrival was learned by."""
    return {trial.position: trial for trial in trials if recipes.get(trial.position) == trial.recipe_sha256}


def choice_sentence(
    winner: TrialRecord,
    trials: Sequence[TrialRecord],
    *,
    best: TrialRecord | None = None,
    behind: Difference | None = None,
) -> str:
    """One sentence: what was chosen of how many, why not the best score, and what it cost.

    Args:
        winner: the chosen trial.
        trials: all of its task.
        best: the one with the best score, where it is another.
        behind: how much better that one is.
    """
    labels = labels_of(trials)
    chosen = f"chosen of {len(trials)} candidates" if len(trials) > 1 else "as chosen before"
    words = f"{chosen}: {labels[winner.recipe_sha256]}"
    if winner.valid is not None:
        words += f", valid {winner.valid:.4f}"
    if best is not None and behind is not None:
        words += (
            f" (the best, {labels[best.recipe_sha256]}, is {behind.value:.4f} better, within its standard "
            f"error of {behind.standard_error:.4f})"
        )
    share = choice_cost(trials).share
    return (
        words
        if share is None or len(trials) == 1
        else f"{words}; {share:.0%} of the full grid's training tokens"
    )
