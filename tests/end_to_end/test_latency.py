"""`python -m stream.study latency` as its user meets it, on a tiny backbone."""

import csv
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from db import Database
from db.records import Regime, RunStatus
from stream import report, verify, watch
from stream.compare import __main__ as compare
from stream.service import __main__ as service
from stream.study import __main__ as study
from stream.study.latency import work as latency_work
from tests.end_to_end.conftest import Outcome

SMALL: Mapping[str, str] = {
    "--adapter-sizes": "4,8",
    "--batch-sizes": "1,2",
    "--lengths": "4,8",
    "--repeats": "2",
}
Call = Callable[..., Outcome]


@pytest.fixture
def measure(home: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """The study with small settings, some of them replaced."""

    def call(**changed: str) -> Outcome:
        options = {**SMALL, **{f"--{key.replace('_', '-')}": value for key, value in changed.items()}}
        given = [
            "latency",
            "--backbone",
            str(tiny_folder),
            *(part for pair in options.items() for part in pair),
        ]
        code = study.main(given)
        captured = capsys.readouterr()
        return Outcome(code=code, out=captured.out, err=captured.err)

    return call


def test_every_cell_is_measured_and_written(measure: Call, home: Path) -> None:
    """Two methods of two sizes and merged LoRA, at two batches and lengths; the run is finished."""
    outcome = measure()
    assert outcome.code == 0, outcome.err
    folder = home / "runs/latency/studies"
    assert {path.name for path in folder.iterdir()} == {f"latency.{e}" for e in ("csv", "md", "png", "svg")}
    with (folder / "latency.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == (2 * 2 + 1) * 2 * 2
    assert {row["num_pairs"] for row in rows} == {"2"}
    assert all(float(row["milliseconds"]) > 0 for row in rows)
    with Database.open("sqlite:///runs.db", read_only=True) as database:
        run = database.ledger("latency").run()
        assert (run.regime, run.status, run.task_names) == (Regime.STUDY, RunStatus.FINISHED, ())
        assert database.ledger("latency").check_rows() == ()


def test_what_is_held_is_not_measured_again(
    measure: Call, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wider grid measures what is new in it only; the same one nothing at all."""
    measure()
    before = (home / "runs/latency/studies/latency.csv").read_bytes()
    made: list[object] = []
    timed = latency_work.timed_pairs

    def counted(*arguments: object, **options: object) -> object:
        made.append(None)
        return timed(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(latency_work, "timed_pairs", counted)
    assert measure().code == 0
    assert not made
    assert (home / "runs/latency/studies/latency.csv").read_bytes() == before
    assert measure(lengths="4,8,16", methods="houlsby").code == 0
    assert len(made) == 2 * 2


def test_an_interrupted_study_goes_on(measure: Call, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was measured before Ctrl-C is kept, the run is interrupted, and the same command finishes it."""
    timed = latency_work.timed_pairs
    made: list[object] = []

    def interrupted(*arguments: object, **options: object) -> object:
        made.append(None)
        if len(made) == 4:
            raise KeyboardInterrupt
        return timed(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(latency_work, "timed_pairs", interrupted)
    outcome = measure()
    assert (outcome.code, "the same command goes on" in outcome.err) == (130, True)
    with Database.open("sqlite:///runs.db", read_only=True) as database:
        assert database.ledger("latency").run().status is RunStatus.INTERRUPTED
        assert len(database.ledger("latency").measurements("latency")) == 3
    assert measure().code == 0
    assert len(made) == 1 + 20


def test_other_commands_know_a_study(
    measure: Call, run: Call, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Listed, reported, watched, verified by its hashes, left out of comparisons, refused by the service."""
    measure()
    assert run("--tasks", "birds", "--name", "mine").code == 0

    def called(command: object, *options: str) -> tuple[int, str]:
        code = command.main(list(options))  # type: ignore[attr-defined]
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    code, text = called(report)
    assert (code, "study latency" in text) == (0, True)
    (home / "runs/latency/studies/latency.md").unlink()
    code, text = called(report, "--run", "latency")
    assert (code, "lora, merged: " in text) == (0, True)
    assert (home / "runs/latency/studies/latency.md").is_file()
    for options in (("--once",), ()):
        code, text = called(watch, "--run", "latency", *options)
        assert (code, "houlsby, size 4: " in text) == (0, True)
    assert called(verify, "--run", "latency")[0] == 0
    code, text = called(compare)
    assert (code, "study latency (latency): adapter-l, size 4: " in text) == (0, True)
    assert called(compare, "--runs", "latency")[0] == 2
    code, text = called(service, "--run", "latency", "--arrivals", "poisson:5")
    assert (code, "is a study" in text) == (2, True)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"lengths": "4,4000"}, "reads at most 40 tokens"),
        ({"lengths": "4,x"}, "--lengths holds 'x'; give whole numbers above 0"),
        ({"batch_sizes": "0"}, "--batch-sizes holds '0'"),
        ({"adapter_sizes": "8,"}, "--adapter-sizes holds ''"),
        ({"methods": "houlsby,prefix"}, "--methods holds 'prefix'; the study measures houlsby and adapter-l"),
        ({"methods": "houlsbi"}, "did you mean 'houlsby'?"),
        ({"repeats": "0"}, "--repeats is 0; it must be 1 or more"),
    ],
)
def test_mistakes_are_answered_in_one_sentence(
    measure: Call, home: Path, changed: dict[str, str], expected: str
) -> None:
    """The user's mistakes end with exit code 2 before anything is stored."""
    outcome = measure(**changed)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert expected in outcome.err
    assert not (home / "runs.db").exists()


def test_another_run_of_that_name_is_refused(measure: Call, run: Call) -> None:
    """A stream's run is not turned into a study; the difference is shown."""
    assert run("--tasks", "birds", "--name", "mine").code == 0
    outcome = measure(name="mine")
    assert outcome.code == 2
    assert "mine" in outcome.err


def test_times_of_another_setting_are_refused(measure: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads are another study than one; the difference is shown and nothing is measured."""
    measure()
    describe = latency_work.describe_environment
    monkeypatch.setattr(
        latency_work, "describe_environment", lambda *given: {**describe(*given), "num_threads": 2}
    )
    outcome = measure(lengths="16")
    assert outcome.code == 2
    assert "num_threads is 1, not 2" in outcome.err
    with Database.open("sqlite:///runs.db", read_only=True) as database:
        assert len(database.ledger("latency").measurements("latency")) == 20
