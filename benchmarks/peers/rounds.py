"""Sides in turn, each in a process of its own: A B C, A B C. One that fails is named and left out."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmarks.peers.sides import Side
from benchmarks.peers.worker import Worker, WorkerError

Answer = Mapping[str, Any]


@dataclass(slots=True)
class Crew:
    """The sides that still take part, and what became of the others."""

    workers: dict[Side, Worker] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def leave(self, side: Side, reason: object) -> None:
        """Name a side's failure; it takes no further part."""
        sentence = f"{side.name}: {reason}"
        print(f"  not measured: {sentence}", file=sys.stderr, flush=True)
        self.failures.append(sentence)
        worker = self.workers.pop(side, None)
        if worker is not None:
            worker.close()

    def each(self, act: Callable[..., Answer], *arguments: Any) -> dict[Side, Answer]:
        """What `act(side, worker, *arguments)` gave, one after the other; a side that fails leaves."""
        answers: dict[Side, Answer] = {}
        for side, worker in list(self.workers.items()):
            print(f"  {side.name}", file=sys.stderr, flush=True)
            try:
                answers[side] = act(side, worker, *arguments)
            except WorkerError as error:
                self.leave(side, error)
        return answers

    def rounds(self, count: int, act: Callable[[Side, Worker, int], Answer]) -> dict[Side, list[Answer]]:
        """Answers of `count` rounds, in each of which every side acts once; only sides that stayed."""
        done: list[dict[Side, Answer]] = []
        for number in range(count):
            done.append(self.each(act, number))
            print(f"  repeat {number + 1} of {count} is done", file=sys.stderr, flush=True)
        return {side: [answers[side] for answers in done] for side in self.workers}


@contextmanager
def crew_of(sides: Sequence[Side], start: Callable[[Side], Worker]) -> Iterator[Crew]:
    """A crew of started workers, which end with the context."""
    crew = Crew()
    try:
        for side in sides:
            try:
                crew.workers[side] = start(side)
            except (WorkerError, OSError) as error:
                crew.leave(side, error)
        yield crew
    finally:
        for worker in crew.workers.values():
            worker.close()
