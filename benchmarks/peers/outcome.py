"""What the sides of a comparison gave: figures, ratios and tables."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.rounds import Answer
from benchmarks.peers.sides import REEVALUATION, TRAINING, Side
from benchmarks.result import Figure, Result, ratios

_MEGABYTE = 1e6


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingOutcome:
    """Answers of all trainings."""

    rounds: Mapping[Side, Sequence[Mapping[str, Answer]]]
    """By side, repeat and task."""
    chosen: Mapping[Side, Answer]
    """Settings that each side trained with."""
    repeats: int
    seeds: int
    failures: tuple[str, ...]

    def speeds(self, side: Side) -> tuple[float, ...]:
        """Tokens per second of each repeat, padding not counted, over all tasks together."""
        return tuple(
            sum(answer["tokens"] for answer in tasks.values())
            / sum(answer["seconds"] for answer in tasks.values())
            for tasks in self.rounds[side][: self.repeats]
        )

    def of_task(self, side: Side, task: str, what: str) -> tuple[float, ...]:
        """`accuracy` or `loss` of a task, by seed."""
        return tuple(tasks[task][what] for tasks in self.rounds[side][: self.seeds])

    def peak_bytes(self, side: Side) -> int:
        """Largest resident memory of the side's process."""
        return max(answer["peak_bytes"] for tasks in self.rounds[side] for answer in tasks.values())

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the trained tasks."""
        return tuple(next(iter(self.rounds.values()))[0]) if self.rounds else ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ReevaluationOutcome:
    """Answers of all re-evaluations."""

    rounds: Mapping[Side, Sequence[Answer]]
    chosen: Mapping[Side, Answer]
    failures: tuple[str, ...]

    def speeds(self, side: Side) -> tuple[float, ...]:
        """Examples per second of each repeat."""
        return tuple(answer["examples"] / answer["seconds"] for answer in self.rounds[side])

    def peak_bytes(self, side: Side) -> int:
        """Largest resident memory of the side's process."""
        return max(int(answer["peak_bytes"]) for answer in self.rounds[side])


def peers_result(
    training: TrainingOutcome,
    reevaluation: ReevaluationOutcome,
    *,
    setting: Mapping[str, Any],
    failures: tuple[str, ...],
) -> Result:
    """All figures, with a table for each half."""
    chosen = {
        f"{what}: {side.name}": {k: v for k, v in answer.items() if k != "peak_bytes"}
        for what, outcome in (("training", training), ("re-evaluation", reevaluation))
        for side, answer in outcome.chosen.items()
    }
    return Result(
        title="this project beside adapters, PEFT and the Trainer: same tokens, backbone, steps and threads",
        figures=tuple(_training_figures(training) + _reevaluation_figures(reevaluation)),
        setting={**setting, "chosen": chosen},
        tables=(_training_table(training), _reevaluation_table(reevaluation)),
        failures=failures,
    )


def _training_figures(outcome: TrainingOutcome) -> list[Figure]:
    figures: list[Figure] = []
    for group in TRAINING.values():
        present = [side for side in group if side in outcome.rounds]
        for side in present:
            figures += [
                Figure(name=f"training: {side.name}", unit="tokens/s", values=outcome.speeds(side)),
                Figure(
                    name=f"training: {side.name}: peak memory",
                    unit="MB",
                    values=(outcome.peak_bytes(side) / _MEGABYTE,),
                ),
            ]
            figures += [
                Figure(
                    name=f"training: {side.name}: {task}, {what}",
                    unit="",
                    values=outcome.of_task(side, task, what),
                )
                for task in outcome.tasks
                for what in ("accuracy", "loss")
            ]
        figures += _ratios("training", {side: outcome.speeds(side) for side in present})
    return figures


def _reevaluation_figures(outcome: ReevaluationOutcome) -> list[Figure]:
    present = [side for side in REEVALUATION if side in outcome.rounds]
    figures = [
        Figure(name=f"re-evaluation: {side.name}", unit="examples/s", values=outcome.speeds(side))
        for side in present
    ]
    figures += [
        Figure(
            name=f"re-evaluation: {side.name}: peak memory",
            unit="MB",
            values=(outcome.peak_bytes(side) / _MEGABYTE,),
        )
        for side in present
    ]
    return figures + _ratios("re-evaluation", {side: outcome.speeds(side) for side in present})


def _ratios(what: str, speeds: Mapping[Side, tuple[float, ...]]) -> list[Figure]:
    """This project over each other side, repeat by repeat; none where this project has no figures."""
    ours = [side for side in speeds if side.ours]
    return [
        Figure(
            name=f"{what}: {ours[0].name} / {side.name}",
            unit="x",
            values=ratios(speeds[ours[0]], speeds[side]),
        )
        for side in speeds
        if ours and not side.ours
    ]


def _training_table(outcome: TrainingOutcome) -> str:
    heads = ["training", "tokens/s", "this project is faster by", "peak MB", "trained"]
    rows = [heads + [f"{task}: accuracy (loss)" for task in outcome.tasks]]
    for group in TRAINING.values():
        present = [side for side in group if side in outcome.rounds]
        ours = next((outcome.speeds(side) for side in present if side.ours), None)
        for side in present:
            speeds = outcome.speeds(side)
            row = _speed_cells(side, speeds, ours, outcome.peak_bytes(side))
            row.append(f"{outcome.rounds[side][0][outcome.tasks[0]]['num_trained']:,}")
            row += [_accuracy_cell(outcome, side, task) for task in outcome.tasks]
            rows.append(row)
    return _markdown(rows)


def _accuracy_cell(outcome: TrainingOutcome, side: Side, task: str) -> str:
    accuracies = outcome.of_task(side, task, "accuracy")
    spread = f" ± {statistics.stdev(accuracies):.3f}" if len(accuracies) > 1 else ""
    loss = statistics.mean(outcome.of_task(side, task, "loss"))
    return f"{statistics.mean(accuracies):.3f}{spread} ({loss:.2f})"


def _reevaluation_table(outcome: ReevaluationOutcome) -> str:
    present = [side for side in REEVALUATION if side in outcome.rounds]
    ours = next((outcome.speeds(side) for side in present if side.ours), None)
    rows = [["re-evaluation", "examples/s", "this project is faster by", "peak MB"]]
    rows += [_speed_cells(side, outcome.speeds(side), ours, outcome.peak_bytes(side)) for side in present]
    return _markdown(rows)


def _speed_cells(
    side: Side, speeds: tuple[float, ...], ours: tuple[float, ...] | None, peak_bytes: int
) -> list[str]:
    faster = ""
    if ours is not None and not side.ours:
        factors = ratios(ours, speeds)
        faster = f"{statistics.median(factors):.2f} ({min(factors):.2f} to {max(factors):.2f})"
    return [side.name, f"{statistics.median(speeds):,.0f}", faster, f"{peak_bytes / _MEGABYTE:,.0f}"]


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table whose first row is its head."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])
