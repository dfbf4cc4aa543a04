"""The laws for a span task beside tasks of classes in one stream."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from db import Database
from stream.display.quiet import QuietDisplay
from stream.engine.joint import learn_jointly
from stream.engine.simulator import simulate
from stream.learning.objectives.answer_metrics import squad_exact_match, squad_f1
from stream.learning.objectives.spans import answer_texts
from stream.learning.objectives.windows import WindowSet
from stream.model.backbone.backbone import Backbone
from stream.model.methods.specification import method_named
from stream.results.comparisons import ProofStatus
from stream.verify import main
from tests.tiny_runs import (
    ISOLATED,
    ONE_EPOCH,
    Killed,
    Killer,
    finished_database,
    flip_bit,
    own_digests,
    recorded_rows,
    results_of,
    run_tasks,
    span_task,
    start_run,
    tiny_learner,
    tiny_stream,
    tiny_task,
)

TASKS = (tiny_task("birds"), span_task("clouds"), tiny_task("doors", num_labels=3, first=8))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, backbone: Backbone) -> bytes:
    """The database file of a finished run of two classifications and a span task between them."""
    return finished_database(tmp_path_factory.mktemp("spans"), tiny_learner(backbone), TASKS)


@pytest.fixture
def copy(tmp_path: Path, finished: bytes) -> Path:
    """A copy of it."""
    (tmp_path / "spans.db").write_bytes(finished)
    return tmp_path / "spans.db"


def test_nothing_is_forgotten_across_kinds(copy: Path) -> None:
    """Six comparisons, all equal; forgetting exactly 0 in every cell; the span's examples are questions."""
    results = results_of(copy)
    assert (results.proof.status, results.proof.num_equal) == (ProofStatus.PROVEN, 6)
    assert results.matrix.largest_forgetting() == 0
    assert {c.num_examples for c in results.comparisons if c.on == 1} == {12}


def test_r_holds_the_f1_of_the_answers(copy: Path) -> None:
    """Main and secondary metric are those of the answers' texts, which the database alone gives."""
    results = results_of(copy)
    with Database.open(f"sqlite:///{copy}", read_only=True) as database:
        ledger = database.ledger("tiny")
        row = next(row for row in ledger.evaluations(after=2) if row.on == 1)
        windows = WindowSet.from_bytes(ledger.read_test_set(1, "test").content)
        answers = answer_texts(ledger.predictions(row.predictions_sha256), windows)
    golds = [list(golds.texts) for golds in TASKS[1].test.answers or ()]
    assert all(answer in context for answer, context in zip(answers, TASKS[1].test.pairs or (), strict=True))
    assert results.matrix[2, 1] == squad_f1(answers, golds)
    assert results.tasks[1].secondary == {"squad_exact_match": squad_exact_match(answers, golds)}


def test_the_head_of_a_span_task_is_two_outputs(copy: Path) -> None:
    """Two weights per hidden unit and two biases are counted, and no more."""
    counts = results_of(copy).tasks[1].counts
    assert counts is not None
    assert counts.head == 2 * 32 + 2


@pytest.mark.parametrize("method", [*ISOLATED, "houlsby:layers=1"])
def test_every_isolated_method_keeps_a_span_task(database: Database, backbone: Backbone, method: str) -> None:
    """Under each method the comparisons are equal bit for bit, whatever lies below its first own tensor."""
    learner = tiny_learner(backbone, method_named(method, adapter_size=4), recipe=ONE_EPOCH)
    proof = run_tasks(database, learner, TASKS).proof
    assert (proof.status, proof.num_equal) == (ProofStatus.PROVEN, 6)


def test_sequential_training_forgets_a_span_task(database: Database, backbone: Backbone) -> None:
    """One body for all kinds: after the next arrival the span task's digest is another one."""
    learner = tiny_learner(backbone, method_named("sequential", adapter_size=1))
    results = run_tasks(database, learner, TASKS)
    assert results.proof.status is ProofStatus.FORGOTTEN
    assert [c.digest_equal for c in results.comparisons if (c.after, c.on) == (2, 1)] == [False]


def test_a_joint_training_holds_a_span_task(database: Database, backbone: Backbone) -> None:
    """One training of both kinds: each batch goes to its own head, and what is stored gives what it gave."""
    learner = tiny_learner(backbone, method_named("joint", adapter_size=1), recipe=ONE_EPOCH)
    stream = tiny_stream(TASKS)
    ledger = start_run(database, learner, stream.names)
    proof = learn_jointly(stream, learner, ledger, QuietDisplay()).proof
    assert (proof.num_equal, proof.num_expected) == (3, 3)


def test_a_span_task_is_the_same_in_any_order(database: Database, backbone: Backbone) -> None:
    """Law 3: first or last in the stream, the bytes learned are equal."""

    def digests(order: Sequence[int], run: str) -> dict[str, str]:
        tasks = [TASKS[i] for i in order]
        run_tasks(database, tiny_learner(backbone, recipe=ONE_EPOCH), tasks, run=run)
        return own_digests(database.ledger(run))

    assert digests((0, 1, 2), "one") == digests((1, 2, 0), "other")


def test_verify_proves_a_span_task(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the database and the backbone alone."""
    assert main(["--db", f"sqlite:///{copy}", "--run", "tiny"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == "proven bit for bit: 3 of 3 tasks"
    assert any(line.startswith("clouds: equal bit for bit, squad_f1 0.") for line in said)


@pytest.mark.parametrize("place", [0.3, 0.6, 0.999])
def test_a_flipped_bit_in_stored_questions_is_named(
    copy: Path, capsys: pytest.CaptureFixture[str], place: float
) -> None:
    """One bit anywhere in contexts, answers, offsets or tokens is damage, and the sentence names the task."""
    flip_bit(copy, "SELECT sha256 FROM test_sets WHERE position = 1", place)
    assert main(["--db", f"sqlite:///{copy}", "--run", "tiny"]) == 1
    assert "test split of run 'tiny', task 'clouds'" in capsys.readouterr().out


def test_removal_of_a_span_task_keeps_the_others(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Law 8: without it the other tasks are proven as before, and its contexts are gone."""
    with Database.open(f"sqlite:///{copy}") as database:
        ledger = database.ledger("tiny")
        ledger.remove(1)
        assert not ledger.has_test_set(1)
    assert main(["--db", f"sqlite:///{copy}", "--run", "tiny"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "proven bit for bit: 2 of 2 tasks"


@pytest.mark.parametrize("after", [5, 6, 8, 9])
def test_a_run_ended_in_a_span_task_goes_on(
    database: Database, file: Path, copy: Path, backbone: Backbone, after: int
) -> None:
    """Law 5: ended in its training or its evaluation and resumed, every row equals the straight run's."""
    learner, stream = tiny_learner(backbone), tiny_stream(TASKS)
    ledger = start_run(database, learner, stream.names)
    with pytest.raises(Killed):
        simulate(stream, learner, ledger, Killer(after, counts_epochs=True))
    assert simulate(stream, learner, ledger, QuietDisplay()).proof.num_equal == 6
    assert recorded_rows(file) == recorded_rows(copy)
