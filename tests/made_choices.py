"""Choices on the tiny backbone: what is swept, who watches, and whole runs that choose."""

from dataclasses import dataclass, field
from functools import partial

from db.records import EpochRecord
from db.records.trials import TrialRecord
from stream.display import QuietDisplay
from stream.display.protocol import ChoosingProgress
from stream.engine.choosing.arrivals import Choice, choose_arrival
from stream.engine.choosing.sweep import Sweep
from stream.engine.simulator import Learn

SWEEP = Sweep(adapter_sizes=(2, 4, 8), learning_rates=(1e-3, 1e-2))
"""Six candidates; with four epochs they are halved to three and two."""


@dataclass(eq=False)
class Watching(QuietDisplay):
    """Keeps what is told of candidates, and stops the run where asked."""

    stop_at: int | None = None
    """Number of the event (candidate, epoch or step) that is answered with Ctrl-C."""
    candidates: list[ChoosingProgress] = field(default_factory=list)
    epochs: list[EpochRecord] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    num_events: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def candidate_progressed(self, progress: ChoosingProgress) -> None:
        """Keep it."""
        self.candidates.append(progress)
        self._count()

    def candidate_chosen(self, position: int, sentence: str) -> None:
        """Keep it."""
        self.sentences.append(sentence)
        self._count()

    def epoch_finished(self, epoch: EpochRecord) -> None:
        """Keep it."""
        self.epochs.append(epoch)
        self._count()

    def notice(self, sentence: str) -> None:
        """Keep it."""
        self.sentences.append(sentence)

    def _count(self) -> None:
        self.num_events += 1
        if self.num_events == self.stop_at:
            raise KeyboardInterrupt


def choosing(sweep: Sweep = SWEEP, *, reuse: bool = True, method: str = "houlsby") -> Learn:
    """The way to learn an arrival that chooses among candidates."""
    return partial(choose_arrival, choice=Choice(sweep=sweep, method=method, reuse=reuse))


def sizes_by_task(sizes: dict[str, int], num_epochs: int) -> Learn:
    """Each task gets the size given for its name, as later seeds get what the first one chose."""

    def before(name: str) -> TrialRecord:
        return TrialRecord(
            position=0,
            recipe_sha256="",
            number=0,
            seed=0,
            method="houlsby",
            options={"adapter_size": sizes[name], "initial_scale": 1e-2},
            learning_rate=1e-2,
            num_epochs=num_epochs,
            num_params=0,
        )

    swept = Sweep(adapter_sizes=tuple(sorted(set(sizes.values()))))
    choice = Choice(sweep=swept, method="houlsby", chosen_before=before)
    return partial(choose_arrival, choice=choice)
