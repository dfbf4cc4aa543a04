"""What a choice makes of a plan: a range of sizes instead of one, and the training of its candidates."""

from collections.abc import Sequence
from dataclasses import dataclass

from stream.engine.choosing.candidates import swept_methods
from stream.engine.choosing.sweep import Sweep
from stream.engine.configuration import RunConfiguration
from stream.model.backbone.architecture import Architecture
from stream.model.methods.method import Method, sum_sites
from stream.plan.expected import ExpectedTask
from stream.results.selection.halving import rungs, spent_epochs

MAX_SIZES = 4
"""More sizes than these are shown as a range."""
_LABELS = 2
"""Outputs of the head that sizes are ordered by; it is the same for all of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """A method as it is planned."""

    label: str
    method: Method


def variants(
    configuration: RunConfiguration, method: Method, architecture: Architecture
) -> tuple[Variant, ...]:
    """A variant per size to choose among; of more than `MAX_SIZES` the smallest and the largest.

    Raises:
        UserError: the backbone cannot have one of them.
    """
    sweep = configuration.sweep
    if sweep is None or not (sweep.adapter_sizes or sweep.num_layers):
        return (Variant(label=configuration.method, method=method),)
    swept = list(swept_methods(sweep, method, configuration.method, architecture.num_layers))
    ordered = sorted(swept, key=lambda one: sum_sites(one[1].sites(architecture, _LABELS)).total)
    shown = ordered if len(ordered) <= MAX_SIZES else [ordered[0], ordered[-1]]
    return tuple(Variant(label=_label(text, made), method=made) for text, made in shown)


def _label(text: str, method: Method) -> str:
    size = method.options.get("adapter_size")
    return text if size is None else f"{text}:size={size}"


def choice_remark(sweep: Sweep, tasks: Sequence[ExpectedTask], num_layers: int) -> str:
    """One sentence: how many candidates a task has, and the training tokens of all of them."""
    sizes = sweep.adapter_sizes or dict.fromkeys(min(number, num_layers) for number in sweep.num_layers)
    num_same_length = max(1, len(sizes)) * max(1, len(sweep.learning_rates))
    num_candidates, spent, full = 0, 0, 0
    for task in tasks:
        if task.num_epochs is None or task.tokens_per_epoch is None:
            return "The training of the candidates is unknown: the number of tokens or of epochs is."
        shares = {max(1, round(share * task.num_epochs)) for share in sweep.epoch_shares}
        for length in sweep.epochs or shares or (task.num_epochs,):
            num_candidates += num_same_length
            steps = rungs(num_same_length, length, halving=sweep.halving)
            spent += spent_epochs(steps) * task.tokens_per_epoch
            full += num_same_length * length * task.tokens_per_epoch
    halved = f", {spent / 1e6:.1f} million by halving" if sweep.halving else ""
    return (
        f"Chosen on validation among {num_candidates} candidates for {len(tasks)} tasks: {full / 1e6:.1f} "
        f"million training tokens in full{halved}; the plan shows the training of one candidate a task."
    )
