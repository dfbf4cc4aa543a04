"""Law 1 for every kind of task in one stream: regression, pairs, several test splits."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from db import Database
from stream.display.quiet import QuietDisplay
from stream.engine.simulator import simulate
from stream.learning.objectives.task_metrics import f1, spearman
from stream.model.backbone.backbone import Backbone
from stream.results.comparisons import ProofStatus
from stream.results.run_results import load_results
from stream.verify import main
from tests.tiny_runs import (
    Killed,
    Killer,
    finished_database,
    flip_bit,
    recorded_rows,
    results_of,
    scored_task,
    split_task,
    start_run,
    tiny_learner,
    tiny_stream,
    tiny_task,
)

TASKS = (scored_task("birds"), split_task("clouds", first=4), tiny_task("doors", num_labels=3, first=8))


@pytest.fixture(scope="module")
def mixed_run(tmp_path_factory: pytest.TempPathFactory, backbone: Backbone) -> bytes:
    """The database file of a finished run of the three kinds."""
    return finished_database(tmp_path_factory.mktemp("mixed"), tiny_learner(backbone), TASKS)


@pytest.fixture
def mixed(tmp_path: Path, mixed_run: bytes) -> Path:
    """A copy of it."""
    (tmp_path / "mixed.db").write_bytes(mixed_run)
    return tmp_path / "mixed.db"


def test_every_split_of_every_kind_is_compared(mixed: Path) -> None:
    """Three tasks, one with two test splits: 3 + 2 * 2 + 1 comparisons, all equal, nothing forgotten."""
    results = results_of(mixed)
    assert [(c.after, c.on, c.split) for c in results.comparisons] == [
        (0, 0, "test"),
        (1, 0, "test"),
        (1, 1, "test"),
        (1, 1, "mismatched"),
        (2, 0, "test"),
        (2, 1, "test"),
        (2, 1, "mismatched"),
        (2, 2, "test"),
    ]
    assert (results.proof.status, results.proof.num_equal, results.proof.num_expected) == (
        ProofStatus.PROVEN,
        8,
        8,
    )
    assert results.matrix.largest_forgetting() == 0
    assert all(c.num_examples == 14 for c in results.comparisons if c.split == "mismatched")


def test_the_matrix_holds_the_main_metric_of_the_main_split(mixed: Path) -> None:
    """What R holds is computed again from the stored predictions and the task's own labels."""
    results = results_of(mixed)
    with Database.open(f"sqlite:///{mixed}", read_only=True) as database:
        ledger = database.ledger("tiny")
        scores, classes, others = (
            ledger.predictions(row.predictions_sha256) for row in ledger.evaluations(after=1)
        )
    # rows come ordered by (on, split): the regression's, then mismatched before test
    labels = np.array(TASKS[0].test.labels, np.float32)
    assert results.matrix[1, 0] == spearman(np.frombuffer(scores, "<f4"), labels)
    main = f1(np.frombuffer(others, "<i4"), np.array(TASKS[1].test.labels))
    assert results.matrix[1, 1] == main
    further = f1(np.frombuffer(classes, "<i4"), np.array(TASKS[1].further_tests["mismatched"].labels))
    assert results.tasks[1].further_tests == {"mismatched": further}
    assert set(results.tasks[0].secondary) == {"pearson"}
    assert set(results.tasks[1].secondary) == {"accuracy"}


def test_the_head_of_a_regression_is_one_number(mixed: Path) -> None:
    """A weight per hidden unit and a bias, whatever the scores are."""
    counts = results_of(mixed).tasks[0].counts
    assert counts is not None
    assert counts.head == 32 + 1


def test_verify_proves_every_split(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the database and the backbone alone: four test splits of three tasks."""
    assert main(["--db", f"sqlite:///{mixed}", "--run", "tiny"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == "proven bit for bit: 4 of 4 test splits of 3 tasks"
    assert any(line.startswith("clouds (mismatched): equal bit for bit, f1 ") for line in said)


@pytest.mark.parametrize(
    ("table", "column", "where", "named"),
    [
        ("learned_splits", "value", "split = 'mismatched'", "row of the learned mismatched split"),
        (
            "evaluations",
            "changed_predictions",
            "split = 'mismatched' AND after_position = 2",
            "evaluation row (after 2, on 1, mismatched)",
        ),
    ],
)
def test_an_edited_row_of_a_further_split_is_named(
    mixed: Path, capsys: pytest.CaptureFixture[str], table: str, column: str, where: str, named: str
) -> None:
    """A changed number in a row of the second split is damage, and the sentence names task and split."""
    with closing(sqlite3.connect(mixed)) as connection:
        connection.execute(f"UPDATE {table} SET {column} = 1 + coalesce({column}, 0) WHERE {where}")
        connection.commit()
    assert main(["--db", f"sqlite:///{mixed}", "--run", "tiny"]) == 1
    assert named in capsys.readouterr().out


def test_a_flipped_bit_of_a_further_split_is_named(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One bit of the stored tokens of the second split, and one of its predictions in memory."""
    flip_bit(mixed, "SELECT sha256 FROM test_sets WHERE split = 'mismatched'", place=1.0)
    assert main(["--db", f"sqlite:///{mixed}", "--run", "tiny"]) == 1
    assert "mismatched split of run 'tiny', task 'clouds'" in capsys.readouterr().out


def test_removal_keeps_the_other_kinds(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the task of two splits the others are proven, and its comparisons stay as evidence."""
    with Database.open(f"sqlite:///{mixed}") as database:
        ledger = database.ledger("tiny")
        ledger.remove(1)
        assert not ledger.has_test_set(1, "mismatched")
        proof = load_results(ledger).proof
    assert (proof.num_equal, proof.num_expected) == (8, 8)
    assert main(["--db", f"sqlite:///{mixed}", "--run", "tiny"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "proven bit for bit: 2 of 2 tasks"


@pytest.mark.parametrize("after", range(1, 8))
def test_a_run_ended_between_two_splits_goes_on(
    database: Database, file: Path, mixed: Path, backbone: Backbone, after: int
) -> None:
    """Ended after any comparison and resumed, every row equals the uninterrupted run's."""
    learner, stream = tiny_learner(backbone), tiny_stream(TASKS)
    ledger = start_run(database, learner, stream.names)
    with pytest.raises(Killed):
        simulate(stream, learner, ledger, Killer(after))
    assert simulate(stream, learner, ledger, QuietDisplay()).proof.num_equal == 8
    resumed, straight = recorded_rows(file), recorded_rows(mixed)
    assert resumed == straight
