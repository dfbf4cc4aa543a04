import gc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.engine.scheduler import Arrival, Order, TaskStream, order_names, parse_order, task_seed
from stream.errors import UserError
from tasks.task import DataStatus, Split, Task

NAMES = ("airline", "emotion", "sms-spam", "disasters")
SIZES = {"airline": 11712, "emotion": 32000, "sms-spam": 4459, "disasters": 11712}


class LoadedTask(Task):
    """A task that can be watched while it is freed (slots classes have no weak references)."""


def made_task(name: str) -> Task:
    split = Split(texts=("text",), labels=(0,))
    return LoadedTask(
        name=name,
        title=name,
        data=DataStatus.SIMULATED,
        labels=("a", "b"),
        train=split,
        valid=split,
        test=split,
        fingerprint=name,
    )


def stream_of(names: tuple[str, ...] = NAMES, load=made_task, run_seed: int = 0) -> TaskStream:
    return TaskStream(names=names, run_seed=run_seed, load=load)


def test_arrivals_come_in_order() -> None:
    """A stream yields its tasks at positions 0, 1, ... under the names it was given."""
    assert [(arrival.position, arrival.name) for arrival in stream_of()] == list(enumerate(NAMES))
    assert len(stream_of()) == 4


def test_a_task_is_loaded_once_and_only_when_asked_for() -> None:
    """An arrival loads nothing by itself, and its task only the first time."""
    calls: list[str] = []

    def load(name: str) -> Task:
        calls.append(name)
        return made_task(name)

    arrival = stream_of(load=load)[2]
    assert calls == []
    assert arrival.task is arrival.task
    assert calls == ["sms-spam"]


def test_a_long_stream_holds_one_task() -> None:
    """The task of an arrival is freed once the loop has moved on."""
    loaded: list[weakref.ref[Task]] = []
    for arrival in stream_of():
        loaded.append(weakref.ref(arrival.task))
    del arrival
    gc.collect()
    assert [reference() for reference in loaded] == [None] * 4


def test_up_to_ends_with_the_arrival_itself() -> None:
    """All earlier arrivals come first; the last one is the same object, so its data is not loaded again."""
    stream = stream_of()
    arrival = stream[2]
    seen = list(stream.up_to(arrival))
    assert [entry.name for entry in seen] == list(NAMES[:3])
    assert seen[-1] is arrival


def test_positions_outside_are_refused() -> None:
    """A position that the stream lacks is an IndexError, negative ones too."""
    for position in (-1, 4):
        with pytest.raises(IndexError, match="positions 0 to 3"):
            stream_of()[position]


def test_empty_and_repeated_streams_are_the_users_mistake() -> None:
    """A stream needs a task, and each task arrives once."""
    with pytest.raises(UserError, match="no tasks"):
        stream_of(())
    with pytest.raises(UserError, match="emotion is named several times"):
        stream_of(("emotion", "airline", "emotion"))


def test_seeds_do_not_depend_on_position() -> None:
    """Two orders of the same tasks give every task the same seed; another run seed gives another."""
    there = {arrival.name: arrival.seed for arrival in stream_of()}
    back = {arrival.name: arrival.seed for arrival in stream_of(NAMES[::-1])}
    assert there == back
    assert not set(there.values()) & {arrival.seed for arrival in stream_of(run_seed=1)}


def test_seed_is_fixed_for_all_time() -> None:
    """The seed is defined by SHA-256 alone, so runs of other years and machines can be repeated."""
    assert task_seed(0, "airline") == 8587994236716294720


@given(st.integers(-(2**40), 2**40), st.text(max_size=20))
def test_seeds_fit_a_signed_integer(run_seed: int, name: str) -> None:
    """Every seed fits a signed 64-bit column."""
    assert 0 <= task_seed(run_seed, name) < 2**63


def test_orders_by_size() -> None:
    """Orders by size sort by training examples; ties keep the suite's order both ways."""
    smallest = order_names(NAMES, SIZES, Order.SMALLEST_FIRST, 0)
    largest = order_names(NAMES, SIZES, Order.LARGEST_FIRST, 0)
    assert smallest == ("sms-spam", "airline", "disasters", "emotion")
    assert largest == ("emotion", "airline", "disasters", "sms-spam")
    assert order_names(NAMES, {}, Order.PAPER, 0) == NAMES


def test_random_order_belongs_to_the_seed() -> None:
    """The random order is a permutation that depends on the seed and not on how the tasks were listed."""
    orders = {order_names(NAMES, {}, Order.RANDOM, seed) for seed in range(20)}
    assert len(orders) > 5
    assert {frozenset(order) for order in orders} == {frozenset(NAMES)}
    assert order_names(NAMES, {}, Order.RANDOM, 3) == order_names(NAMES[::-1], {}, Order.RANDOM, 3)


def test_unknown_sizes_are_the_users_mistake() -> None:
    """An order by size without the sizes says which one is missing and what works instead."""
    with pytest.raises(UserError, match=r"size of emotion.*paper or random"):
        order_names(NAMES, {"airline": 1}, Order.SMALLEST_FIRST, 0)


def test_arrivals_can_be_made_by_hand() -> None:
    """An arrival needs no stream: position, name, seed and a way to load."""
    arrival = Arrival(position=0, name="airline", seed=1, load=lambda: made_task("airline"))
    assert arrival.task.name == "airline"


def test_an_order_of_ones_own() -> None:
    """All tasks separated by commas arrive like that, whatever the seed."""
    order = parse_order(", ".join(NAMES[::-1]))
    assert order_names(NAMES, {}, order, 5) == NAMES[::-1]
    assert parse_order("as-listed") is parse_order("paper") is Order.PAPER


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("smalest-first", "did you mean 'smallest-first'"),
        (f"{NAMES[0]},{NAMES[0]}", "twice"),
        (f"{NAMES[0]},nonsense", "no task of the stream"),
        (",".join(NAMES[:-1]), f"leaves out {NAMES[-1]}"),
    ],
)
def test_an_order_that_is_none_is_refused(text: str, sentence: str) -> None:
    """A mistyped word, a task named twice, an unknown one and one left out each get a sentence."""
    with pytest.raises(UserError, match=sentence):
        order_names(NAMES, {}, parse_order(text), 0)
