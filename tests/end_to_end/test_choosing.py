"""Choosing and repeating on the command line: names, reports, what is refused."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from db import Database
from stream import verify
from stream.compare import __main__ as compare
from stream.results.comparisons import ProofStatus
from stream.results.run_results import load_results
from tests.end_to_end.conftest import Outcome

Command = Callable[..., Outcome]
DATABASE = "sqlite:///runs.db"


def rows(file: str) -> list[dict[str, str]]:
    with Path(file).open(encoding="utf-8", newline="") as content:
        return list(csv.DictReader(content))


def test_sizes_and_rates_are_chosen_and_reported(run: Command) -> None:
    """Four candidates for a task; the run ends proven, verifies, and candidates.csv names one winner."""
    options = ("--adapter-size", "2,4", "--learning-rate", "1e-3,1e-2", "--tasks", "birds")
    outcome = run(*options, "--name", "mine")
    assert outcome.code == 0
    assert "candidate 4 of 4" in outcome.out
    assert "chosen of 4 candidates: size" in outcome.out
    assert "Choice: 4 candidates for 1 task," in outcome.out
    candidates = rows("runs/mine/candidates.csv")
    assert [row["winner"] for row in candidates].count("true") == 1
    assert Path("runs/mine/candidates.png").is_file()
    assert verify.main(["--db", DATABASE, "--run", "mine"]) == 0
    again = run(*options, "--name", "mine", "--resume")
    assert (again.code, "candidate 1 of" in again.out) == (0, False)


def test_the_number_of_tuned_layers_is_chosen(run: Command) -> None:
    """fine-tune:auto tries one and both layers of the tiny backbone; the run verifies."""
    assert run("--method", "fine-tune:auto", "--tasks", "birds", "--name", "mine").code == 0
    assert [row["size"] for row in rows("runs/mine/candidates.csv")] == ["1", "2"]
    assert verify.main(["--db", DATABASE, "--run", "mine"]) == 0


def test_the_first_seed_chooses_and_the_others_repeat(
    run: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two seeds of two methods: four runs, one choice a task, and a summary beside fine-tuning."""
    given = ("--method", "houlsby,fine-tune", "--seeds", "2", "--adapter-size", "2,4", "--name", "both")
    outcome = run(*given, "--tasks", "birds,clouds")
    assert outcome.code == 0
    with Database.open(DATABASE, read_only=True) as database:
        names = database.run_names()
        ledgers = {name: database.ledger(name) for name in names}
        assert names == [
            "both-houlsby-seed-0",
            "both-houlsby-seed-1",
            "both-fine-tune-seed-0",
            "both-fine-tune-seed-1",
        ]
        first, second = (ledgers[f"both-houlsby-seed-{seed}"] for seed in (0, 1))
        assert [len(ledger.trials()) for ledger in ledgers.values()] == [4, 2, 0, 0]
        chosen = {at: one.options for at, one in load_results(first).chosen.items()}
        assert {trial.position: trial.options for trial in second.trials()} == chosen
        assert second.run().configuration["choices_from"] == "both-houlsby-seed-0"
        assert [task.fingerprint for task in first.tasks()] == [task.fingerprint for task in second.tasks()]
        assert all(load_results(one).proof.status is ProofStatus.PROVEN for one in ledgers.values())
    assert "several seeds:" in outcome.out
    assert compare.main(["--db", DATABASE]) == 0
    assert "several seeds:" in capsys.readouterr().out
    seeds = rows("compare/seeds.csv")
    assert {(row["method"], row["task"]) for row in seeds} == {
        (method, task) for method in ("houlsby", "fine-tune") for task in ("birds", "clouds", "average of 2")
    }
    assert all(bool(row["difference_to_fine_tuning"]) == (row["method"] == "houlsby") for row in seeds)
    assert len(rows("compare/candidates.csv")) == 6


def test_more_seeds_train_only_the_new_ones(run: Command) -> None:
    """A plain run of seed 0, then two seeds: the first is taken over and says from where."""
    assert run("--tasks", "birds", "--name", "mine").code == 0
    outcome = run("--tasks", "birds", "--name", "mine", "--seeds", "2", "--resume")
    assert outcome.code == 0
    assert "birds is not trained again: run 'mine' holds it" in outcome.out
    assert "not trained again: taken from mine" in rows("runs/mine-seed-0/tasks.csv")[0]["notes"]
    again = run("--tasks", "birds", "--name", "other", "--train-again")
    assert (again.code, "not trained again" in again.out) == (0, False)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--adapter-size", ""), "--adapter-size is ''; it must be one of, or a list of, whole numbers"),
        (("--adapter-size", "2,,8"), "--adapter-size is '2,,8'"),
        (("--adapter-size", "2,8,2"), "--adapter-size names 2 twice; name each value once."),
        (
            ("--adapter-size", "0,8"),
            "it must be a list of whole numbers of 1 or more, such as 2,8,32, or auto.",
        ),
        (("--adapter-size", "many"), "--adapter-size is 'many'"),
        (
            ("--learning-rate", "1e-3,-1"),
            "--learning-rate is '1e-3,-1'; it must be a list of numbers of more",
        ),
        (("--learning-rate", "1e-3,0.001"), "--learning-rate names 0.001 twice"),
        (("--epochs", "2,x"), "--epochs is '2,x'"),
        (("--adapter-size", "auto", "--method", "lora"), "lora has no adapter size"),
        (("--adapter-size", "auto", "--method", "houlsby:size=8"), "houlsby:size=8 states one already"),
        (("--learning-rate", "auto", "--method", "sequential"), "trains one body for all tasks"),
        (("--seeds", "0"), "--seeds is '0'; it must be a number of seeds, 1 or more, or a list of seeds"),
        (("--seeds", "1,1"), "--seeds names 1 twice; name each seed once."),
        (("--seeds", "few"), "--seeds is 'few'"),
    ],
)
def test_mistakes_are_one_sentence(run: Command, options: tuple[str, ...], said: str) -> None:
    """Empty lists, repeated values, sizes below 1 and choices that cannot be made end with exit code 2."""
    outcome = run(*options)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert outcome.err.count("\n") == 1


def test_another_grid_is_refused_on_resume(run: Command) -> None:
    """The difference is shown, and nothing is trained."""
    assert run("--adapter-size", "2,4", "--tasks", "birds", "--name", "mine").code == 0
    outcome = run("--adapter-size", "2,8", "--tasks", "birds", "--name", "mine", "--resume")
    assert outcome.code == 2
    assert "sweep.adapter_sizes" in outcome.err
