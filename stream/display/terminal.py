"""The dashboard as a `Display`: events of the loop become states, the picture follows by itself."""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from textwrap import wrap

import stream.display.state as states
from db.records import EpochRecord, RunStatus
from stream.display.live import LivePicture
from stream.display.protocol import ChoosingProgress, TrainingProgress
from stream.display.state import CurrentArrival, StreamState
from stream.display.writer import LineWriter, TextStream
from stream.results.comparisons import Comparison
from stream.results.growth import GrowthPoint
from stream.results.run_results import RunResults, TaskResult


class Dashboard:
    """A live picture of the run; afterwards the last picture, all notices and the last lines stay.

    Arguments:
        output: the terminal.
        errors: where notices are repeated afterwards, whole.
        clock: any monotonic clock, in seconds.
        elapsed_seconds: how long the run has been going on already.
    """

    def __init__(
        self,
        *,
        output: TextStream | None = None,
        errors: TextStream | None = None,
        clock: Callable[[], float] = time.monotonic,
        elapsed_seconds: float = 0.0,
    ) -> None:
        self._started_at = clock() - elapsed_seconds
        self._output = LineWriter(output or sys.stdout)
        self._errors = LineWriter(errors or sys.stderr)
        self._clock = clock
        self._picture = LivePicture(output=output or sys.stdout, clock=clock)
        self._notices: list[str] = []
        self._lines: tuple[str, ...] = ()

    def __enter__(self) -> "Dashboard":
        self._picture.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._picture.state is not None:
            self._picture.state = self._last_state(self._picture.state, exc[0] if exc else None)
        self._picture.__exit__(*exc)
        for sentence in self._notices:
            self._errors.write(f"note: {sentence}")
        width = self._picture.console.width if self._picture.console.is_terminal else 0
        for line in self._lines:
            for part in wrap(line, width, break_on_hyphens=False) if width else [line]:
                self._output.write(part)

    def _last_state(self, state: StreamState, error: object) -> StreamState:
        """What the last picture shows: how the run was left, and no notices, which follow it whole."""
        if error is not None:
            status = RunStatus.INTERRUPTED if error is KeyboardInterrupt else RunStatus.FAILED
            state = states.broken_off(state, status, self._clock())
        return replace(state, notices=())

    def run_started(self, results: RunResults) -> None:
        """Show what the ledger holds already."""
        state = states.state_from_results(results, self._clock(), started_at=self._started_at)
        for sentence in self._notices:
            state = states.noticed(state, sentence)
        self._picture.state = state

    def arrival_started(self, position: int, name: str, data: str, num_train: int, num_labels: int) -> None:
        """Show the task that arrives."""
        arrival = CurrentArrival(
            position=position,
            name=name,
            data=data,
            num_train=num_train,
            num_labels=num_labels,
            started_at=self._clock(),
        )
        self._picture.state = states.arrival_started(self._state, arrival)

    def training_progressed(self, progress: TrainingProgress) -> None:
        """Show loss, rate and speed."""
        self._picture.state = states.training_progressed(self._state, progress, self._clock())

    def epoch_finished(self, epoch: EpochRecord) -> None:
        """Add an epoch."""
        self._picture.state = states.epoch_finished(self._state, epoch, self._clock())

    def candidate_progressed(self, progress: ChoosingProgress) -> None:
        """Show which candidate is in training, and who leads."""
        self._picture.state = states.candidate_progressed(self._state, progress, self._clock())

    def candidate_chosen(self, position: int, sentence: str) -> None:
        """Show what was chosen among the notices; it is not repeated afterwards: the reports hold it."""
        name = self._state.run.task_names[position]
        self._picture.state = states.noticed(self._state, f"{name}: {sentence}")

    def task_evaluated(self, comparison: Comparison) -> None:
        """Add a cell to the heat map."""
        self._picture.state = states.task_evaluated(self._state, comparison, self._clock())

    def arrival_finished(self, task: TaskResult, point: GrowthPoint) -> None:
        """Close the row."""
        self._picture.state = states.arrival_finished(self._state, task, point)

    def notice(self, sentence: str) -> None:
        """Show a notice now and repeat it after the picture; it may come before the run starts."""
        if sentence not in self._notices:
            self._notices.append(sentence)
        if self._picture.state is not None:
            self._picture.state = states.noticed(self._picture.state, sentence)

    def run_finished(self, results: RunResults, lines: tuple[str, ...]) -> None:
        """Show the run as it ended; `lines` follow the last picture."""
        self._picture.state = states.run_finished(self._state, results, self._clock())
        self._lines = lines

    @property
    def _state(self) -> StreamState:
        assert self._picture.state is not None, "run_started comes first"
        return self._picture.state
