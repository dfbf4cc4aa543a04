"""The ablations of a run in sentences, for the terminal, summary.md and the page."""

from collections.abc import Sequence

from stream.study.ablation.values import Ablation
from stream.words import count, number, signed_percent

WHAT_STAYS = (
    "Adapters are left out of the trained model and the validation split is evaluated again; nothing is "
    "trained again, and the trained layer norms and head stay as they are."
)
PAPER = (
    "Houlsby et al. 2019 (section 3.6, Figure 6; BERT-base, size 64): no single layer's adapters are worth "
    "more than 2 %, without any the model falls to the majority class (37 % on MNLI, 69 % on CoLA), and "
    "the adapters of lower layers matter less than those of upper ones (layers 0 to 4 on MNLI hardly)."
)


def ablation_lines(ablations: Sequence[Ablation]) -> tuple[str, ...]:
    """Return one sentence a task for the terminal."""
    return tuple(f"{ablation.task}: {task_text(ablation)}" for ablation in ablations)


def task_text(ablation: Ablation) -> str:
    """Return a sentence on one task: with all adapters, the costliest layer, none, the majority class."""
    parts = [f"{ablation.metric} {number(ablation.value)} with all adapters"]
    if (costliest := ablation.costliest_layer) is not None:
        layer, change = costliest
        parts.append(f"at most {signed_percent(change)} without those of one layer ({layer})")
    if (whole := ablation.change(ablation.whole)) is not None:
        parts.append(f"{number(ablation.values[ablation.whole])} ({signed_percent(whole)}) without any")
    if (majority := majority_change(ablation)) is not None:
        parts.append(f"majority class {number(ablation.majority_class)} ({signed_percent(majority)})")
    if not ablation.is_complete:
        parts.append(f"{len(ablation.values)} of {ablation.num_spans} spans measured so far")
    return ", ".join(parts)


def ablations_text(ablations: Sequence[Ablation]) -> str:
    """Return one sentence on all tasks of a run."""
    if len(ablations) == 1:
        return f"{ablations[0].task}: {task_text(ablations[0])}"
    costliest = [(c[1], c[0], a.task) for a in ablations if (c := a.costliest_layer) is not None]
    wholes = [change for a in ablations if (change := a.change(a.whole)) is not None]
    parts = [f"validation of {count(len(ablations), 'task')}, nothing trained again"]
    if costliest:
        change, layer, task = min(costliest)
        parts.append(f"at most {signed_percent(change)} without those of one layer ({task}, layer {layer})")
    if wholes:
        parts.append(f"{signed_percent(min(wholes))} to {signed_percent(max(wholes))} without any")
    return ": ".join([parts[0], ", ".join(parts[1:])]) if parts[1:] else parts[0]


def majority_change(ablation: Ablation) -> float | None:
    """The relative change to the majority class's value; None where there is none."""
    return ablation.change_to(ablation.majority_class)
