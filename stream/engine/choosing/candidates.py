"""The candidates that the lists of a sweep give for a task: their product, each training once."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from stream.engine.choosing.sweep import Sweep
from stream.learning.learner import Learner, PreparedTask
from stream.model.methods.method import Method, sum_sites
from stream.model.methods.specification import method_named


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One way to learn a task."""

    learner: Learner
    method: str
    """As the command line names it."""
    recipe_sha256: str
    learning_rate: float
    num_epochs: int
    num_params: int
    """Parameters that it stores."""


def candidates(
    sweep: Sweep, learner: Learner, method: str, prepared: PreparedTask, seed: int
) -> tuple[Candidate, ...]:
    """The candidates for a task, from small to large; each training is named once.

    Args:
        sweep: the lists.
        learner: backbone, and the method and recipe where a list is empty.
        method: the method as the command line names it.
        prepared: the task; only its training split is looked at, for its length.
        seed: of the arrival.

    Raises:
        UserError: the backbone cannot have one of the methods.
    """
    found: dict[str, Candidate] = {}
    for text, own in swept_methods(sweep, learner.method, method, learner.backbone.architecture.num_layers):
        for rate in sweep.learning_rates or (learner.recipe.peak_rate,):
            for epochs in _epochs(sweep, learner, prepared):
                recipe = replace(learner.recipe, learning_rate=rate, num_epochs=epochs)
                made = candidate_for(replace(learner, method=own, recipe=recipe), text, prepared, seed)
                found.setdefault(made.recipe_sha256, made)
    ordered = sorted(found.values(), key=lambda c: (c.num_params, c.learning_rate, c.num_epochs))
    return tuple(ordered)


def swept_methods(sweep: Sweep, method: Method, text: str, num_layers: int) -> Iterator[tuple[str, Method]]:
    """The methods of a sweep, each with its name; the method itself where none is swept.

    Args:
        sweep: the lists.
        method: the one that the lists vary.
        text: its name on the command line.
        num_layers: of the backbone.
    """
    if sweep.num_layers:
        for number in dict.fromkeys(min(number, num_layers) for number in sweep.num_layers):
            name = f"{method.name}:{number}"
            yield name, method_named(name, adapter_size=1)
    elif sweep.adapter_sizes:
        for size in sweep.adapter_sizes:
            yield text, method_named(text, adapter_size=size)
    else:
        yield text, method


def _epochs(sweep: Sweep, learner: Learner, prepared: PreparedTask) -> tuple[int | None, ...]:
    """Values of the recipe's `num_epochs`; what the recipe gives anyway stays as it is written there."""
    given = learner.recipe.num_epochs
    if sweep.epochs:
        return sweep.epochs
    if not sweep.epoch_shares:
        return (given,)
    budget = learner.task_data(prepared).num_epochs
    wanted = dict.fromkeys(max(1, round(share * budget)) for share in sweep.epoch_shares)
    return tuple(given if epochs == budget else epochs for epochs in wanted)


def candidate_for(learner: Learner, text: str, prepared: PreparedTask, seed: int) -> Candidate:
    """The training of a task by a learner as it is.

    Args:
        learner: with the candidate's method and recipe.
        text: the method as the command line names it.
        prepared: the task.
        seed: of the arrival.
    """
    task = prepared.task
    return Candidate(
        learner=learner,
        method=text,
        recipe_sha256=learner.recipe_identity(task, seed),
        learning_rate=learner.recipe.for_task(task).peak_rate,
        num_epochs=learner.task_data(prepared).num_epochs,
        num_params=sum_sites(learner.sites(prepared.num_outputs)).total,
    )
