"""Law 7: only a method's own tensors learn; the backbone is the same value before and after."""

from pathlib import Path

import pytest
import torch

from db import Database
from db.records import Owner
from stream.engine.scheduler import task_seed
from stream.learning.learner import Learner
from stream.model.backbone.backbone import Backbone
from stream.model.backbone.loading import load_backbone
from stream.model.backbone.parameters import NO_PARAMETERS, TaskParameters, fingerprint
from stream.model.methods.bottleneck import houlsby
from stream.model.methods.catalogue import sequential
from stream.model.methods.method import Method, fresh_parameters
from stream.model.methods.specification import method_named
from tests.tiny_runs import ISOLATED, NAMES, ONE_EPOCH, run_tasks, tiny_learner, tiny_task

METHODS = pytest.mark.parametrize(
    "method",
    [houlsby(4), sequential(), *(method_named(text, adapter_size=4) for text in ISOLATED)],
    ids=["houlsby", "sequential", *ISOLATED],
)


@METHODS
def test_training_leaves_the_backbone_as_it_was(
    database: Database, backbone_folder: Path, method: Method
) -> None:
    """Two tasks learned: fingerprint, computing copies and a fresh load of the backbone still agree."""
    backbone = load_backbone(str(backbone_folder))
    before, compute = backbone.fingerprint(), fingerprint(backbone.compute)
    tasks = [tiny_task(name) for name in NAMES[:2]]
    run_tasks(database, tiny_learner(backbone, method, ONE_EPOCH), tasks)
    assert (backbone.fingerprint(), fingerprint(backbone.compute)) == (before, compute)
    assert load_backbone(str(backbone_folder)).fingerprint() == before
    assert not any(
        tensor.requires_grad for tensor in (*backbone.tensors.values(), *backbone.compute.values())
    )


def test_a_single_changed_value_changes_the_fingerprint(backbone_folder: Path) -> None:
    """The fingerprint reads the tensors at each call: one value written in place is seen."""
    backbone = load_backbone(str(backbone_folder))
    before = backbone.fingerprint()
    backbone.tensors["embeddings.word"][3, 1] += 1e-6
    assert backbone.fingerprint() != before


@METHODS
def test_what_is_stored_is_what_the_method_declares(
    database: Database, backbone: Backbone, method: Method
) -> None:
    """The stored tensors are the declared sites, no more and no fewer, and every one of them learned."""
    learner = tiny_learner(backbone, method, ONE_EPOCH)
    run_tasks(database, learner, [tiny_task(NAMES[0])])
    ledger = database.ledger("tiny")
    for owner in Owner:
        sites = {site.name: site.shape for site in learner.sites(2) if site.owner is owner}
        if not sites:
            assert not ledger.parameters(0, owner)
            continue
        stored = TaskParameters.from_bytes(ledger.parameters_content(0, owner))
        assert {name: tuple(tensor.shape) for name, tensor in stored.items()} == sites
        assert unlearned(learner, stored) == set()


def unlearned(learner: Learner, stored: TaskParameters) -> set[str]:
    """Tensors that are bit for bit as they started."""
    method, seed = learner.method, task_seed(0, NAMES[0])
    trained = method.trained_sites(learner.backbone.architecture, 2)
    start = method.materialise(fresh_parameters(trained, learner.backbone, NO_PARAMETERS, seed))
    return {name for name, tensor in stored.items() if torch.equal(tensor, start[name])}
