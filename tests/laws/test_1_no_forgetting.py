"""Law 1: every earlier task, served from the ledger after every arrival, is as at its own arrival."""

from itertools import count
from pathlib import Path

import pytest

from db import Database
from stream.engine.serving import TaskServer
from stream.learning.evaluation import EvaluationPlan
from stream.model.backbone.backbone import Backbone
from stream.model.backbone.parameters import TaskParameters
from stream.model.methods.specification import method_named
from stream.results.comparisons import ProofStatus
from stream.results.metrics import Evaluation
from stream.results.run_results import load_results
from tests.tiny_runs import ISOLATED, NAMES, ONE_EPOCH, run_tasks, tiny_learner, tiny_task


def test_nothing_is_forgotten(finished: Path) -> None:
    """Four tasks give ten comparisons; in each, digest, predictions and value are those of its arrival."""
    with Database.open(f"sqlite:///{finished}", read_only=True) as database:
        results = load_results(database.ledger("tiny"))
    assert {(c.after, c.on) for c in results.comparisons} == {
        (after, on) for after in range(4) for on in range(after + 1)
    }
    assert all(c.digest_equal for c in results.comparisons)
    assert all(c.value == c.value_when_learned for c in results.comparisons)
    assert all(c.changed_predictions == 0 for c in results.comparisons)
    assert (results.proof.status, results.proof.num_equal) == (ProofStatus.PROVEN, 10)


@pytest.mark.parametrize("text", ISOLATED)
def test_no_isolated_method_forgets(database: Database, backbone: Backbone, text: str) -> None:
    """Two tasks under each method that shares nothing: all three comparisons are equal bit for bit."""
    learner = tiny_learner(backbone, method_named(text, adapter_size=4), ONE_EPOCH)
    tasks = [tiny_task(name, num_labels=2 + i) for i, name in enumerate(NAMES[:2])]
    proof = run_tasks(database, learner, tasks).proof
    assert (proof.status, proof.num_equal) == (ProofStatus.PROVEN, 3)


def test_the_diagonal_compares_memory_with_the_record(
    database: Database, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One value that changes on the way through the ledger shows everywhere, on the diagonal too."""
    read = TaskParameters.from_bytes

    def changed(content: bytes) -> TaskParameters:
        tensors = dict(read(content))
        bias = tensors["head.bias"].clone()
        bias[0] += 1e-4
        return TaskParameters({**tensors, "head.bias": bias})

    monkeypatch.setattr(TaskParameters, "from_bytes", changed)
    proof = run_tasks(database, tiny_learner(backbone), [tiny_task(name) for name in NAMES[:2]]).proof
    assert (proof.status, proof.num_different, proof.num_equal) == (ProofStatus.FORGOTTEN, 3, 0)


def test_one_other_evaluation_is_seen(
    database: Database, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A single cell R[2, 1] with another task's result is the one comparison that is not equal."""
    honest, calls = TaskServer.evaluate, count()

    def mistaken(server: TaskServer, *, after: int, on: int, split: str) -> tuple[Evaluation, EvaluationPlan]:
        next(calls)
        return honest(server, after=after, on=0 if (after, on) == (2, 1) else on)

    monkeypatch.setattr(TaskServer, "evaluate", mistaken)
    results = run_tasks(database, tiny_learner(backbone), [tiny_task(name) for name in NAMES[:3]])
    assert next(calls) == 6
    assert [(c.after, c.on) for c in results.comparisons if not c.digest_equal] == [(2, 1)]
    assert results.proof.status is ProofStatus.FORGOTTEN
