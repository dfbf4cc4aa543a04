"""The table of methods: rows, averages and columns."""

from dataclasses import replace
from math import sqrt

import pytest

from db.records import Regime, RunStatus
from stream.compare.table import best_of
from stream.compare.tabulation import method_table, run_labels
from tests.stream.made_methods import five_methods, made_method


def test_a_row_holds_every_run_and_the_paper() -> None:
    """Each task has one cell per run, in the order given, with the paper's four figures beside."""
    table = method_table(five_methods())
    assert [row.task for row in table.rows] == ["a", "b", "c"]
    assert table.rows[0].values == (0.8, 0.9, 0.5, 0.85, 0.7)
    assert table.rows[0].paper.in_order == (0.7, 0.85, 0.83, 0.8)


def test_the_value_is_the_one_served_now() -> None:
    """A run that forgets stands with its newest values; those right after learning are kept beside."""
    cell = method_table([made_method("sequential", (0.9, 0.6, 0.6), drop=0.2)]).rows[0].cells[0]
    assert cell is not None
    assert (cell.value, cell.value_when_learned) == (0.5, 0.9)
    assert cell.forgetting == pytest.approx(0.4)


def test_the_standard_error_is_binomial() -> None:
    """sqrt(v (1 - v) / n) of ten test examples; the error of a mean follows from those of its tasks."""
    table = method_table([made_method("houlsby", (0.8, 0.5, 0.5))])
    cell = table.rows[0].cells[0]
    assert cell is not None
    assert cell.standard_error == pytest.approx(sqrt(0.8 * 0.2 / 10))
    expected = sqrt(0.16 / 10 + 0.25 / 10 + 0.25 / 10) / 3
    assert table.averages[0].standard_errors == (pytest.approx(expected),)


def test_other_metrics_have_no_standard_error() -> None:
    """A macro F1 is no share of examples."""
    run = made_method("houlsby", (0.8, 0.5, 0.5), task_changes={"metric": "macro_f1"})
    table = method_table([run])
    assert table.averages[0].standard_errors == (None,)
    assert "no standard error of macro_f1" in " ".join(table.notes)


def test_kinds_of_data_are_never_averaged_together() -> None:
    """Real, partial and simulated tasks have an average each."""
    run = made_method("houlsby", (0.8, 0.7, 0.6), data={"b": "partial", "c": "simulated"})
    averages = method_table([run, replace(run)]).averages
    assert [(average.data, average.values[0]) for average in averages] == [
        ("real", 0.8),
        ("partial", 0.7),
        ("simulated", 0.6),
    ]
    assert averages[2].paper.in_order == (None,) * 4


def test_a_stand_in_has_a_row_of_its_own() -> None:
    """A task that is real in one run and simulated in another is in no average, and each row lacks a run."""
    table = method_table(
        [
            made_method("houlsby", (0.8, 0.7, 0.6)),
            made_method("lora", (0.9, 0.7, 0.6), data={"a": "simulated"}),
        ]
    )
    assert [(row.task, row.data, row.values) for row in table.rows[:2]] == [
        ("a", "real", (0.8, None)),
        ("a", "simulated", (None, 0.9)),
    ]
    assert table.averages[0].tasks == ("b", "c")
    assert any(note == "houlsby lacks a (simulated)" for note in table.notes)


def test_averages_are_over_the_tasks_that_all_runs_have() -> None:
    """A run that stopped early restricts every average, trained fraction and time, and a note says so."""
    short = made_method("lora", (0.8,), status=RunStatus.INTERRUPTED)
    table = method_table([made_method("houlsby", (0.6, 0.7, 0.6)), short])
    assert (table.averages[0].tasks, table.averages[0].values) == (("a",), (0.6, 0.8))
    assert table.rows[1].values == (0.7, None)
    assert table.columns[0].seconds == 1.5
    notes = " | ".join(table.notes)
    assert "lora is interrupted: 1 of 3 tasks learned" in notes
    assert "lora lacks b (real), c (real)" in notes
    assert "over the tasks that all runs have" in notes
    assert "total parameters are for all tasks of a run, whose numbers are: houlsby 3, lora 1" in notes


def test_runs_without_a_common_task_have_no_average() -> None:
    """Nothing is averaged over different tasks."""
    table = method_table(
        [made_method("houlsby", (0.8,), names=("a",)), made_method("lora", (0.7,), names=("b",))]
    )
    assert table.averages == ()
    assert table.columns[0].trained_fraction is None
    assert table.columns[0].seconds is None


def test_removed_tasks_are_left_out() -> None:
    """A removed task is in no row, and a note names it."""
    run = made_method("houlsby", (0.8, 0.7, 0.6))
    gone = replace(run, tasks=(replace(run.tasks[0], removed=True), *run.tasks[1:]))
    table = method_table([gone])
    assert [row.task for row in table.rows] == ["b", "c"]
    assert "houlsby: removed from the stream: a" in table.notes


def test_forgetting_is_averaged_over_earlier_tasks() -> None:
    """F counts tasks a and b, which lost 0.4 and 0.2; joint and separate runs have none."""
    forgetting = method_table(five_methods()).averages[0].forgetting
    assert forgetting[:3] == (0.0, 0.0, pytest.approx(0.3))
    assert forgetting[3:] == (None, None)


def test_columns_say_how_each_run_ended() -> None:
    """Isolated runs are proven, the sharing one forgot, joint is restored, pipelines claim nothing."""
    columns = method_table(five_methods()).columns
    assert [column.proof for column in columns] == ["proven", "proven", "forgotten", "restored", None]
    assert [column.comparisons for column in columns] == ["6/6", "6/6", "3/6", "3/3", None]


def test_an_isolated_run_that_changed_has_failed() -> None:
    """A method that shares nothing must not lose anything."""
    table = method_table([made_method("houlsby", (0.8, 0.7, 0.6), drop=0.1)])
    assert table.columns[0].proof == "failed"


def test_sizes_are_multiples_of_the_backbone() -> None:
    """Factors are counted from what is stored; without a backbone there is none."""
    columns = method_table(five_methods()).columns
    assert columns[0].total_factor == pytest.approx(1.3)
    assert columns[0].trained_fraction == pytest.approx(0.1)
    assert columns[2].trained_fraction == pytest.approx(1.0)
    assert (columns[4].total_factor, columns[4].trained_fraction) == (None, None)


def test_two_runs_of_a_method_are_told_apart() -> None:
    """A label is the method, with the run's name where two runs share it."""
    runs = [
        made_method("houlsby", (0.8,), name="first"),
        made_method("houlsby", (0.7,), name="second"),
        made_method("lora", (0.7,)),
    ]
    assert run_labels(runs) == ("houlsby (first)", "houlsby (second)", "lora")


def test_the_papers_figures_come_from_any_run() -> None:
    """An older run recorded two of the four figures; a newer one beside it supplies the others."""
    old = {"paper_no_bert": None, "paper_variable_fine_tuning": None}
    older = made_method("houlsby", (0.8, 0.7, 0.6), task_changes=old)
    table = method_table([older, made_method("lora", (0.8, 0.7, 0.6))])
    assert table.rows[0].paper.in_order == (0.7, 0.85, 0.83, 0.8)
    alone = method_table([older])
    assert alone.rows[0].paper.in_order == (None, 0.85, None, 0.8)
    assert any("not yet recorded when these tasks ran: a, b, c" in note for note in alone.notes)


def test_the_best_needs_two_values() -> None:
    """All equal largest values are best; a single value is compared with nothing."""
    assert best_of((0.5, None, 0.7, 0.7)) == {2, 3}
    assert best_of((0.5, None)) == frozenset()
    assert best_of(()) == frozenset()


def test_no_runs_make_no_table() -> None:
    """A table needs at least one run."""
    with pytest.raises(ValueError, match="at least one run"):
        method_table([])


def test_a_run_that_learned_nothing_has_empty_cells() -> None:
    """A run named before its first arrival leaves its column empty."""
    nothing = made_method("lora", (), status=RunStatus.RUNNING)
    table = method_table([made_method("houlsby", (0.8, 0.7, 0.6)), nothing])
    assert [row.values[1] for row in table.rows] == [None] * 3
    assert table.averages == ()


def test_joint_training_in_progress_is_in_progress() -> None:
    """Heads that are stored before the last evaluation are no proof yet."""
    run = made_method("joint", (0.8, 0.7), regime=Regime.JOINT, status=RunStatus.RUNNING)
    (column,) = method_table([run]).columns
    assert (column.proof, column.comparisons) == ("in progress", "0/2")
