"""Time by part: calls at the boundaries between parts are timed; the product knows nothing of it.

A part's time is its own: what a call spends in the calls of other parts inside it is theirs. Whatever is not
inside any timed call is the rest, so that all parts together are the whole.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, NamedTuple
from unittest.mock import patch

REST = "rest"


class Reading(NamedTuple):
    """What the clocks show, in seconds."""

    wall: float
    thread: float
    """CPU time of the thread that runs the loop."""
    others: float
    """CPU time of all other threads of the process."""


def read_clocks() -> Reading:
    """What the clocks show now; called from the thread that runs the loop."""
    thread = time.thread_time()
    return Reading(time.perf_counter(), thread, time.process_time() - thread)


@dataclass(frozen=True, kw_only=True, slots=True)
class Boundary:
    """A function through which a part is entered, where its caller looks it up."""

    part: str
    owner: Any
    """Module or class."""
    name: str


class Meter:
    """Wall and CPU seconds by part.

    Arguments:
        part_of_others: which part other threads' CPU time is given to, by the part that runs meanwhile.
        clocks: what is read.
    """

    def __init__(
        self, part_of_others: Callable[[str], str], clocks: Callable[[], Reading] = read_clocks
    ) -> None:
        self.wall: Counter[str] = Counter()
        self.cpu: Counter[str] = Counter()
        self._part_of_others, self._clocks = part_of_others, clocks
        self._inside = [REST]
        self._since = clocks()

    def lap(self) -> None:
        """Give the time since the last change of part to the part that ran."""
        now, part = self._clocks(), self._inside[-1]
        self.wall[part] += now.wall - self._since.wall
        self.cpu[part] += now.thread - self._since.thread
        self.cpu[self._part_of_others(part)] += now.others - self._since.others
        self._since = now

    @contextmanager
    def inside(self, part: str) -> Iterator[None]:
        """Time what happens in the block as the part's."""
        self.lap()
        self._inside.append(part)
        try:
            yield
        finally:
            self.lap()
            self._inside.pop()

    @contextmanager
    def watching(self, boundaries: Sequence[Boundary]) -> Iterator[None]:
        """Time calls through these boundaries in the block."""
        with ExitStack() as stack:
            for boundary in boundaries:
                stack.enter_context(patch.object(boundary.owner, boundary.name, self._timed(boundary)))
            yield

    def _timed(self, boundary: Boundary) -> Any:
        found = vars(boundary.owner)[boundary.name]
        call = found.__func__ if isinstance(found, classmethod) else found

        @wraps(call)
        def timed(*arguments: Any, **named: Any) -> Any:
            with self.inside(boundary.part):
                return call(*arguments, **named)

        return classmethod(timed) if isinstance(found, classmethod) else timed
