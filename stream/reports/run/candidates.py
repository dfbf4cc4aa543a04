"""What a choice leaves in a report: one row per candidate, a sentence, and validation score over size."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from db.records.trials import TrialRecord, TrialStatus
from stream.reports.drawing import BLUE, GREEN, GREY, INK, ORANGE
from stream.reports.table import Value, write_table
from stream.results.run_results import RunResults
from stream.results.trials import choice_cost, size_of

CANDIDATE_COLUMNS = (
    *("run", "position", "task", "method", "size_option", "size", "learning_rate", "num_epochs", "seed"),
    *("rung", "epochs_done", "valid", "standard_error", "best_epoch", "num_params", "num_steps"),
    *("num_tokens", "reused_tokens", "seconds", "reused_seconds", "status", "winner", "source", "notes"),
)
_COLOURS = (BLUE, ORANGE, GREEN, GREY)
_MARKERS = ("o", "s", "D", "^")
_COLUMNS = 4
"""Small figures beside each other."""


def write_candidates(runs: Sequence[RunResults], path: Path) -> Path:
    """Write candidates.csv of one run or several. Raises UserError where the folder cannot be written."""
    return write_table(path, CANDIDATE_COLUMNS, (row for results in runs for row in candidate_rows(results)))


def candidate_rows(results: RunResults) -> Iterator[list[Value]]:
    """Yield one row per candidate, ordered by task and by size."""
    for trial in results.trials:
        chosen = results.chosen.get(trial.position)
        option, size = size_of(trial) or (None, None)
        yield [
            *(results.run.name, trial.position, results.run.task_names[trial.position], trial.method, option),
            *(size, trial.learning_rate, trial.num_epochs, trial.seed, trial.rung, len(trial.history)),
            *(trial.valid, _finite(trial.standard_error), trial.best_epoch, trial.num_params),
            *(trial.num_steps, trial.num_tokens, trial.reused_tokens, trial.seconds, trial.reused_seconds),
            trial.status.value,
            chosen is not None and chosen.recipe_sha256 == trial.recipe_sha256,
            trial.source or None,
            "; ".join(_notes(trial)),
        ]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _notes(trial: TrialRecord) -> Iterator[str]:
    if trial.valid is None:
        yield "valid empty: no epoch is finished, or the metric is undefined"
    if trial.status is TrialStatus.STOPPED:
        yield f"stopped early after {len(trial.history)} of {trial.num_epochs} epochs"
    if trial.source:
        yield (
            f"trained by run {trial.source}"
            if trial.reused_tokens == trial.num_tokens
            else (f"begun by run {trial.source}")
        )
    yield from trial.notes


def choice_text(results: RunResults) -> str:
    """One sentence on the choices of a run: what was chosen how often, and what that cost."""
    chosen = [results.chosen[position] for position in sorted(results.chosen)]
    before = results.run.configuration.get("choices_from")
    if before is not None:
        return f"settings per task are those that run {before} chose; {_sizes_text(chosen)}"
    cost = choice_cost(results.trials)
    tasks = f"{len(chosen)} task{'' if len(chosen) == 1 else 's'}"
    parts = [f"{cost.num_trials:,} candidates for {tasks}, judged on validation only"]
    parts.append(_sizes_text(chosen))
    spent = f"{cost.num_tokens / 1e6:.2f} million training tokens and {cost.seconds:,.0f} s spent"
    if cost.reused_tokens:
        spent += f", {cost.reused_tokens / 1e6:.2f} million more were in the database already"
    parts.append(spent)
    if cost.share is not None and cost.full_tokens is not None:
        parts.append(f"{cost.share:.0%} of the {cost.full_tokens / 1e6:.2f} million of the full grid")
    return "; ".join(parts)


def _sizes_text(chosen: Sequence[TrialRecord]) -> str:
    sizes = [size for trial in chosen if (size := size_of(trial)) is not None]
    if not sizes or len(sizes) < len(chosen):
        return "chosen: see candidates.csv"
    counted = Counter(value for _, value in sizes)
    shown = ", ".join(f"{value} ({count}x)" for value, count in sorted(counted.items()))
    mean = sum(value for _, value in sizes) / len(sizes)
    return f"chosen {sizes[0][0]} {shown}, mean {mean:.1f}"


def candidates_figure(results: RunResults) -> Figure:
    """Draw validation score over size, one small figure per task, one line per rate and length.

    Bars are standard errors; hollow marks were stopped early, at the epochs they had; a ring is the winner.
    """
    tasks = sorted({trial.position for trial in results.trials})
    columns = min(_COLUMNS, len(tasks))
    rows = -(-len(tasks) // columns)
    figure = Figure(figsize=(2.6 * columns + 0.8, 2.1 * rows + 1.0), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    labelled: dict[str, Line2D] = {}
    for index, position in enumerate(tasks):
        axes = grid[index // columns][index % columns]
        labelled |= _draw_task(axes, results, position)
    for index in range(len(tasks), rows * columns):
        grid[index // columns][index % columns].set_axis_off()
    figure.suptitle("Validation metric over size (ring: chosen, hollow: stopped early)")
    figure.supylabel("validation metric (0-1)")
    if len(labelled) > 1:
        figure.legend(
            list(labelled.values()), list(labelled), loc="outside lower center", ncols=4, frameon=False
        )
    return figure


def _draw_task(axes: Axes, results: RunResults, position: int) -> dict[str, Line2D]:
    trials = [trial for trial in results.trials if trial.position == position]
    settings = sorted({(trial.learning_rate, trial.num_epochs) for trial in trials})
    drawn: dict[str, Line2D] = {}
    for i, (rate, epochs) in enumerate(settings):
        line = [
            t for t in trials if (t.learning_rate, t.num_epochs) == (rate, epochs) and t.valid is not None
        ]
        colour, marker = _COLOURS[i % len(_COLOURS)], _MARKERS[i // len(_COLOURS) % len(_MARKERS)]
        handle = _draw_line(axes, line, colour, marker)
        if handle is not None:
            drawn[f"rate {rate:g}, {epochs} epochs" if _lengths(results) > 1 else f"rate {rate:g}"] = handle
    winner = results.chosen.get(position)
    if winner is not None and winner.valid is not None:
        axes.plot(_place(winner), winner.valid, "o", markersize=11, markerfacecolor="none", color=INK)
    axes.set_title(results.run.task_names[position], fontsize=8)
    axes.set_xscale("log", base=2)
    places = sorted({_place(trial) for trial in trials})
    axes.set_xticks(places, [f"{place:g}" for place in places], fontsize=7)
    axes.set_xlim(places[0] / 1.4, places[-1] * 1.4)
    axes.minorticks_off()
    axes.tick_params(axis="y", labelsize=7)
    axes.grid(axis="y", alpha=0.25)
    return drawn


def _lengths(results: RunResults) -> int:
    """Most lengths of training among the candidates of one task."""
    lengths: dict[int, set[int]] = {}
    for trial in results.trials:
        lengths.setdefault(trial.position, set()).add(trial.num_epochs)
    return max(map(len, lengths.values()))


def _draw_line(axes: Axes, trials: Sequence[TrialRecord], colour: str, marker: str) -> Line2D | None:
    """One rate: its candidates from small to large, joined; what was stopped early is hollow."""
    ordered = sorted(trials, key=_place)
    if not ordered:
        return None
    axes.plot([_place(t) for t in ordered], [t.valid or 0.0 for t in ordered], color=colour, alpha=0.4, lw=1)
    for trial in ordered:
        ended = trial.status is TrialStatus.FINISHED
        axes.errorbar(
            _place(trial),
            trial.valid or 0.0,
            yerr=_finite(trial.standard_error) or 0.0,
            color=colour,
            marker=marker,
            markersize=4,
            markerfacecolor=colour if ended else "none",
            elinewidth=0.8,
        )
    return axes.plot([], [], color=colour, marker=marker, markersize=4)[0]


def _place(trial: TrialRecord) -> float:
    """Where a trial stands on the axis: its size, or its parameters where it has none."""
    size = size_of(trial)
    return float(trial.num_params if size is None else size[1])


CAPTIONS: Mapping[str, str] = {
    "candidates": "Candidates on the validation split, with standard errors; the test split is read for the "
    "chosen one only."
}
