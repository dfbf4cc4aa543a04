"""`python -m stream.plan` beside `python -m stream.run` on the same suite."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stream.plan import __main__ as plan
from stream.plan import machine
from stream.run import parser as run_parser
from tasks import shipped_suites
from tests.end_to_end.conftest import Outcome

Command = Callable[..., Outcome]


@pytest.fixture
def planned(home: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """`python -m stream.plan` with the settings that `run` has; later options win over them."""

    def call(*options: str) -> Outcome:
        small = ("--suite", "tiny.toml", "--backbone", str(tiny_folder), "--adapter-size", "4")
        code = plan.main([*small, "--epochs", "2", "--batch-size", "8", *options])
        captured = capsys.readouterr()
        return Outcome(code=code, out=captured.out, err=captured.err)

    return call


def rows(file: Path) -> list[dict[str, Any]]:
    with file.open(encoding="utf-8", newline="") as content:
        return list(csv.DictReader(content))


def test_plan_and_run_agree(run: Command, planned: Command, home: Path) -> None:
    """Sizes, growth and examples of plan.csv are those of the run's size.csv, tasks.csv, forgetting.csv."""
    assert planned("--no-probe", "--out", "plan").code == 0
    assert run("--out", "out").code == 0
    expected, sizes, tasks = (
        rows(home / file) for file in ("plan/plan.csv", "out/size.csv", "out/tasks.csv")
    )
    evaluated = rows(home / "out" / "forgetting.csv")
    assert len(expected) == 3
    counted = ("adapter_params", "layer_norm_params", "head_params", "other_params", "total_params")
    factors = ("growth_factor", "separate_models_factor", "trained_fraction")
    for row, size, task in zip(expected, sizes, tasks, strict=True):
        assert {key: row[key] for key in (*counted, *factors)} == {
            key: size[key] for key in (*counted, *factors)
        }
        for key in ("task", "num_train", "num_valid", "num_test", "num_labels", "data"):
            assert row[key] == {**task}[key]
        in_row = [int(cell["num_examples"]) for cell in evaluated if cell["after"] == row["position"]]
        assert int(row["num_reevaluated"]) == sum(in_row)


def test_a_list_of_adapter_sizes_has_a_plan_of_each(planned: Command, home: Path) -> None:
    """`--adapter-size 2,4,6`: three plans side by side, growing by equal steps, and one of fine-tuning."""
    words = ("--method", "houlsby,fine-tune", "--adapter-size", "2,4,6", "--tasks", "birds", "--no-probe")
    outcome = planned(*words, "--out", "plan")
    assert outcome.code == 0
    found = {row["method"]: int(row["adapter_params"]) for row in rows(home / "plan" / "plan.csv")}
    assert list(found) == ["houlsby:size=2", "houlsby:size=4", "houlsby:size=6", "fine-tune"]
    small, middle, large, _ = found.values()
    assert large - middle == middle - small == 2 * 2 * 2 * (2 * 32 + 1)  # two units, four adapters of 32
    assert found["fine-tune"] == 0
    assert all(name in outcome.out for name in found)


def test_the_probe_gives_a_time(planned: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a probe the last lines hold an estimate, called one, and the table a column of times."""
    monkeypatch.setattr(plan, "PROBE_SECONDS", 0.2)
    outcome = planned()
    assert outcome.code == 0
    assert "an estimate:" in " ".join(outcome.out.split())
    assert "the pretrained weights" in " ".join(outcome.out.split())
    assert outcome.out.count("  time\n") == 1


def test_too_little_memory_is_said(planned: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe that would not fit is left out, and the plan says so and goes on."""
    monkeypatch.setattr("stream.plan.planner.available_bytes", lambda device: 1000)
    outcome = planned()
    assert outcome.code == 0
    assert "No probe: a training step needs about" in outcome.out


def test_bert_base_without_weights(planned: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A known shape is planned without its weights, and the reader learns of it."""
    monkeypatch.setattr(machine, "_local_folder", lambda name: None)
    outcome = planned("--backbone", "bert-base-uncased", "--method", "houlsby:32,fine-tune", "--no-probe")
    assert outcome.code == 0
    assert "bert-base-uncased (109,482,240 parameters)" in " ".join(outcome.out.split())
    assert "The weights of bert-base-uncased are not on this machine" in outcome.out
    assert "Methods side by side" in outcome.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--method", "houlsbi"), "did you mean 'houlsby'?"),
        (("--method", "no-bert"), "nothing to plan"),
        (("--method", "houlsby,houlsby"), "twice; name each method once"),
        (("--method", "fine-tune:9"), "wants more layers than the backbone's 2"),
        (("--suite", "nowhere.toml"), "does not exist"),
        (("--tasks", "bird"), "did you mean 'birds'?"),
        (("--preset", "quik"), "did you mean 'quick'?"),
        (("--max-length", "2"), "it must be more than the 2 special tokens"),
        (("--epochs", "0"), "it must be more than 0"),
        (("--out", "tiny.toml"), "choose a writable folder with --out"),
    ],
)
def test_mistakes_are_one_sentence(planned: Command, options: tuple[str, ...], said: str) -> None:
    """The user's mistake is one line on standard error and exit code 2."""
    outcome = planned("--no-probe", *options)
    assert outcome.code == 2
    assert said in outcome.err
    assert outcome.err.count("\n") == 1
    assert outcome.out == ""


def test_a_missing_backbone_is_not_downloaded(planned: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub name that is not in the cache is the user's mistake here: a plan downloads nothing."""
    monkeypatch.setattr(machine, "_local_folder", lambda name: None)
    outcome = planned("--backbone", "somebody/something")
    assert outcome.code == 2
    assert "a plan downloads nothing" in outcome.err
    assert "which downloads it; known: minilm" in outcome.err


def test_a_missing_folder_is_said_to_be_one(planned: Command) -> None:
    """A path is not looked up as a name."""
    outcome = planned("--backbone", "/no/such/folder")
    assert outcome.code == 2
    assert "'/no/such/folder' is a folder that does not exist" in outcome.err


def test_the_help_names_every_suite_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """--suite lists the shipped suites by name, and the form of a simulated one."""
    for parser in (plan.parser(), run_parser()):
        parser.print_help()
        shown = " ".join(capsys.readouterr().out.split())
        assert f"{', '.join(shipped_suites())}, simulated:COUNT, a TOML file" in shown
    assert {"additional17", "glue", "glue-labelled", "squad"} <= set(shipped_suites())
