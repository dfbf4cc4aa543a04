"""What a choice is made among: lists of settings, and the candidates that their product gives for a task."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from stream.learning.learner import Learner, PreparedTask
from stream.model.methods import Method, sum_sites
from stream.model.specification import method_named

PAPER_SIZES = (2, 4, 8, 16, 32, 64)
"""Adapter sizes of the paper's sweep over the 17 tasks (Houlsby et al. 2019, section 3.3)."""
PAPER_LAYERS = (1, 2, 3, 5, 7, 9, 11, 12)
"""Top layers of its variable fine-tuning (section 3.3); more than the backbone has are taken as all."""
PAPER_EPOCHS = (20, 50, 100)
"""Epochs of its sweep (section 3.3), which the paper chose among by hand."""
PAPER_RATES = (1e-5, 3e-5, 1e-4, 3e-4, 3e-3)
"""Rates of its two sweeps: {1e-5, 3e-5, 1e-4, 3e-3} on the 17 tasks, {3e-5, 3e-4, 3e-3} on GLUE (3.2)."""
RATE_RANGE = 10.0
"""Of these, a method tries those within this factor of its own default rate, and that one.

The paper gave adapters and fine-tuning one list. Here each method's default is a measured one
(`stream.model.catalogue`): rates a hundred times off only cost time.
"""
EPOCH_SHARES = tuple(epochs / PAPER_EPOCHS[-1] for epochs in PAPER_EPOCHS)
"""Shares of a token budget's epochs, in the paper's proportions: the budget is not exceeded."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """Settings to choose among; an empty list leaves the recipe's or method's own."""

    adapter_sizes: tuple[int, ...] = ()
    num_layers: tuple[int, ...] = ()
    """Top layers of variable fine-tuning."""
    learning_rates: tuple[float, ...] = ()
    epochs: tuple[int, ...] = ()
    epoch_shares: tuple[float, ...] = ()
    """Epochs as shares of what the recipe gives the task; instead of `epochs`."""
    halving: bool = True
    """Whether weaker candidates are stopped early."""


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


def rates_near(default: float) -> tuple[float, ...]:
    """The rates that `--learning-rate auto` tries for a method with this default, from low to high."""
    decades = math.log10(RATE_RANGE) + 1e-9
    near = {rate for rate in PAPER_RATES if abs(math.log10(rate / default)) <= decades}
    return tuple(sorted(near | {default}))


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
        for rate in sweep.learning_rates or (learner.recipe.learning_rate,):
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
        learning_rate=learner.recipe.for_task(task).learning_rate,
        num_epochs=learner.task_data(prepared).num_epochs,
        num_params=sum_sites(learner.sites(prepared.num_outputs)).total,
    )
