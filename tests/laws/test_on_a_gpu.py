"""The laws on a CUDA device; all of it is skipped where there is none.

Steps of a shape that returns are captured and replayed there, and attention is one kernel: what is computed
is compared with the CPU, and replays with the same steps taken kernel by kernel.
"""

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from db import Database
from stream.learning import steps, training
from stream.learning.checkpoints import NoCheckpoints
from stream.learning.evaluation import make_plan, predict
from stream.learning.job import TrainingJob
from stream.learning.steps import ReplayedSteps
from stream.learning.training import train
from stream.model.backbone.backbone import Backbone
from stream.model.backbone.loading import load_backbone
from stream.model.backbone.parameters import TaskParameters
from stream.model.methods.method import fresh_parameters
from stream.model.methods.specification import method_named
from stream.results.comparisons import ProofStatus
from tests.stream.learning.jobs import KeptCheckpoints, Stopped, Watcher, tiny_job, tokens_of
from tests.tiny_runs import ISOLATED, NAMES, own_digests, run_tasks, span_task, tiny_learner, tiny_task

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
METHODS = ("houlsby", *ISOLATED, "sequential")
NUM_EPOCHS = 4
"""24 steps; every shape is captured in the third of them."""


@pytest.fixture(scope="module", autouse=True)
def _cuda() -> Iterator[None]:
    """What loading a backbone there sets is set back after these tests."""
    fills, deterministic = torch.utils.deterministic, torch.are_deterministic_algorithms_enabled()
    filled = fills.fill_uninitialized_memory
    yield
    torch.use_deterministic_algorithms(deterministic)
    fills.fill_uninitialized_memory = filled


@pytest.fixture(scope="module")
def on_gpu(backbone_folder: Path) -> Backbone:
    """The tiny backbone on the device, in the format that runs take."""
    return load_backbone(str(backbone_folder), device=torch.device("cuda"), dtype=torch.bfloat16)


def job_of(backbone: Backbone, method: str = "houlsby") -> TrainingJob:
    task = tiny_task("birds")
    return tiny_job(
        backbone=backbone, method=method_named(method, adapter_size=8), task=task, num_epochs=NUM_EPOCHS
    )


def trained_bytes(job: TrainingJob) -> bytes:
    return train(job, NoCheckpoints(), Watcher().observer).values.to_bytes()


@pytest.mark.parametrize("method", METHODS)
def test_logits_agree_with_the_cpus(backbone_folder: Path, method: str) -> None:
    """In float32 both devices give the same logits to rounding."""
    found: list[torch.Tensor] = []
    declared = method_named(method, adapter_size=8)
    for device in ("cpu", "cuda"):
        backbone = load_backbone(str(backbone_folder), device=torch.device(device))
        tokens = tokens_of(backbone, tiny_task("birds").test)
        sites = declared.trained_sites(backbone.architecture, 2)
        parameters = TaskParameters(declared.materialise(fresh_parameters(sites, backbone, {}, 0)))
        found.append(predict(backbone, parameters.to(backbone.device), tokens, make_plan(tokens, backbone)))
    torch.testing.assert_close(*found, rtol=0, atol=2e-3)


@pytest.mark.parametrize("method", METHODS)
def test_a_replayed_step_is_the_step(on_gpu: Backbone, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trained with replays, trained so again and trained kernel by kernel, a task has the same bytes."""
    captured: list[object] = []
    capture = ReplayedSteps._capture

    def counted(self: ReplayedSteps, batch: steps.TrainingBatch) -> object:
        captured.append(batch.shape)
        return capture(self, batch)

    monkeypatch.setattr(ReplayedSteps, "_capture", counted)
    first = trained_bytes(job_of(on_gpu, method))
    num_captured = len(captured)
    assert num_captured
    assert trained_bytes(job_of(on_gpu, method)) == first
    monkeypatch.setattr(steps, "CAPTURE_AT", sys.maxsize)
    assert trained_bytes(job_of(on_gpu, method)) == first
    assert len(captured) == 2 * num_captured


def test_every_replay_drops_anew(on_gpu: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the generator not seeded for each step, replays would give other bytes than steps do."""
    first = trained_bytes(job_of(on_gpu))
    monkeypatch.setattr(steps, "seed_generator", lambda *_: torch.cuda.manual_seed(0))
    assert trained_bytes(job_of(on_gpu)) != first


@pytest.mark.parametrize("stop_after", [1, 7, 13, 20])
def test_resumed_equals_straight(on_gpu: Backbone, stop_after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 5: stopped after a step and taken up again, a training has the straight one's bytes."""
    straight = trained_bytes(job_of(on_gpu))
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    checkpoints = KeptCheckpoints(stop_after=stop_after)
    with pytest.raises(Stopped):
        train(job_of(on_gpu), checkpoints, Watcher().observer)
    assert train(job_of(on_gpu), checkpoints, Watcher().observer).values.to_bytes() == straight


def sync_debug_mode(mode: str) -> None:
    """What becomes of an operation that waits for the device; torch warns that this is a prototype."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.cuda.set_sync_debug_mode(mode)


def test_no_step_waits_for_the_device(on_gpu: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a shape is captured nothing is read back until the epoch ends; progress is told all the same."""
    monkeypatch.setattr(training, "PROGRESS_SECONDS", 0.0)
    take, tell, watcher = ReplayedSteps.take, training._Training._tell, Watcher()

    def strictly(call: object) -> object:
        def called(*arguments: object) -> None:
            sync_debug_mode("error")
            try:
                call(*arguments)
            finally:
                sync_debug_mode("default")

        return called

    def taken(self: ReplayedSteps, batch: steps.TrainingBatch, *rest: object) -> None:
        is_warm = self._num_taken[batch.shape] >= steps.CAPTURE_AT
        (strictly(take) if is_warm else take)(self, batch, *rest)

    monkeypatch.setattr(ReplayedSteps, "take", taken)
    monkeypatch.setattr(training._Training, "_tell", strictly(tell))
    train(job_of(on_gpu), NoCheckpoints(), watcher.observer)
    assert watcher.progress


@pytest.mark.parametrize("method", METHODS[:-1])
def test_nothing_is_forgotten(tmp_path: Path, on_gpu: Backbone, method: str) -> None:
    """Laws 1 and 3: classes and spans in a stream, all comparisons equal; another order, equal tensors."""
    tasks = [tiny_task("birds"), span_task("clouds"), tiny_task("doors", num_labels=3, first=8)]
    learner, found = tiny_learner(on_gpu, method_named(method, adapter_size=8)), []
    for name, order in (("forth", tasks), ("back", tasks[::-1])):
        with Database.open(f"sqlite:///{tmp_path}/{name}.db") as database:
            proof = run_tasks(database, learner, order).proof
            found.append(own_digests(database.ledger("tiny")))
        assert (proof.status, proof.num_equal) == (ProofStatus.PROVEN, 6)
    assert found[0] == found[1]


def test_the_check_can_fail(database: Database, on_gpu: Backbone) -> None:
    """Law 2: sequential fine-tuning forgets here too."""
    learner = tiny_learner(on_gpu, method_named("sequential", adapter_size=8))
    results = run_tasks(database, learner, [tiny_task(name, first=4 * i) for i, name in enumerate(NAMES)])
    assert any(c.changed_predictions for c in results.comparisons)
