"""Law 8: removing a task leaves every other task's bytes, predictions and digests as they were."""

from pathlib import Path

import pytest

from db import ConflictError, Database
from stream import verify
from stream.display import QuietDisplay
from stream.engine.serving import TaskServer
from stream.engine.simulator import simulate
from stream.learning.learner import Learner
from stream.model.backbone.backbone import Backbone
from stream.results.comparisons import ProofStatus
from stream.results.run_results import load_results
from tests.tiny_runs import NAMES, own_digests, start_run, tiny_learner, tiny_stream, tiny_task

TASKS = tuple(tiny_task(name, num_labels=2 + i % 2, first=4 * i) for i, name in enumerate(NAMES))


def served_digests(learner: Learner, database: Database, positions: tuple[int, ...]) -> dict[int, str]:
    """Logits digests of tasks as they are served now."""
    server = TaskServer(learner, database.ledger("tiny"))
    return {on: server.evaluate(after=3, on=on)[0].logits_sha256 for on in positions}


@pytest.mark.parametrize("removed", [0, 2, 3])
def test_other_tasks_stay_as_they_are(finished: Path, backbone: Backbone, removed: int) -> None:
    """After the removal of any task the others have the same stored bytes and give the same logits."""
    learner = tiny_learner(backbone)
    kept = tuple(position for position in range(4) if position != removed)
    with Database.open(f"sqlite:///{finished}") as database:
        ledger = database.ledger("tiny")
        bytes_before, logits_before = own_digests(ledger), served_digests(learner, database, kept)
        ledger.remove(removed)
        assert own_digests(ledger) == {
            name: bytes_before[name] for name in bytes_before if name != NAMES[removed]
        }
        assert served_digests(learner, database, kept) == logits_before
        with pytest.raises(ConflictError, match="was removed or"):
            ledger.parameters_content(removed)


def test_a_run_with_a_removed_task_is_verified(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Verification proves the tasks that are left, and nothing is damaged."""
    with Database.open(f"sqlite:///{finished}") as database:
        database.ledger("tiny").remove(1)
    assert verify.main(["--db", f"sqlite:///{finished}", "--run", "tiny"]) == 0
    assert capsys.readouterr().out.strip().endswith("proven bit for bit: 3 of 3 tasks")


def test_a_run_goes_on_without_the_removed_task(file: Path, finished: Path, backbone: Backbone) -> None:
    """Removed after two arrivals of four, the rest is learned as if nothing had happened, and verifies."""
    learner = tiny_learner(backbone)
    with Database.open(f"sqlite:///{file}") as database:
        ledger = start_run(database, learner, NAMES)
        simulate(tiny_stream(TASKS[:2]), learner, ledger, QuietDisplay())
        ledger.remove(0)
        results = simulate(tiny_stream(TASKS), learner, ledger, QuietDisplay())
        alone = own_digests(ledger)
    with Database.open(f"sqlite:///{finished}", read_only=True) as database:
        everything = own_digests(database.ledger("tiny"))
    assert alone == {name: everything[name] for name in NAMES[1:]}
    assert {(c.after, c.on) for c in results.comparisons if c.after > 1} == {
        (2, 1),
        (2, 2),
        (3, 1),
        (3, 2),
        (3, 3),
    }
    assert results.proof.status is ProofStatus.PROVEN
    assert verify.main(["--db", f"sqlite:///{file}", "--run", "tiny"]) == 0


def test_the_growth_of_a_removed_task_is_given_back(finished: Path) -> None:
    """What is stored shrinks by the removed task's tensors, as the counted growth says."""
    with Database.open(f"sqlite:///{finished}") as database:
        ledger = database.ledger("tiny")
        before = load_results(ledger).growth.latest
        (removed,) = ledger.parameters(1)
        ledger.remove(1)
        after = load_results(ledger).growth.latest
    assert before is not None
    assert after is not None
    assert before.total_params - after.total_params == removed.counts.total
