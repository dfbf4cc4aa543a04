"""Figures and ratios of the comparison with other libraries, the pins, what their processes import."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import environments, result
from benchmarks.environments import library_python, requirements
from benchmarks.peers.library.examples import Batching, Examples
from benchmarks.peers.outcome import ReevaluationOutcome, TrainingOutcome, peers_result
from benchmarks.peers.sides import REEVALUATION, TRAINING
from benchmarks.result import Result
from stream.errors import UserError
from stream.learning.encoding import TokenSet

ADAPTERS = TRAINING["bottleneck adapters"]
OURS, DEFAULT = ADAPTERS[0], ADAPTERS[1]


def trained(seconds: float, accuracy: float, tokens: int = 1000) -> dict[str, Any]:
    return {
        "seconds": seconds,
        "tokens": tokens,
        "accuracy": accuracy,
        "loss": 0.5,
        "num_trained": 10,
        "peak_bytes": 5_000_000,
    }


def outcome() -> Result:
    """Two repeats of two sides; the second repeat of this project was disturbed."""
    training = TrainingOutcome(
        rounds={
            OURS: [
                {"a": trained(1, 0.8), "b": trained(3, 0.6, 3000)},
                {"a": trained(2, 0.9), "b": trained(6, 0.7, 3000)},
            ],
            DEFAULT: [
                {"a": trained(10, 0.8), "b": trained(30, 0.6, 3000)},
                {"a": trained(10, 0.8), "b": trained(30, 0.6, 3000)},
            ],
        },
        chosen={DEFAULT: {"setting": {"attention": "eager"}, "peak_bytes": 1}},
        repeats=2,
        seeds=1,
        failures=(),
    )
    reevaluation = ReevaluationOutcome(
        rounds={
            REEVALUATION[0]: [{"seconds": 2.0, "examples": 100, "peak_bytes": 1}],
            REEVALUATION[1]: [{"seconds": 8.0, "examples": 100, "peak_bytes": 1}],
        },
        chosen={},
        failures=(),
    )
    return peers_result(training, reevaluation, setting={}, failures=("PEFT: gone",))


def figure(name: str) -> tuple[float, ...]:
    return next(figure.values for figure in outcome().figures if figure.name == name)


def test_speed_counts_real_tokens_over_all_tasks() -> None:
    """4,000 tokens in 4 and in 8 seconds."""
    assert figure(f"training: {OURS.name}") == (1000.0, 500.0)


def test_ratios_are_taken_within_a_repeat() -> None:
    """Ours over theirs, repeat by repeat: 1000/100 and 500/100; examples in 2 against 8 seconds."""
    assert figure(f"training: {OURS.name} / {DEFAULT.name}") == (10.0, 5.0)
    assert figure(f"re-evaluation: {REEVALUATION[0].name} / {REEVALUATION[1].name}") == (4.0,)


def test_only_the_seeds_asked_for_count_for_accuracy() -> None:
    """Two repeats were run, but one seed was asked for."""
    assert figure(f"training: {OURS.name}: a, accuracy") == (0.8,)


def test_the_tables_are_kept_beside_the_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page has a row for each side with the ratio and its spread; what failed and was chosen is kept."""
    monkeypatch.setattr(result, "RESULTS", tmp_path)
    path = result.keep("peers", outcome(), torch.device("cpu"))
    rows = path.with_suffix(".md").read_text().splitlines()
    assert f"| {DEFAULT.name} | 100 | 7.50 (5.00 to 10.00) | 5 | 10 | 0.800 (0.50) | 0.600 (0.50) |" in rows
    content = json.loads(path.read_text())
    assert content["failures"] == ["PEFT: gone"]
    assert content["setting"]["chosen"][f"training: {DEFAULT.name}"] == {"setting": {"attention": "eager"}}


@pytest.mark.parametrize("library", environments.LIBRARIES)
def test_every_package_of_an_environment_is_pinned(library: str) -> None:
    """Exact versions, the library itself among them, with this environment's torch and numpy."""
    pins = dict(line.split("==") for line in requirements(library))
    assert {library, "transformers", "accelerate"} <= pins.keys()
    assert pins["torch"] == torch.__version__.partition("+")[0]


def test_an_environment_is_made_once_and_again_when_its_pins_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second call installs nothing; another pin does; a failing pip is the user's sentence."""
    codes, calls = [0, 0, 1], []

    def install(command: list[Any], **_: Any) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        return subprocess.CompletedProcess(command, codes[len(calls) - 1])

    monkeypatch.setattr(environments.subprocess, "run", install)
    monkeypatch.setattr(
        environments.venv, "create", lambda home, **_: home.mkdir(parents=True, exist_ok=True)
    )
    assert library_python("peft", tmp_path) == library_python("peft", tmp_path)
    assert len(calls) == 1
    monkeypatch.setattr(environments, "requirements", lambda _: ("peft==9.9.9",))
    library_python("peft", tmp_path)
    assert calls[1][-1] == "peft==9.9.9"
    monkeypatch.setattr(environments, "requirements", lambda _: ("peft==0.0.0",))
    with pytest.raises(UserError, match=r"The environment of peft could not be made.*peft==0\.0\.0"):
        library_python("peft", tmp_path)


def test_other_libraries_processes_import_nothing_of_this_project() -> None:
    """Their environments lack what it needs: only the conversation and themselves are imported."""
    peers = Path(environments.__file__).parent / "peers"
    files = [*(peers / "library").glob("*.py"), peers / "conversation.py", peers / "__init__.py"]
    assert len(files) > 6
    ours = ("stream", "tasks", "db", "benchmarks")
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                allowed = name.startswith(("benchmarks.peers.library.", "benchmarks.peers.conversation"))
                assert allowed or name.partition(".")[0] not in ours, f"{file.name} imports {name}"


def test_other_libraries_get_the_same_tokens(tmp_path: Path) -> None:
    """Rows, padding, mask and labels of a batch are those that this project makes."""
    tokens = TokenSet(
        ids=torch.tensor([5, 6, 7, 8, 9, 3], dtype=torch.int32),
        offsets=torch.tensor([0, 2, 5, 6]),
        second=torch.tensor([2, 3, 1], dtype=torch.int32),
        labels=torch.tensor([1, 0, 2]),
    )
    path = tmp_path / "set.safetensors"
    path.write_bytes(tokens.to_bytes())
    examples, chosen = Examples(path), torch.tensor([1, 2])
    theirs, ours = examples.batch(chosen), tokens.batch(chosen, 3)
    assert examples.num_tokens == tokens.num_tokens
    assert theirs["input_ids"].tolist() == ours.token_ids.tolist() == [[7, 8, 9], [3, 0, 0]]
    assert theirs["attention_mask"].sum(1).tolist() == ours.lengths.tolist()
    assert theirs["labels"].tolist() == [0, 2]


@pytest.mark.parametrize("similar", [False, True])
def test_an_epoch_takes_every_example_once(tmp_path: Path, similar: bool) -> None:
    """In random order, or with neighbours in length together, every example is in one batch of at most 4."""
    lengths = torch.randperm(30, generator=torch.Generator().manual_seed(1)) + 1
    tokens = TokenSet(
        ids=torch.ones(int(lengths.sum()), dtype=torch.int32),
        offsets=torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)]),
        second=lengths.to(torch.int32),
        labels=torch.zeros(30, dtype=torch.int64),
    )
    path = tmp_path / "set.safetensors"
    path.write_bytes(tokens.to_bytes())
    batches = Batching(size=4, similar=similar).shuffled(Examples(path), seed=3)
    assert sorted(torch.cat(batches).tolist()) == list(range(30))
    assert max(len(batch) for batch in batches) == 4
    spread = max(int(lengths[batch].max() - lengths[batch].min()) for batch in batches)
    assert (spread == 3) == similar


def test_the_command_line_names_a_bad_number() -> None:
    """Zero steps are refused in one sentence before anything is made."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "peers", "--steps", "0"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(environments.__file__).parents[1],
    )
    assert (done.returncode, done.stderr) == (2, "--steps is 0; it must be 1 or more.\n")
