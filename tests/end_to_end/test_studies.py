"""The studies of trainings on the command line: files, resuming, what other commands make of them."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from db import Database
from stream import report, verify, watch
from stream.compare import __main__ as compare
from stream.service import __main__ as service
from stream.study import __main__ as study
from stream.study.training.results import load_study
from tests.end_to_end.conftest import Outcome
from tests.tiny_runs import flip_bit

Command = Callable[..., Outcome]
DATABASE = "sqlite:///runs.db"


@pytest.fixture
def studied(home: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """`python -m stream.study NAME` with small settings; later options win over them."""

    def call(name: str, *options: str) -> Outcome:
        small = ("--suite", "tiny.toml", "--tasks", "birds", "--backbone", str(tiny_folder))
        code = study.main(
            [
                name,
                *small,
                "--adapter-size",
                "2",
                "--epochs",
                "1",
                "--seeds",
                "2",
                "--batch-size",
                "8",
                *options,
            ]
        )
        captured = capsys.readouterr()
        return Outcome(code=code, out=captured.out, err=captured.err)

    return call


def settings(name: str) -> list[dict[str, str]]:
    with Path(f"runs/{name}/settings.csv").open(encoding="utf-8", newline="") as content:
        return list(csv.DictReader(content))


@pytest.mark.parametrize(
    ("name", "options", "methods"),
    [
        (
            "init-scale",
            ("--scales", "1e-3,1e-1"),
            ["houlsby:size=2:scale=0.001", "houlsby:size=2:scale=0.1"],
        ),
        (
            "size",
            ("--sizes", "1,2", "--learning-rate", "1e-3,1e-2"),
            ["houlsby:size=1", "houlsby:size=2", "layer-norm", "fine-tune:1", "fine-tune"],
        ),
        (
            "learning-rate",
            ("--learning-rate", "1e-4,1e-3"),
            ["houlsby:size=2", "houlsby:size=2", "fine-tune", "fine-tune"],
        ),
        (
            "variants",
            (),
            [
                *("houlsby:size=2", "houlsby:size=2:norm", "houlsby:size=2:deep"),
                *("houlsby:size=2:activation=tanh", "houlsby:size=2:activation=relu"),
                *("houlsby:size=2:placement=attention", "houlsby:size=2:placement=feed-forward"),
                "houlsby:size=2:parallel",
            ],
        ),
    ],
)
def test_a_study_leaves_its_settings_and_figures(
    studied: Command, name: str, options: tuple[str, ...], methods: list[str]
) -> None:
    """Each study trains its settings under both seeds, says what the paper says, and draws its figure."""
    outcome = studied(name, *options)
    assert outcome.code == 0, outcome.err
    assert "the paper: Houlsby et al. 2019" in outcome.out
    assert "measured: birds: " in outcome.out
    folder = f"tiny-study-{name}"
    assert [row["method"] for row in settings(folder)] == methods
    assert {row["num_seeds"] for row in settings(folder)} == {"2"}
    assert Path(f"runs/{folder}/{name}.png").is_file()
    assert Path(f"runs/{folder}/{name}.svg").is_file()


def test_the_next_study_takes_what_the_first_one_trained(studied: Command) -> None:
    """Two deviations, then one more: of six trainings four are taken over."""
    assert studied("init-scale", "--scales", "1e-3,1e-2", "--name", "two").code == 0
    assert studied("init-scale", "--scales", "1e-3,1e-2,1e-1", "--name", "three").code == 0
    with Database.open(DATABASE, read_only=True) as database:
        sources = [trial.source for trial in load_study(database.ledger("three")).trials]
    assert sources == ["two", "two", "two", "two", "", ""]


def test_a_study_is_resumed_by_its_name_only(studied: Command) -> None:
    """A name that exists is refused without --resume; with it the finished study writes its files again."""
    options = ("--scales", "1e-3", "--name", "mine")
    assert studied("init-scale", *options).code == 0
    refused = studied("init-scale", *options)
    assert (refused.code, "--resume" in refused.err) == (2, True)
    Path("runs/mine/study.md").unlink()
    assert studied("init-scale", *options, "--resume").code == 0
    assert Path("runs/mine/study.md").is_file()


def test_another_grid_under_the_same_name_is_refused(studied: Command) -> None:
    """The difference is named."""
    assert studied("init-scale", "--scales", "1e-3", "--name", "mine").code == 0
    outcome = studied("init-scale", "--scales", "1e-1", "--name", "mine", "--resume")
    assert (outcome.code, "study.settings" in outcome.err) == (2, True)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--scales", "0,1"), "--scales"),
        (("--scales", "small"), "--scales"),
        (("--seeds", "0"), "--seeds"),
        (("--epochs", "0"), "--epochs"),
        (("--tasks", "brids"), "birds"),
        (("--adapter-size", "0"), "adapter"),
    ],
)
def test_a_mistake_is_one_sentence(studied: Command, options: tuple[str, ...], named: str) -> None:
    """Exit code 2, and the option or the nearest name in it."""
    outcome = studied("init-scale", *options)
    assert outcome.code == 2
    assert outcome.err.startswith("error: ")
    assert named in outcome.err
    assert outcome.err.count("\n") == 1


def test_other_commands_know_a_study_for_what_it_is(
    studied: Command, run: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is listed, verified by its hashes, watched in words, no column, and has no service times."""
    assert studied("init-scale", "--scales", "1e-3", "--name", "mine").code == 0
    assert report.main(["--db", DATABASE]) == 0
    assert "study init-scale" in capsys.readouterr().out
    assert report.main(["--db", DATABASE, "--run", "mine", "--out", "again"]) == 0
    assert Path("again/init-scale.png").is_file()
    assert verify.main(["--db", DATABASE, "--run", "mine"]) == 0
    assert "every stored byte has its recorded hash" in capsys.readouterr().out
    assert watch.main(["--db", DATABASE, "--run", "mine", "--once"]) == 0
    assert "2 of 2 trainings" in capsys.readouterr().out
    assert service.main(["--db", DATABASE, "--run", "mine", "--arrivals", "all-at-once"]) == 2
    assert "is a study" in capsys.readouterr().err
    assert compare.main(["--db", DATABASE]) == 2
    assert "only studies" in capsys.readouterr().err
    assert run("--tasks", "birds", "--name", "stream").code == 0
    assert compare.main(["--db", DATABASE]) == 0
    printed = capsys.readouterr().out
    assert "study init-scale (mine): birds: best at 0.001" in printed
    assert "init-scale (mine)" in Path("runs/stream/report.html").read_text(encoding="utf-8")


def test_a_flipped_bit_in_a_study_is_found(studied: Command, capsys: pytest.CaptureFixture[str]) -> None:
    """One bit of the stored tensors of one training: verify ends with 1 and names the training."""
    assert studied("init-scale", "--scales", "1e-3", "--name", "mine").code == 0
    flip_bit(Path("runs.db"), "SELECT sha256 FROM trials WHERE number = 1")
    assert verify.main(["--db", DATABASE, "--run", "mine"]) == 1
    assert "parameters of trial 1" in capsys.readouterr().out
