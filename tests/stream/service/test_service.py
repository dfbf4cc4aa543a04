import csv
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from db import Database, Ledger
from db.blobs import sha256_of
from db.records import EpochRecord, EvaluationRecord, Owner, Regime
from stream.errors import UserError
from stream.service.__main__ import main
from stream.service.names import Expected
from stream.service.recorded_times import recorded_times
from tests.db.made_records import PLAN, content_of, evaluation, new_run, parameters, predictions_of, task

SECONDS = (40.0, 10.0, 20.0)
TOKENS = (300, 200, 100)


def epoch(position: int, seconds: float, *, attempt: int = 0) -> EpochRecord:
    return EpochRecord(
        position=position,
        attempt=attempt,
        epoch=0,
        train_loss=1.0,
        valid=0.5,
        learning_rate=1e-3,
        num_tokens=TOKENS[position],
        seconds=seconds,
    )


def record(ledger: Ledger, *, epoch_share: float = 0.95, evaluated: int = 3) -> None:
    """Three arrivals of 40, 10 and 20 s; each evaluation takes 1 s."""
    ledger.record_plan(PLAN)
    for position, seconds in enumerate(SECONDS):
        content, predictions = content_of(position), predictions_of(position)
        ledger.record_task(task(position, num_train=100 * (position + 1)))
        ledger.record_epoch(epoch(position, seconds * epoch_share))
        learned = parameters(position, content, predictions, seconds=seconds, owner=Owner.OWN)
        ledger.record_parameters([(learned, content)], predictions)
        for on in range(position + 1 if position < evaluated else 0):
            ledger.record_evaluation(_evaluation(position, on), predictions_of(on))


def _evaluation(after: int, on: int) -> EvaluationRecord:
    predictions = predictions_of(on)
    return replace(evaluation(after, on, predictions), seconds=1.0, predictions_sha256=sha256_of(predictions))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a run `first` of three arrivals."""
    path = tmp_path_factory.mktemp("recorded") / "runs.db"
    with Database.open(f"sqlite:///{path}") as database, database.acquire("first"):
        record(database.create_run(new_run()))
    return path


@pytest.fixture
def call(recorded: Path, tmp_path: Path) -> Callable[..., int]:
    """The command on that run, with its reports in `tmp_path/out`."""

    def run(*options: str) -> int:
        return main(["--db", f"sqlite:///{recorded}", "--run", "first", "--out", f"{tmp_path}/out", *options])

    return run


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_arrivals_are_served_with_their_measured_times(call: Callable[..., int], tmp_path: Path) -> None:
    """One row per recorded arrival: 40, 10 and 20 s of service, one after the other on one worker."""
    assert call("--arrivals", "every:15") == 0
    served = rows(tmp_path / "out" / "service.csv")
    assert [row["task"] for row in served] == ["a", "b", "c"]
    assert [float(row["arrival_seconds"]) for row in served] == [0.0, 15.0, 30.0]
    assert [float(row["start_seconds"]) for row in served] == [0.0, 40.0, 50.0]
    assert [float(row["finish_seconds"]) for row in served] == [40.0, 50.0, 70.0]
    assert [float(row["waiting_seconds"]) for row in served] == [0.0, 25.0, 20.0]
    assert [row["queue_length"] for row in served] == ["0", "0", "1"]
    assert {row["worker"] for row in served} == {"0"}


def test_re_evaluation_can_be_added(call: Callable[..., int], tmp_path: Path) -> None:
    """With --reevaluation an arrival also takes the time of evaluating all tasks after it: 1, 2, 3 s."""
    assert call("--arrivals", "all-at-once", "--reevaluation") == 0
    services = [float(row["service_seconds"]) for row in rows(tmp_path / "out" / "service.csv")]
    assert services == [41.0, 12.0, 23.0]


@pytest.mark.parametrize(
    ("expected", "order"), [("tokens", "cba"), ("size", "abc"), ("measured", "bca")], ids=str
)
def test_what_is_expected_decides_who_is_shortest(
    call: Callable[..., int], tmp_path: Path, expected: str, order: str
) -> None:
    """Tokens, training examples and measured times put the three tasks in three different orders."""
    assert call("--arrivals", "all-at-once", "--policy", "shortest-first", "--expected", expected) == 0
    served = rows(tmp_path / "out" / "service.csv")
    by_start = sorted(served, key=lambda row: float(row["start_seconds"]))
    assert "".join(row["task"] for row in by_start) == order
    # Scaled to the run's own seconds, whatever they are taken from.
    assert sum(float(row["expected_seconds"]) for row in served) == pytest.approx(sum(SECONDS))


def test_a_trace_brings_customers_and_priorities(
    call: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rows carry the trace's customers and priorities, and the report has a line for each customer."""
    trace = tmp_path / "trace.csv"
    trace.write_text("task,time_seconds,customer,priority\na,0,x,2\nb,1,x,2\nb,2,y|z,1\n")
    assert call("--arrivals", f"trace:{trace}", "--policy", "priority,fair-share") == 0
    served = rows(tmp_path / "out" / "service.csv")
    assert [(row["customer"], row["priority"]) for row in served] == [
        ("x", "2.0"),
        ("x", "2.0"),
        ("y|z", "1.0"),
    ]
    assert [float(row["start_seconds"]) for row in served] == [0.0, 50.0, 40.0]
    assert {row["notes"] for row in served} == {""}
    document = (tmp_path / "out" / "service.md").read_text()
    assert "| x | 2 | 50s |" in document
    assert "| y\\|z | 1 | 10s |" in document
    assert capsys.readouterr().err == ""


def test_a_sweep_leaves_a_table_and_a_figure(call: Callable[..., int], tmp_path: Path) -> None:
    """Each combination of policy, workers and rate is one row that says whether the queue grows."""
    out = tmp_path / "out"
    options = ("--repeat", "20", "--replications", "3", "--arrivals", "poisson")
    assert call(*options, "--workers", "1,2", "--rates", "100,200,400") == 0
    found = rows(out / "service_sweep.csv")
    assert [(row["num_workers"], row["rate_per_hour"]) for row in found] == [
        (workers, rate) for workers in ("1", "2") for rate in ("100.0", "200.0", "400.0")
    ]
    # 70 s for three tasks: one worker saturates at 154 an hour, two at 309.
    assert [row["grows_without_bound"] for row in found] == [
        "false",
        "true",
        "true",
        "false",
        "false",
        "true",
    ]
    assert (out / "service_sweep.png").read_bytes().startswith(b"\x89PNG")
    assert call("--arrivals", "poisson:100") == 0
    assert {path.name for path in out.iterdir()} == {"service.csv", "service.md", "service.png"}


def test_loads_are_rates_of_each_number_of_workers(call: Callable[..., int], tmp_path: Path) -> None:
    """A load per worker of 0.5 and 1 is twice the rate for two workers, and 1 is saturation."""
    options = ("--arrivals", "poisson", "--repeat", "10", "--replications", "2")
    assert call(*options, "--workers", "1,2", "--loads", "0.5,1") == 0
    found = rows(tmp_path / "out" / "service_sweep.csv")
    rates = [float(row["rate_per_hour"]) for row in found]
    assert rates == pytest.approx([x * 3600 * 3 / 70 for x in (0.5, 1.0, 1.0, 2.0)])
    assert [row["grows_without_bound"] for row in found] == ["false", "true", "false", "true"]


def test_the_same_options_give_the_same_bytes(call: Callable[..., int], tmp_path: Path) -> None:
    """Every file is the same again, figures included; another seed gives another stream."""
    out = tmp_path / "out"
    options = ("--arrivals", "poisson:100", "--workers", "1,2", "--replications", "2")
    contents = []
    for _ in range(2):
        assert call(*options) == 0
        contents.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert contents[0] == contents[1]
    assert call("--arrivals", "poisson:100", "--seed", "6") == 0
    assert (out / "service.csv").read_bytes() != contents[0]["service.csv"]


def test_a_few_arrivals_are_repeated_until_rate_and_throughput_agree(
    call: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Three arrivals at 10 an hour, in 2,000 streams: the throughput printed is the rate asked for."""
    assert call("--arrivals", "poisson:10") == 0
    facts = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert facts["Arrivals"].endswith("2,000 independent streams")
    assert float(facts["Throughput"].split()[0]) == pytest.approx(10.0, rel=0.05)
    assert "too few" in facts["Steady state"]


def test_the_given_rate_is_shown_beside_those_compared(call: Callable[..., int], tmp_path: Path) -> None:
    """With a rate of its own and --rates, service.csv is about the former, the sweep about the latter."""
    assert call("--arrivals", "every:36", "--rates", "200,300") == 0
    assert rows(tmp_path / "out" / "service.csv")[1]["arrival_seconds"] == "36.0"
    assert [row["rate_per_hour"] for row in rows(tmp_path / "out" / "service_sweep.csv")] == [
        "200.0",
        "300.0",
    ]


TRACE = ("--arrivals", "trace:trace.csv")
POISSON = ("--arrivals", "poisson:10")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--arrivals", "weekly"), ("'weekly'", "all-at-once, every:SECONDS")),
        (("--arrivals", "poisson"), ("lacks its number", "--rates")),
        ((*POISSON, "--policy", "fairshare"), ("'fairshare'", "did you mean 'fair-share'")),
        ((*POISSON, "--policy", "priority"), ("'priority'", "trace:FILE")),
        ((*POISSON, "--policy", "fair-share"), ("'customer'", "trace:FILE")),
        ((*TRACE, "--policy", "priority"), ("'priority'", "trace.csv lacks")),
        ((*TRACE, "--repeat", "5"), ("--repeat", "trace")),
        ((*TRACE, "--rates", "5"), ("--rates", "--arrivals poisson")),
        (("--arrivals", "trace:none.csv"), ("none.csv", "No such file")),
        (("--arrivals", "trace:bad.csv"), ("bad.csv, line 2, column task", "'z'")),
        ((*POISSON, "--workers", "0"), ("--workers", "'0'", "from 1")),
        ((*POISSON, "--workers", "1,1"), ("--workers", "twice")),
        ((*POISSON, "--workers", "two"), ("--workers", "'two'")),
        ((*POISSON, "--workers", ""), ("--workers", "''")),
        ((*POISSON, "--repeat", "0"), ("--repeat", "'0'")),
        ((*POISSON, "--repeat", "9" * 5000), ("--repeat", "from 1")),
        ((*POISSON, "--replications", "0"), ("--replications", "'0'")),
        (
            (
                *POISSON,
                "--seed=-1",
            ),
            ("--seed", "'-1'"),
        ),
        ((*POISSON, "--warm-up", "3"), ("--warm-up", "only 3")),
        ((*POISSON, "--rates", "5,fast"), ("'fast'", "positive")),
        ((*POISSON, "--rates", "5", "--loads", "1"), ("--rates and --loads", "one of them")),
        ((*POISSON, "--run", "frist"), ("'frist'", "did you mean 'first'")),
        ((*POISSON, "--db", "sqlite:///none.db"), ("none.db", "--db")),
        ((*POISSON, "--out", "/dev/null/x"), ("/dev/null/x", "--out")),
    ],
)
def test_mistakes_are_one_sentence(
    call: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    words: tuple[str, ...],
) -> None:
    """Exit code 2, one line that names what was got and what to do, and no report."""
    monkeypatch.chdir(tmp_path)
    Path("trace.csv").write_text("task,time_seconds\na,0\n")
    Path("bad.csv").write_text("task,time_seconds\nz,0\n")
    assert call(*options) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    for word in words:
        assert word in error
    assert not (tmp_path / "out").exists()


class TestRecordedTimes:
    """What a ledger gives."""

    @pytest.fixture
    def ledger(self, tmp_path: Path) -> Iterator[Ledger]:
        """An empty run."""
        with Database.open(f"sqlite:///{tmp_path}/own.db") as database:
            yield database.create_run(new_run())

    def test_a_restart_was_not_expected(self, ledger: Ledger) -> None:
        """Tokens of a second attempt were trained, but nobody knew before that there would be one."""
        record(ledger)
        before = recorded_times(ledger).tasks
        ledger.record_epoch(epoch(0, 1.0, attempt=1))
        assert recorded_times(ledger).tasks == before

    def test_an_arrival_that_was_held_up_is_noted(self, ledger: Ledger) -> None:
        """A measured time far above that of the epochs is taken as it is and pointed out."""
        record(ledger, epoch_share=0.35)
        times = recorded_times(ledger)
        assert [task.seconds for task in times.tasks] == list(SECONDS)
        assert [note.split(":")[0] for note in times.notes] == ["a"]
        assert "held it up" in times.notes[0]

    def test_an_arrival_that_was_resumed_is_noted(self, ledger: Ledger) -> None:
        """A measured time below that of the epochs is only what came after a resume."""
        record(ledger, epoch_share=1.5)
        assert all("resumed" in note for note in recorded_times(ledger).notes)
        assert len(recorded_times(ledger).notes) == 3

    def test_an_unfinished_row_is_left_out_of_re_evaluation(self, ledger: Ledger) -> None:
        """An arrival whose evaluations are not complete has no time of re-evaluation yet."""
        record(ledger, evaluated=2)
        assert [t.name for t in recorded_times(ledger, with_reevaluation=True).tasks] == ["a", "b"]
        assert len(recorded_times(ledger).tasks) == 3

    def test_a_run_without_times_is_refused(self, ledger: Ledger) -> None:
        """A run that learned nothing yet says so."""
        with pytest.raises(UserError, match="no arrival with a recorded time"):
            recorded_times(ledger)

    def test_joint_training_is_refused(self, tmp_path: Path) -> None:
        """Where all tasks were learned at once, none has a time of its own."""
        with Database.open(f"sqlite:///{tmp_path}/joint.db") as database:
            ledger = database.create_run(new_run(regime=Regime.JOINT))
            with pytest.raises(UserError, match="learned all tasks at once"):
                recorded_times(ledger)

    def test_missing_tokens_are_refused(self, ledger: Ledger) -> None:
        """A run without recorded epochs cannot be expected from tokens; another option is named."""
        record(ledger)
        ledger.record_epoch(replace(epoch(1, 9.5), num_tokens=0))
        with pytest.raises(UserError, match=r"tokens for 'b'.*--expected measured"):
            recorded_times(ledger, expected=Expected.TOKENS)
