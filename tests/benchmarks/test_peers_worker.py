"""Commands and answers between the benchmark and the processes that hold its sides."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.peers.rounds import crew_of
from benchmarks.peers.sides import Side
from benchmarks.peers.worker import Worker, WorkerError

FAKE = Path(__file__).with_name("fake_side.py")


def fake_worker(folder: Path, name: str = "fake") -> Worker:
    return Worker([sys.executable, FAKE], threads=1, log=folder / f"{name}.log")


def side(name: str) -> Side:
    return Side(name=name, library="peft", method="lora")


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    with fake_worker(tmp_path) as started:
        yield started


def test_a_process_keeps_what_it_holds_between_commands(worker: Worker) -> None:
    """Three commands go to one process, which adds up what they say."""
    assert [worker.ask("count", by=by)["sum"] for by in (1, 10, 100)] == [1, 11, 111]


def test_what_a_library_prints_is_no_answer(worker: Worker, tmp_path: Path) -> None:
    """Words on standard output, from Python or below it, land in the log."""
    assert worker.ask("chatter")["said"] is True
    assert worker.ask("count")["sum"] == 1
    worker.close()
    assert {"not an answer", "nor is this"} <= set((tmp_path / "fake.log").read_text().splitlines())


def test_an_error_is_the_answer_and_the_process_goes_on(worker: Worker) -> None:
    """A command that raises is answered with one line; the next command works."""
    with pytest.raises(WorkerError, match=r"^ValueError: no such adapter$"):
        worker.ask("fail")
    assert worker.ask("count")["sum"] == 1


def test_an_unknown_command_is_an_error(worker: Worker) -> None:
    """A command that the side does not know is answered, not waited for."""
    with pytest.raises(WorkerError, match="KeyError: 'fly'"):
        worker.ask("fly")


def test_an_answer_that_is_none_is_an_error(worker: Worker) -> None:
    """A line that is not JSON fails its side and not the benchmark."""
    with pytest.raises(WorkerError, match="which is not JSON"):
        worker.ask("mumble")


def test_a_process_that_ends_is_named_with_its_last_words(worker: Worker) -> None:
    """A process that is gone gives its exit code and the last line it wrote, at once and ever after."""
    for _ in range(2):
        with pytest.raises(WorkerError, match="ended with 7; out of memory"):
            worker.ask("end")


def test_the_peak_is_the_processs_own(worker: Worker) -> None:
    """A process that holds little reports little, however much the process that started it holds."""
    ballast = b"\1" * 300_000_000
    assert 1_000_000 < worker.ask("count")["peak_bytes"] < len(ballast)


def test_sides_take_turns_and_one_that_fails_leaves(tmp_path: Path) -> None:
    """A B C, A C, A C: the failure of B is named once, and the others keep every repeat."""
    turns: list[str] = []

    def act(side: Side, worker: Worker, number: int) -> dict[str, int]:
        turns.append(f"{side.name}{number}")
        return {"sum": worker.ask("fail" if side.name == "B" else "count")["sum"]}

    sides = [side(name) for name in "ABC"]
    with crew_of(sides, lambda one: fake_worker(tmp_path, one.name)) as crew:
        answers = crew.rounds(3, act)
    assert turns == ["A0", "B0", "C0", "A1", "C1", "A2", "C2"]
    assert crew.failures == ["B: ValueError: no such adapter"]
    assert {one.name: [answer["sum"] for answer in found] for one, found in answers.items()} == {
        "A": [1, 2, 3],
        "C": [1, 2, 3],
    }


def test_a_side_that_cannot_start_is_named(tmp_path: Path) -> None:
    """An interpreter that is not there is a failure of its side only."""

    def start(one: Side) -> Worker:
        if one.name == "B":
            return Worker([tmp_path / "nowhere"], threads=1, log=tmp_path / "B.log")
        return fake_worker(tmp_path, one.name)

    with crew_of([side("A"), side("B")], start) as crew:
        assert [one.name for one in crew.workers] == ["A"]
        assert len(crew.failures) == 1
        assert crew.failures[0].startswith("B: ")
