"""Nothing but what must be read: notices, and the last lines."""

import sys

from db.records import EpochRecord
from stream.display.protocol import ChoosingProgress, TrainingProgress
from stream.display.writer import LineWriter, TextStream
from stream.results.comparisons import Comparison
from stream.results.growth import GrowthPoint
from stream.results.run_results import RunResults, TaskResult


class QuietDisplay:
    """Write notices to the error stream and the last lines to the output.

    Arguments:
        output: where the last lines go.
        errors: where notices go.
    """

    def __init__(self, *, output: TextStream | None = None, errors: TextStream | None = None) -> None:
        self._output = LineWriter(output or sys.stdout)
        self._errors = LineWriter(errors or sys.stderr)

    def __enter__(self) -> "QuietDisplay":
        return self

    def __exit__(self, *exc: object) -> None:
        return

    def run_started(self, results: RunResults) -> None:
        """Say nothing."""

    def arrival_started(self, position: int, name: str, data: str, num_train: int, num_labels: int) -> None:
        """Say nothing."""

    def training_progressed(self, progress: TrainingProgress) -> None:
        """Say nothing."""

    def epoch_finished(self, epoch: EpochRecord) -> None:
        """Say nothing."""

    def candidate_progressed(self, progress: ChoosingProgress) -> None:
        """Say nothing."""

    def candidate_chosen(self, position: int, sentence: str) -> None:
        """Say nothing."""

    def task_evaluated(self, comparison: Comparison) -> None:
        """Say nothing."""

    def arrival_finished(self, task: TaskResult, point: GrowthPoint) -> None:
        """Say nothing."""

    def notice(self, sentence: str) -> None:
        """Write a notice."""
        self._errors.write(f"note: {sentence}")

    def run_finished(self, results: RunResults, lines: tuple[str, ...]) -> None:
        """Write the last lines."""
        for line in lines:
            self._output.write(line)
