"""Runs that are no stream: joint training, and separate pipelines."""

from dataclasses import replace

import pytest

from db.records import Owner, ParameterCounts, Regime
from stream.reports.run import last_lines, write_reports
from stream.reports.run.averages import averages, last_full_row
from stream.reports.run.tables import forgetting_rows
from stream.results.comparisons import ProofStatus
from stream.results.run_results import RunResults, collect_results
from tests.stream.made_runs import made_evaluation, made_parameters, made_run, made_task

VALUES = (0.5, 0.6, 0.7)


def joint_run(num_evaluated: int = 3, changed: float | None = None) -> RunResults:
    """Heads at each position, the shared body at the last one, one row of evaluations."""
    values = [value if changed is None else changed for value in VALUES]
    return collect_results(
        run=made_run("abc", isolated=False, method="joint", regime=Regime.JOINT),
        tasks=[made_task(position, "abc"[position]) for position in range(3)],
        epochs=[],
        parameters=[
            *(made_parameters(position, value) for position, value in enumerate(VALUES)),
            made_parameters(2, VALUES[2], Owner.SHARED),
        ],
        evaluations=[made_evaluation(2, on, values[on]) for on in range(num_evaluated)],
    )


def separate_run(num_learned: int = 3) -> RunResults:
    """Pipelines without stored parameters, each evaluated once."""
    return collect_results(
        run=made_run("abc", method="no-bert", regime=Regime.SEPARATE),
        tasks=[made_task(position, "abc"[position]) for position in range(num_learned)],
        epochs=[],
        parameters=[
            replace(
                made_parameters(position, VALUES[position]), counts=ParameterCounts(), reads_backbone=False
            )
            for position in range(num_learned)
        ],
        evaluations=[
            made_evaluation(position, position, VALUES[position]) for position in range(num_learned)
        ],
    )


def lines(results: RunResults) -> dict[str, str]:
    """The last lines by title."""
    return dict(line.split(": ", 1) for line in last_lines(results, bert_base_growth=None))


def test_joint_training_expects_one_comparison_per_task() -> None:
    """The only row is the one after the last position, and its values are the tasks' test values."""
    results = joint_run()
    assert (results.proof.num_expected, results.proof.num_equal) == (3, 3)
    assert results.proof.status is ProofStatus.PROVEN
    assert [task.test for task in results.tasks] == list(VALUES)
    assert results.final_values == dict(enumerate(VALUES))
    assert averages(results)[0].value == pytest.approx(0.6)


def test_joint_training_claims_no_more_than_that_it_was_restored() -> None:
    """Forgetting is none by construction, and the proof is about memory and database only."""
    found = lines(joint_run())
    assert found["Forgetting"].startswith("none by construction")
    assert found["Proof"].startswith("restored bit for bit")
    assert lines(joint_run(changed=0.1))["Proof"].startswith("failed: the restored parameters")
    assert all("none by construction" in str(row[-1]) for row in forgetting_rows(joint_run()))


def test_joint_training_can_stop_anywhere() -> None:
    """Before its one row is whole nothing is averaged, and the missing comparisons are expected."""
    results = joint_run(num_evaluated=1)
    assert (results.proof.num_done, results.proof.num_expected) == (1, 3)
    assert averages(results) == ()
    assert [task.test for task in results.tasks] == [0.5, None, None]


@pytest.mark.parametrize("num_learned", [1, 3])
def test_separate_pipelines_are_averaged_over_the_diagonal(num_learned: int) -> None:
    """Each task counts with its one evaluation; no row is ever full."""
    results = separate_run(num_learned)
    (average,) = averages(results)
    assert average.num_tasks == num_learned
    assert average.value == pytest.approx(sum(VALUES[:num_learned]) / num_learned)
    assert average.forgetting is None
    assert last_full_row(results) is None
    assert results.proof.num_expected == results.proof.num_done == num_learned


def test_separate_pipelines_claim_nothing_about_forgetting() -> None:
    """Nothing is served again: forgetting, proof and size say why they do not apply."""
    found = lines(separate_run())
    assert found["Forgetting"] == ("not applicable: each task has its own pipeline, nothing is served again")
    assert found["Proof"].startswith("not applicable")
    assert found["Size"].startswith("no backbone")
    assert "Comparisons" not in found


@pytest.mark.parametrize("results", [joint_run(), joint_run(1), separate_run(), separate_run(1)])
def test_reports_of_other_regimes_are_whole(results: RunResults, tmp_path) -> None:
    """Every file of a report is written, and the page says why forgetting is not drawn."""
    written = write_reports(results, tmp_path)
    assert all(path.stat().st_size for path in written)
    assert "each task is evaluated once" in (tmp_path / "report.html").read_text()


def test_the_final_value_is_the_newest_known() -> None:
    """A stream's final value is that of the last row that has the cell."""
    results = collect_results(
        run=made_run("ab"),
        tasks=[made_task(0, "a"), made_task(1, "b")],
        epochs=[],
        parameters=[made_parameters(0, 0.5), made_parameters(1, 0.6)],
        evaluations=[made_evaluation(0, 0, 0.5), made_evaluation(1, 0, 0.4)],
    )
    assert results.final_values == {0: 0.4}
