"""The run as plain lines, one per event that matters, for log files and terminals that are none.

Every line begins with the time since the start and is complete by itself: no carriage returns, no escape
codes, ASCII as long as the names are. Each is flushed at once.
"""

import sys
import time
from collections.abc import Callable

import stream.display.state as states
from db.records import EpochRecord, Regime
from stream.display.estimate import seconds_left
from stream.display.protocol import ChoosingProgress, TrainingProgress
from stream.display.state import CurrentArrival, StreamState
from stream.display.writer import LineWriter, TextStream
from stream.results.comparisons import Comparison, Proof, proof_of
from stream.results.growth import GrowthPoint
from stream.results.run_results import RunResults, TaskResult
from stream.words import class_words, duration, factor, percent, plural, rough_duration, signed_forgetting

SECONDS_BETWEEN_PROGRESS = 30.0
"""A long epoch shows a sign of life this often, and no more often."""


class PlainDisplay:
    """Write lines that tell the whole run when read later.

    Arguments:
        output: where lines go.
        clock: any monotonic clock, in seconds.
        elapsed_seconds: how long the run has been going on already.
    """

    def __init__(
        self,
        *,
        output: TextStream | None = None,
        clock: Callable[[], float] = time.monotonic,
        elapsed_seconds: float = 0.0,
    ) -> None:
        self._writer = LineWriter(output or sys.stdout)
        self._clock = clock
        self._started_at = clock() - elapsed_seconds
        self._written_at = clock()
        self._state: StreamState | None = None
        self._row = proof_of((), num_arrivals=0)
        """The proof before the arrival under way."""

    def __enter__(self) -> "PlainDisplay":
        return self

    def __exit__(self, *exc: object) -> None:
        return

    def run_started(self, results: RunResults) -> None:
        """Write what runs, and how much of it is done already."""
        run = results.run
        self._state = states.state_from_results(results, self._clock(), started_at=self._started_at)
        self._row = self._state.proof
        self._write(
            f"run {run.name}: {plural(len(run.task_names), 'task')} of {run.suite}, method {run.method}, "
            f"backbone {run.backbone} ({run.backbone_params:,} parameters)"
        )
        if results.tasks:
            self._write(f"{plural(len(results.tasks), 'task')} learned already")

    def arrival_started(self, position: int, name: str, data: str, num_train: int, num_labels: int) -> None:
        """Write name, data and sizes."""
        arrival = CurrentArrival(
            position=position,
            name=name,
            data=data,
            num_train=num_train,
            num_labels=num_labels,
            started_at=self._clock(),
        )
        if self._advance(states.arrival_started(self._before, arrival)):
            self._write_task(
                position,
                f"{_data_words(data)}, {plural(num_train, 'training example')}, {class_words(num_labels)}",
            )

    def training_progressed(self, progress: TrainingProgress) -> None:
        """Write a sign of life, at most one line in SECONDS_BETWEEN_PROGRESS."""
        self._advance(states.training_progressed(self._before, progress, self._clock()))
        if self._clock() - self._written_at >= SECONDS_BETWEEN_PROGRESS:
            self._write_task(
                progress.position,
                f"step {progress.step:,} of {progress.num_steps:,}, epoch {progress.epoch + 1} of "
                f"{progress.num_epochs}, loss {progress.train_loss:.3f}, "
                f"{progress.tokens_per_second:,.0f} tokens/s",
            )

    def epoch_finished(self, epoch: EpochRecord) -> None:
        """Write loss, validation, rate and speed of an epoch; candidates get a line per rung instead."""
        is_new = self._advance(states.epoch_finished(self._before, epoch, self._clock()))
        current = self._before.current
        if is_new and (current is None or current.choosing is None):
            speed = epoch.num_tokens / epoch.seconds if epoch.seconds > 0 else 0.0
            again = " (again, at a lower rate)" if epoch.attempt else ""
            self._write_task(
                epoch.position,
                f"epoch {epoch.epoch + 1}{again}: loss {epoch.train_loss:.3f}, valid {percent(epoch.valid)}, "
                f"rate {epoch.learning_rate:.1e}, {speed:,.0f} tokens/s, {duration(epoch.seconds)}",
            )

    def candidate_progressed(self, progress: ChoosingProgress) -> None:
        """Write how a candidate stands at the end of a rung."""
        is_new = self._advance(states.candidate_progressed(self._before, progress, self._clock()))
        if is_new and progress.valid is not None:
            rung = f", rung {progress.rung + 1} of {progress.num_rungs}" if progress.num_rungs > 1 else ""
            leads = "leads" if progress.leader == progress.label else f"behind {progress.leader}"
            self._write_task(
                progress.position,
                f"candidate {progress.number} of {progress.num_candidates}{rung} ({progress.label}): "
                f"valid {percent(progress.valid)} after {plural(progress.num_epochs, 'epoch')}, {leads}",
            )

    def candidate_chosen(self, position: int, sentence: str) -> None:
        """Write what was chosen, and why."""
        self._write_task(position, sentence)

    def task_evaluated(self, comparison: Comparison) -> None:
        """Count it; a comparison that is not equal is written at once."""
        before = self._before.proof.num_different
        self._advance(states.task_evaluated(self._before, comparison, self._clock()))
        if self._before.proof.num_different > before and self._before.run.isolated:
            split = "" if comparison.is_main else f" ({comparison.split})"
            self._write_task(
                comparison.after,
                f"NOT EQUAL: {self._before.run.task_names[comparison.on]}{split} gives "
                f"{percent(comparison.value)}, "
                f"{percent(comparison.value_when_learned)} when learned, "
                f"{plural(comparison.changed_predictions, 'changed prediction')}",
            )

    def arrival_finished(self, task: TaskResult, point: GrowthPoint) -> None:
        """Write what the arrival came to, in one line."""
        if not self._advance(states.arrival_finished(self._before, task, point)):
            return
        parts = [_result_words(task), _comparison_words(self._row, self._before.proof, task.position + 1)]
        self._row = self._before.proof
        if self._before.forgetting is not None:
            parts.append(f"forgetting {signed_forgetting(self._before.forgetting)}")
        if self._before.run.regime is not Regime.SEPARATE:
            separate = factor(point.separate_models_factor)
            parts.append(f"growth {factor(point.growth_factor)} (separate models {separate})")
        parts += [] if task.seconds is None else [f"trained in {duration(task.seconds)}"]
        left = seconds_left(self._before, self._clock())
        parts += [f"{rough_duration(left)} left"] if left is not None and self._is_going_on else []
        self._write_task(task.position, "; ".join(parts))

    def notice(self, sentence: str) -> None:
        """Write a notice; it may come before the run starts."""
        self._write(f"note: {sentence}")

    def run_finished(self, results: RunResults, lines: tuple[str, ...]) -> None:
        """Write how the run ended, then the last lines as they are."""
        self._state = states.run_finished(self._before, results, self._clock())
        message = f": {results.run.message}" if results.run.message else ""
        self._write(f"run {results.run.name} {results.run.status.value}{message}")
        for line in lines:
            self._writer.write(line)

    @property
    def _before(self) -> StreamState:
        assert self._state is not None, "run_started comes first"
        return self._state

    @property
    def _is_going_on(self) -> bool:
        return self._before.num_finished < self._before.num_tasks

    def _advance(self, state: StreamState) -> bool:
        """Take the next state; False where the event said nothing new."""
        is_new = state is not self._state
        self._state = state
        return is_new

    def _write_task(self, position: int, sentence: str) -> None:
        names = self._before.run.task_names
        digits = len(str(len(names)))
        self._write(f"[{position + 1:>{digits}}/{len(names)}] {names[position]}: {sentence}")

    def _write(self, sentence: str) -> None:
        self._written_at = self._clock()
        elapsed = max(0, int(self._written_at - self._started_at))
        clock = f"{elapsed // 3600}:{elapsed // 60 % 60:02d}:{elapsed % 60:02d}"
        self._writer.write(f"{clock} {sentence}")


def _data_words(data: str) -> str:
    """Data status in words; a simulated task must not be overlooked in a log either."""
    return "SIMULATED DATA" if data == "simulated" else f"{data} data"


def _result_words(task: TaskResult) -> str:
    """The test metric beside the paper's, or beside the best that a simulated task allows."""
    value = f"{task.metric} {percent(task.test)}" if task.is_evaluated else "not evaluated"
    if task.data == "simulated":
        limit = "" if task.bayes_accuracy is None else f", Bayes accuracy {percent(task.bayes_accuracy)}"
        return f"{value} (SIMULATED DATA{limit})"
    beside = [f"{task.data} data"] if task.data != "real" else []
    beside += [] if task.paper_adapters is None else [f"paper {percent(task.paper_adapters)}"]
    return f"{value} ({', '.join(beside)})" if beside else value


def _comparison_words(before: Proof, after: Proof, num_tasks: int) -> str:
    """Count the comparisons made since `before`, of so many tasks at most."""
    equal = after.num_equal - before.num_equal
    different = after.num_different - before.num_different
    elsewhere = after.num_not_comparable - before.num_not_comparable
    num_done = equal + different + elsewhere
    noun = "task" if num_done <= num_tasks else "test split"
    words = f"re-evaluated {plural(num_done, noun)}: {equal:,} equal"
    words += f", {different:,} different" if different else ""
    return words + (f", {elsewhere:,} not comparable" if elsewhere else "")
