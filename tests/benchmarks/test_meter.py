from types import SimpleNamespace

import pytest

from benchmarks.meter import Boundary, Meter, Reading


class Clocks:
    """Clocks that are set by hand."""

    def __init__(self) -> None:
        self.now = Reading(0.0, 0.0, 0.0)

    def __call__(self) -> Reading:
        """What they show."""
        return self.now

    def go_on(self, wall: float, thread: float = 0.0, others: float = 0.0) -> None:
        """So much time passes."""
        self.now = Reading(self.now.wall + wall, self.now.thread + thread, self.now.others + others)


def test_the_time_of_inner_calls_is_theirs() -> None:
    """A part has the time of its calls without that of other parts inside them; nothing is lost."""
    clocks = Clocks()
    meter = Meter(lambda _: "display", clocks)
    clocks.go_on(1)
    with meter.inside("train"):
        clocks.go_on(10)
        with meter.inside("ledger"):
            clocks.go_on(100)
        clocks.go_on(20)
    clocks.go_on(2)
    meter.lap()
    assert meter.wall == {"rest": 3, "train": 30, "ledger": 100}


def test_other_threads_are_told_apart() -> None:
    """CPU time of other threads goes to the part that is named for it, that of the own one to its part."""
    clocks = Clocks()
    meter = Meter(lambda part: part if part == "tokenise" else "display", clocks)
    for part in ("train", "tokenise"):
        with meter.inside(part):
            clocks.go_on(wall=7, thread=5, others=2)
    assert meter.cpu == {"train": 5, "tokenise": 7, "display": 2, "rest": 0}


def test_a_call_that_fails_is_timed_too() -> None:
    """An error passes through, and what follows belongs to the part outside again."""
    clocks = Clocks()
    meter = Meter(lambda _: "display", clocks)

    def fail() -> None:
        clocks.go_on(4)
        raise KeyError("gone")

    holder = SimpleNamespace(fail=fail)
    with meter.watching([Boundary(part="ledger", owner=holder, name="fail")]), pytest.raises(KeyError):
        holder.fail()
    clocks.go_on(1)
    meter.lap()
    assert meter.wall == {"ledger": 4, "rest": 1}
    assert holder.fail is fail
