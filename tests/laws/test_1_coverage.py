"""Law 1 in part: what `--reevaluate sample:P` and `digest` check, leave out and say."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from db import DamageError, Database
from stream import verify
from stream.display import QuietDisplay
from stream.engine.serving import TaskServer
from stream.engine.simulator import simulate
from stream.learning.learner import Learner
from stream.model.backbone.backbone import Backbone
from stream.reports.run import last_lines
from stream.results.comparisons import ProofStatus
from stream.results.run_results import RunResults, load_results
from tests.tiny_runs import NAMES, ONE_EPOCH, recorded_rows, start_run, tiny_learner, tiny_stream, tiny_task

TASKS = [tiny_task(name, num_labels=2 + i % 2) for i, name in enumerate(NAMES)]
SAMPLED = {(0, 0), (1, 0), (1, 1), (2, 2), (3, 3)}
"""Cells that every sample of a half has here: of one earlier task one is drawn."""


def run_with(database: Database, learner: Learner, reevaluate: str, run: str = "tiny") -> RunResults:
    """A run of four tasks that evaluates earlier ones in this way."""
    ledger = start_run(database, learner, NAMES, run, reevaluate=reevaluate)
    return simulate(tiny_stream(TASKS), learner, ledger, QuietDisplay())


def cells(results: RunResults) -> set[tuple[int, int]]:
    """(after, on) of every evaluation."""
    return {(entry.after, entry.on) for entry in results.comparisons}


@pytest.fixture
def learner(backbone: Backbone) -> Learner:
    """Adapters trained for one epoch."""
    return tiny_learner(backbone, recipe=ONE_EPOCH)


def test_a_sample_never_says_proven(database: Database, learner: Learner) -> None:
    """Of six re-evaluations of earlier tasks four are made; the report says so, and what it may miss."""
    results = run_with(database, learner, "sample:0.5")
    assert cells(results) > SAMPLED
    assert len(cells(results)) == 4 + 1 + 1 + 2
    assert (results.proof.status, results.proof.num_equal) == (ProofStatus.SAMPLED, 8)
    lines = "\n".join(last_lines(results, bert_base_growth=None))
    assert "proven" not in lines
    assert "Re-evaluation: sample:0.5: 4 of 6 re-evaluations of earlier tasks" in lines
    # Three earlier tasks, two drawn: a third of all pairs lacks the changed task.
    assert "one task's outputs at the last arrival had a chance of 33.3 % to be missed" in lines


def test_a_digest_run_never_says_proven(database: Database, learner: Learner) -> None:
    """Only the arrivals themselves are evaluated, and the last lines say that the others were not."""
    results = run_with(database, learner, "digest")
    assert cells(results) == {(on, on) for on in range(4)}
    assert results.proof.status is ProofStatus.REREAD
    lines = "\n".join(last_lines(results, bert_base_growth=None))
    assert "proven" not in lines
    assert "Re-evaluation: digest: each task is evaluated at its own arrival only" in lines
    assert "Forgetting: not measured" in lines


def test_what_is_evaluated_is_as_in_a_full_run(database: Database, learner: Learner, finished: Path) -> None:
    """Tensors and digests of a sampled run are those of a full one: how it is checked changes nothing."""
    full, part = (
        run_with(database, learner, "full", "full"),
        run_with(database, learner, "sample:0.5", "part"),
    )
    assert full.proof.status is ProofStatus.PROVEN
    ledgers = [database.ledger(name) for name in ("full", "part")]
    stored = [[record.sha256 for record in ledger.parameters()] for ledger in ledgers]
    assert stored[0] == stored[1]
    digests = [{(e.after, e.on): e.logits_sha256 for e in ledger.evaluations()} for ledger in ledgers]
    assert digests[1].items() < digests[0].items()
    assert set(digests[1]) == cells(part)


@pytest.mark.parametrize("reevaluate", ["full", "sample:0.5", "digest"])
def test_a_flipped_bit_is_found_in_every_mode(file: Path, learner: Learner, reevaluate: str) -> None:
    """One bit of the first task's tensors flips after two arrivals: the third one names it, drawn or not."""
    with Database.open(f"sqlite:///{file}") as database:
        ledger = start_run(database, learner, NAMES, reevaluate=reevaluate)
        simulate(tiny_stream(TASKS[:2]), learner, ledger, QuietDisplay())
        connection = sqlite3.connect(file)
        with connection:
            query = "SELECT sha256, content FROM blobs JOIN parameters USING (sha256) WHERE position = 0"
            ((sha256, content),) = connection.execute(query).fetchall()
            flipped = bytes([*content[:-1], content[-1] ^ 1])
            connection.execute("UPDATE blobs SET content = ? WHERE sha256 = ?", (flipped, sha256))
        connection.close()
        with pytest.raises(DamageError, match=f"own parameters of run 'tiny', task '{NAMES[0]}'"):
            simulate(tiny_stream(TASKS), learner, ledger, QuietDisplay())


class _Killed(BaseException):
    """Ends a run where it stands."""


def killing(server: type[TaskServer], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process end at the second evaluation after its start."""
    honest, calls = server.evaluate, iter(range(1, 1000))

    def killed(self: TaskServer, **cell: int) -> object:
        if next(calls) == 2:
            raise _Killed
        return honest(self, **cell)

    monkeypatch.setattr(server, "evaluate", killed)


@pytest.mark.parametrize("reevaluate", ["full", "sample:0.5", "digest"])
def test_a_run_killed_again_and_again_ends_with_the_same_rows(
    tmp_path: Path, migrated: bytes, learner: Learner, reevaluate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at every second evaluation and resumed each time, the rows are those of a straight run."""
    for name in ("straight", "killed"):
        (tmp_path / f"{name}.db").write_bytes(migrated)
    with Database.open(f"sqlite:///{tmp_path}/straight.db") as database:
        straight = run_with(database, learner, reevaluate)
    with Database.open(f"sqlite:///{tmp_path}/killed.db") as database:
        ledger = start_run(database, learner, NAMES, reevaluate=reevaluate)
        for _ in _until_done():
            with monkeypatch.context() as patched:
                killing(TaskServer, patched)
                try:
                    results = simulate(tiny_stream(TASKS), learner, ledger, QuietDisplay())
                    break
                except _Killed:
                    continue
        assert results.proof == straight.proof
    assert recorded_rows(tmp_path / "killed.db") == recorded_rows(tmp_path / "straight.db")


def _until_done() -> Iterator[int]:
    return iter(range(40))


def test_a_removed_task_is_not_waited_for(database: Database, learner: Learner) -> None:
    """After the removal of a task a sampled run goes on and ends with everything that is due."""
    ledger = start_run(database, learner, NAMES, reevaluate="sample:0.5")
    simulate(tiny_stream(TASKS[:2]), learner, ledger, QuietDisplay())
    ledger.remove(0)
    results = simulate(tiny_stream(TASKS), learner, ledger, QuietDisplay())
    assert results.proof.status is ProofStatus.SAMPLED


def test_verification_is_always_full(
    file: Path, learner: Learner, capsys: pytest.CaptureFixture[str]
) -> None:
    """`stream.verify` evaluates every task of a run that evaluated none again, and misses no cell."""
    with Database.open(f"sqlite:///{file}") as database:
        run_with(database, learner, "digest")
    assert verify.main(["--db", f"sqlite:///{file}", "--run", "tiny"]) == 0
    assert capsys.readouterr().out.strip().endswith("proven bit for bit: 4 of 4 tasks")


def test_an_evaluation_that_is_due_is_missed(database: Database, learner: Learner) -> None:
    """A sampled run whose drawn cell is gone is in progress again, not equal in the sample."""
    run_with(database, learner, "sample:0.5")
    ledger = database.ledger("tiny")
    results = load_results(ledger)
    shorter = replace(results.proof, num_equal=results.proof.num_equal - 1)
    assert shorter.status is ProofStatus.IN_PROGRESS
