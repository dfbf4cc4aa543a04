"""Made-up runs under way, as the loop would report them, for the tests of displays."""

from dataclasses import replace
from io import StringIO

from rich.console import Console

from db.records import EpochRecord, RunStatus
from stream.display import state as states
from stream.display.dashboard import render
from stream.display.protocol import Display, TrainingProgress
from stream.display.state import CurrentArrival, StreamState
from stream.results.comparisons import Comparison
from stream.results.run_results import RunResults
from tests.stream.made_runs import made_results

NAMES = (
    "20-newsgroups",
    "airline",
    "corporate-messaging",
    "disasters",
    "economic-news-relevance",
    "emotion",
    "global-warming",
    "political-audience",
    "political-bias",
    "political-message",
    "primary-emotions",
    "progressive-opinion",
    "progressive-stance",
    "us-economic-performance",
    "customer-complaints",
    "news-aggregator",
    "sms-spam",
)


def made_names(num_tasks: int) -> tuple[str, ...]:
    return (*NAMES, *(f"task-{number}" for number in range(18, num_tasks + 1)))[:num_tasks]


def made_stream(
    num_tasks: int,
    num_learned: int,
    *,
    simulated: bool = False,
    values: dict[tuple[int, int], float] | None = None,
) -> RunResults:
    names = made_names(num_tasks)
    data = dict.fromkeys(names, "simulated" if simulated else "real")
    if not simulated and num_tasks > 15:
        data |= {names[14]: "partial", names[15]: "partial"}
    return made_results(names, num_learned=num_learned, data=data, values=values, isolated=values is None)


def ended(results: RunResults, status: RunStatus = RunStatus.FINISHED, message: str = "") -> RunResults:
    return replace(results, run=replace(results.run, status=status, message=message))


def made_epoch(position: int, epoch: int, *, attempt: int = 0) -> EpochRecord:
    return EpochRecord(
        position=position,
        attempt=attempt,
        epoch=epoch,
        train_loss=2.0 / (epoch + 1),
        valid=0.4 + 0.1 * epoch,
        learning_rate=3e-4,
        num_tokens=60_000,
        seconds=5.0,
    )


def made_progress(position: int, step: int, *, attempt: int = 0) -> TrainingProgress:
    return TrainingProgress(
        position=position,
        attempt=attempt,
        epoch=step // 30,
        num_epochs=4,
        step=step,
        num_steps=120,
        learning_rate=3e-4,
        train_loss=1.25,
        tokens_per_second=12_345.0,
    )


def under_way(num_tasks: int, num_learned: int, *, simulated: bool = False) -> StreamState:
    """The state 20 seconds into the arrival after `num_learned` finished ones, which began at 100 s."""
    state = states.state_from_results(
        made_stream(num_tasks, num_learned, simulated=simulated), now=100.0, started_at=0.0
    )
    arrival = CurrentArrival(
        position=num_learned,
        name=made_names(num_tasks)[num_learned],
        data="simulated" if simulated else "real",
        num_train=2600,
        num_labels=20,
        started_at=100.0,
    )
    state = states.arrival_started(state, arrival)
    state = states.training_progressed(state, made_progress(num_learned, 0), now=100.0)
    for epoch in range(2):
        state = states.epoch_finished(state, made_epoch(num_learned, epoch), now=110.0)
    return states.training_progressed(state, made_progress(num_learned, 60), now=120.0)


def finished(
    num_tasks: int, *, simulated: bool = False, values: dict[tuple[int, int], float] | None = None
) -> StreamState:
    results = ended(made_stream(num_tasks, num_tasks, simulated=simulated, values=values))
    return states.run_finished(states.state_from_results(results, now=0.0), results, now=500.0)


def drawn(state: StreamState | None, width: int, height: int, *, now: float = 120.0) -> list[str]:
    """The picture as lines of plain text, drawn without a terminal and without colour."""
    console = Console(
        file=StringIO(), width=width, height=height, force_terminal=False, color_system=None, highlight=False
    )
    console.print(render(state, width, height, now))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def play(display: Display, results: RunResults, start: int = 0) -> None:
    """Tell a display the run from arrival `start` on, event by event, without its end."""
    for position in range(start, len(results.tasks)):
        task = results.tasks[position]
        display.arrival_started(position, task.name, task.data, task.num_train, task.num_labels)
        display.training_progressed(made_progress(position, 10))
        display.epoch_finished(made_epoch(position, 0))
        for comparison in row_of(results, position):
            display.task_evaluated(comparison)
        display.arrival_finished(task, results.growth.points[position])


def row_of(results: RunResults, after: int) -> list[Comparison]:
    return [comparison for comparison in results.comparisons if comparison.after == after]


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The moment it was set to."""
        return self.now
