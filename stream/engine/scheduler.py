"""In which order tasks arrive, and with which seed.

A seed belongs to (run seed, task name), never to a position: another order of the same tasks learns the same
parameters (law 3). Tasks are loaded when first asked for and dropped with their arrival, so a stream of a
thousand tasks holds one of them in memory.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from stream.errors import UserError
from tasks.errors import did_you_mean
from tasks.task import Task


def task_seed(run_seed: int, task_name: str) -> int:
    """Return the seed of a task: the first 63 bits of SHA-256 over "task", run seed and name.

    63 bits fit every consumer: torch, numpy and a signed integer column.
    """
    return _keyed_hash("task", run_seed, task_name)


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One task at its position in the stream; its data is loaded once, on first use.

    Not a slots class, because `cached_property` keeps the loaded task in the instance's dictionary.
    """

    position: int
    """From 0."""
    name: str
    seed: int
    load: Callable[[], Task]

    @cached_property
    def task(self) -> Task:
        """The loaded task."""
        return self.load()


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskStream:
    """A sequence of arrivals.

    Example:
        >>> stream = TaskStream(names=("a", "b"), run_seed=0, load=lambda name: ...)
        >>> [(arrival.position, arrival.name) for arrival in stream]
        [(0, 'a'), (1, 'b')]
    """

    names: tuple[str, ...]
    """Task names in order of arrival."""
    run_seed: int
    load: Callable[[str], Task]
    """Loads a task by name; called at most once per Arrival object."""

    def __post_init__(self) -> None:
        if not self.names:
            raise UserError("the stream has no tasks; name at least one")
        repeated = sorted({name for name in self.names if self.names.count(name) > 1})
        if repeated:
            raise UserError(
                f"a task arrives once, but {', '.join(repeated)} is named several times; name each once"
            )

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, position: int) -> Arrival:
        """A fresh arrival: nothing is loaded yet. Raises IndexError for a position the stream lacks."""
        if not 0 <= position < len(self.names):
            raise IndexError(f"the stream has positions 0 to {len(self.names) - 1}, got {position}")
        name = self.names[position]
        return Arrival(
            position=position,
            name=name,
            seed=task_seed(self.run_seed, name),
            load=lambda: self.load(name),
        )

    def __iter__(self) -> Iterator[Arrival]:
        """Fresh arrivals in order, so that what one loads is freed when the next one comes."""
        return (self[position] for position in range(len(self.names)))

    def up_to(self, arrival: Arrival) -> Iterator[Arrival]:
        """Yield all arrivals up to `arrival`; the last is the same object, its data still loaded."""
        yield from (self[position] for position in range(arrival.position))
        yield arrival


class Order(StrEnum):
    """Orders of arrival."""

    PAPER = "paper"
    """As the suite lists them."""
    RANDOM = "random"
    SMALLEST_FIRST = "smallest-first"
    LARGEST_FIRST = "largest-first"


AS_LISTED = "as-listed"
"""Another name of `Order.PAPER`, for suites that no paper has."""
AnyOrder = Order | tuple[str, ...]
"""A named order, or all tasks in the order in which they arrive."""


def parse_order(text: str) -> AnyOrder:
    """The order that `--order` names: one of `Order`, or task names separated by commas.

    Raises:
        UserError: it is neither.
    """
    if text == AS_LISTED:
        return Order.PAPER
    if text in list(Order):
        return Order(text)
    if "," not in text:
        raise UserError(
            f"--order is {text!r}; {did_you_mean(text, [*Order, AS_LISTED])} "
            "It may also be all tasks, separated by commas."
        )
    return tuple(name.strip() for name in text.split(","))


def order_text(order: AnyOrder) -> str:
    """The order in a word or two."""
    return f"{order}" if isinstance(order, Order) else "the given"


def _given_order(names: Sequence[str], order: tuple[str, ...]) -> tuple[str, ...]:
    """All tasks as they were given, each once."""
    for name in order:
        if name not in names:
            raise UserError(f"--order names {name!r}, no task of the stream; {did_you_mean(name, names)}")
        if order.count(name) > 1:
            raise UserError(f"--order names {name} twice; name each task once.")
    if left_out := [name for name in names if name not in order]:
        raise UserError(
            f"--order leaves out {', '.join(left_out)}; name every task, or choose some of them with --tasks."
        )
    return order


def order_names(
    names: Sequence[str], sizes: Mapping[str, int], order: AnyOrder, seed: int
) -> tuple[str, ...]:
    """Return the names in the order asked for.

    Arguments:
        names: as the suite lists them.
        sizes: training examples by name; read by the orders by size only. Ties keep the suite's order.
        order: one of `Order`, or all names in an order of one's own.
        seed: read by the random order only, which depends on (seed, names) and not on how they were listed.

    Raises:
        UserError: an order by size where a task's size is unknown, or a given one that is not of all names.
    """
    if not isinstance(order, Order):
        return _given_order(names, order)
    match order:
        case Order.PAPER:
            return tuple(names)
        case Order.RANDOM:
            return tuple(sorted(names, key=lambda name: _keyed_hash("order", seed, name)))
        case Order.SMALLEST_FIRST | Order.LARGEST_FIRST:
            unknown = [name for name in names if name not in sizes]
            if unknown:
                raise UserError(
                    f"--order {order} needs the size of {unknown[0]}, which is unknown; use paper or random"
                )
            return tuple(sorted(names, key=sizes.__getitem__, reverse=order is Order.LARGEST_FIRST))


def _keyed_hash(purpose: str, seed: int, name: str) -> int:
    digest = hashlib.sha256(f"{purpose}\0{seed}\0{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
