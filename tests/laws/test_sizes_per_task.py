"""The laws where every task of a run has its own size: 1 (nothing forgotten), 4 (growth), 8 (removal)."""

from pathlib import Path

import pytest
import safetensors.torch

from db import Database
from stream import verify
from stream.engine.simulator import simulate
from stream.model.backbone.backbone import Backbone
from stream.results.comparisons import ProofStatus
from stream.results.run_results import load_results
from tests.made_choices import Watching, sizes_by_task
from tests.tiny_runs import (
    NAMES,
    RECIPE,
    finished_database,
    own_digests,
    tiny_learner,
    tiny_stream,
    tiny_task,
)

SIZES = dict(zip(NAMES[:3], (8, 2, 4), strict=True))
TASKS = tuple(tiny_task(name, num_labels=2 + i % 2) for i, name in enumerate(SIZES))


@pytest.fixture(scope="module")
def finished_sizes(tmp_path_factory: pytest.TempPathFactory, backbone: Backbone) -> bytes:
    """The database file of a run of three tasks with sizes 8, 2 and 4."""
    learn = sizes_by_task(SIZES, RECIPE.num_epochs or 0)
    return finished_database(tmp_path_factory.mktemp("sizes"), tiny_learner(backbone), TASKS, learn)


@pytest.fixture
def sizes_file(tmp_path: Path, finished_sizes: bytes) -> Path:
    """A copy of it."""
    (tmp_path / "sizes.db").write_bytes(finished_sizes)
    return tmp_path / "sizes.db"


def test_nothing_is_forgotten_across_sizes(sizes_file: Path) -> None:
    """All six comparisons are equal bit for bit."""
    with Database.open(f"sqlite:///{sizes_file}", read_only=True) as database:
        proof = load_results(database.ledger("tiny")).proof
    assert (proof.status, proof.num_equal) == (ProofStatus.PROVEN, 6)


def test_growth_counts_each_tasks_own_size(sizes_file: Path, backbone: Backbone) -> None:
    """Adapters of m units: 2 m d + m + d parameters at four sites; totals add up over the stored tensors."""
    with Database.open(f"sqlite:///{sizes_file}", read_only=True) as database:
        ledger = database.ledger("tiny")
        points = load_results(ledger).growth.points
        blobs = [safetensors.torch.load(ledger.parameters_content(position)) for position in range(3)]
    width, sites = 32, 4
    assert [point.counts.adapter for point in points] == [
        sites * (2 * size * width + size + width) for size in SIZES.values()
    ]
    stored = [sum(tensor.numel() for tensor in blob.values()) for blob in blobs]
    assert [point.counts.total for point in points] == stored
    assert points[-1].total_params == backbone.num_parameters + sum(stored)


def test_verify_proves_a_run_of_several_sizes(sizes_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m stream.verify` needs the database and the backbone alone."""
    assert verify.main(["--db", f"sqlite:///{sizes_file}", "--run", "tiny"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "proven bit for bit: 3 of 3 tasks"


def test_removal_leaves_the_other_sizes_alone(sizes_file: Path, backbone: Backbone) -> None:
    """With the largest removed the others verify, and its trial's tensors are gone with it."""
    with Database.open(f"sqlite:///{sizes_file}") as database:
        ledger = database.ledger("tiny")
        before = own_digests(ledger)
        ledger.remove(0)
        assert own_digests(ledger) == {name: before[name] for name in NAMES[1:3]}
        assert [trial.position for trial in ledger.trials()] == [1, 2]
        learn = sizes_by_task(SIZES, RECIPE.num_epochs or 0)
        results = simulate(tiny_stream(TASKS), tiny_learner(backbone), ledger, Watching(), learn)
        assert ledger.check_blobs() == ledger.check_rows() == ()
    assert results.growth.points[-1].total_params < backbone.num_parameters + 5000
    assert verify.main(["--db", f"sqlite:///{sizes_file}", "--run", "tiny"]) == 0
