import signal
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest

from db import Database, Ledger
from db.records import EpochRecord, RunStatus
from stream.display import PlainDisplay
from stream.engine.following import Follower, follow
from stream.watch import main
from tests.db.made_records import evaluate, evaluation, learn, new_run, predictions_of, task


@pytest.fixture(autouse=True)
def sigterm() -> Iterator[None]:
    """The command line takes SIGTERM over; give it back."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/runs.db"


@pytest.fixture
def written(url: str) -> Iterator[Ledger]:
    """The ledger of a run that a live process holds."""
    with Database.open(url) as database, database.acquire("first"):
        yield database.create_run(new_run())


@pytest.fixture
def seen(url: str, written: Ledger) -> Iterator[Ledger]:
    """The same ledger as a watcher has it."""
    with Database.open(url, read_only=True) as database:
        yield database.ledger(written.name)


def in_turn(*steps: Callable[[], object]) -> Callable[[], None]:
    """What happens between looks: one step each time, an error after the last."""
    left = list(steps)
    return lambda: (left.pop(0)(), None)[1]


def made_epoch(position: int) -> EpochRecord:
    return EpochRecord(
        position=position,
        attempt=0,
        epoch=0,
        train_loss=1.0,
        valid=0.5,
        learning_rate=1e-3,
        num_tokens=1000,
        seconds=1.0,
    )


def finish(ledger: Ledger) -> None:
    learn(ledger, 2)
    evaluate(ledger, 2)
    ledger.set_status(RunStatus.FINISHED)


def test_a_run_is_followed_to_its_end(written: Ledger, seen: Ledger) -> None:
    """Every arrival is told once, whether it was there before, came between looks or came with the end."""
    learn(written, 0)
    evaluate(written, 0)
    output = StringIO()
    steps = in_turn(
        lambda: (written.record_task(task(1)), written.record_epoch(made_epoch(1))),
        lambda: None,
        lambda: (learn(written, 1), evaluate(written, 1)),
        lambda: finish(written),
    )
    run = follow(seen, PlainDisplay(output=output), steps)
    lines = [line.split(" ", 1)[1] for line in output.getvalue().splitlines()]
    assert run.status is RunStatus.FINISHED
    assert lines[1] == "1 task learned already"
    assert [line.split(";")[1] for line in lines if ";" in line] == [
        " re-evaluated 2 tasks: 2 equal",
        " re-evaluated 3 tasks: 3 equal",
    ]
    assert sum("epoch 1" in line for line in lines) == 1
    assert sum("b: real data" in line for line in lines) == 1
    assert lines[-2:] == ["run first finished", "run 'first' is finished."]


def test_a_watcher_sees_the_row_grow(written: Ledger, seen: Ledger) -> None:
    """Between two looks only the new cells of the row under way are told."""
    learn(written, 0)
    evaluate(written, 0)
    learn(written, 1)
    display = CellsOnly(output=StringIO())
    follower = Follower(ledger=seen, display=display)
    follower.begin()
    follower.look()
    assert display.num_equal() == 1
    written.record_evaluation(evaluation(1, 0, predictions_of(0)), predictions_of(0))
    follower.look()
    assert (display.num_equal(), follower.position) == (2, 1)
    written.record_evaluation(evaluation(1, 1, predictions_of(1)), predictions_of(1))
    follower.look()
    assert (display.num_equal(), follower.position) == (3, 2)


class CellsOnly(PlainDisplay):
    """A plain display whose count of equal comparisons a test can read."""

    def num_equal(self) -> int:
        """Comparisons that were equal so far."""
        return self._before.proof.num_equal


def test_a_dead_run_is_interrupted(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A run whose process died is shown as interrupted, and watching it ends at once with 0."""
    with Database.open(url) as database, database.acquire("first"):
        ledger = database.create_run(new_run())
        learn(ledger, 0)
        evaluate(ledger, 0)
    assert main(["--db", url, "--display", "plain"]) == 0
    assert "run first interrupted" in capsys.readouterr().out


def test_once_prints_one_picture(url: str, written: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    """`--once` shows a running run as it stands and comes back."""
    learn(written, 0)
    evaluate(written, 0)
    assert main(["--db", url, "--run", "first", "--once"]) == 0
    text = capsys.readouterr().out
    assert "1 of 1 comparison equal" in text
    assert "1 of 4 tasks" in text


def test_the_latest_run_is_the_default(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Without `--run` the run that was created last is shown."""
    with Database.open(url) as database:
        for name in ("first", "second"):
            database.create_run(new_run(name))
    assert main(["--db", url, "--once"]) == 0
    assert "second · tiny" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--run", "frist"], "did you mean 'first'?"),
        (["--db", "sqlite:////nowhere/runs.db"], "does not exist: create it"),
        (["--db", "nonsense"], "nonsense"),
    ],
)
def test_a_mistake_gets_one_sentence(
    url: str, written: Ledger, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name or address that does not exist ends with 2 and one line that says what to do."""
    assert main([*(["--db", url] if "--db" not in arguments else []), *arguments]) == 2
    text = capsys.readouterr().err
    assert sentence in text
    assert text.count("\n") == 1


def test_an_empty_database_is_a_mistake(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A database without runs ends with 2 and the command that starts one."""
    with Database.open(url):
        pass
    assert main(["--db", url]) == 2
    assert "start one with python -m stream.run" in capsys.readouterr().err


def test_ctrl_c_ends_watching(
    url: str, written: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C ends the watcher with 130 and without a traceback; the run is not touched."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)
    assert main(["--db", url, "--display", "plain"]) == 130
    assert capsys.readouterr().err == ""
    assert written.run().status is RunStatus.RUNNING


def test_watching_changes_nothing(url: str, written: Ledger, seen: Ledger, tmp_path: Path) -> None:
    """After many looks the database file holds the same bytes."""
    learn(written, 0)
    evaluate(written, 0)
    before = (tmp_path / "runs.db").read_bytes()
    follower = Follower(ledger=seen, display=PlainDisplay(output=StringIO()))
    follower.begin()
    for _ in range(5):
        follower.look()
    assert (tmp_path / "runs.db").read_bytes() == before
