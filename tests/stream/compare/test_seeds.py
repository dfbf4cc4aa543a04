"""Means over seeds, their errors and paired differences, against SciPy and by hand."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from stream.compare.report.seeds import seed_lines
from stream.compare.seeds import scatters_widely, seed_groups, seed_rows
from stream.results.estimates import estimate
from stream.results.metrics import AccuracyMatrix
from stream.results.run_results import RunResults
from tests.stream.made_runs import made_results

HOUSLBY = {0: (0.90, 0.70), 1: (0.92, 0.74), 2: (0.91, 0.66)}
FINE_TUNE = {0: (0.91, 0.69), 1: (0.90, 0.70), 2: (0.93, 0.68)}


def run_of(method: str, seed: int, values: tuple[float, ...]) -> RunResults:
    """A finished run with these final values, in which nothing was forgotten."""
    made = made_results(names=tuple("ab"[: len(values)]))
    cells = {(after, on): values[on] for after in range(len(values)) for on in range(after + 1)}
    run = replace(
        made.run,
        name=f"{method}-seed-{seed}",
        method=method,
        configuration={"seed": seed, "method": method, "choices_from": "first" if seed else None},
    )
    tasks = tuple(replace(task, valid=values[i] - 0.1 * seed) for i, task in enumerate(made.tasks))
    return replace(made, run=run, tasks=tasks, matrix=AccuracyMatrix.from_cells(made.run.task_names, cells))


@pytest.fixture
def runs() -> list[RunResults]:
    return [
        run_of(method, seed, values)
        for method, by_seed in (("houlsby", HOUSLBY), ("fine-tune", FINE_TUNE))
        for seed, values in by_seed.items()
    ]


def test_a_mean_and_its_error() -> None:
    """Sd / sqrt(k), as SciPy's sem has it; a single value has none."""
    values = [0.90, 0.92, 0.91]
    found = estimate(values)
    assert found.mean == pytest.approx(np.mean(values))
    assert found.standard_error == pytest.approx(stats.sem(values), rel=1e-12)
    assert estimate([0.5]).standard_error is None


def test_runs_that_differ_in_their_seed_belong_together(runs: list[RunResults]) -> None:
    """Two methods, three seeds each; a lone seed is no group."""
    alone = run_of("lora", 0, (0.5, 0.5))
    assert [(group.label, list(group.runs)) for group in seed_groups([*runs, alone])] == [
        ("houlsby", [0, 1, 2]),
        ("fine-tune", [0, 1, 2]),
    ]


def test_differences_to_fine_tuning_are_paired_seed_by_seed(runs: list[RunResults]) -> None:
    """The mean and error of the differences of each seed: the statistic is SciPy's paired t."""
    first = seed_rows(runs)[0]
    ours, theirs = ([values[0] for values in table.values()] for table in (HOUSLBY, FINE_TUNE))
    assert first.difference is not None
    assert first.difference.standard_error is not None
    assert first.difference.mean == pytest.approx(np.mean(ours) - np.mean(theirs))
    statistic = first.difference.mean / first.difference.standard_error
    assert statistic == pytest.approx(stats.ttest_rel(ours, theirs).statistic, rel=1e-9)


def test_averages_are_over_tasks_seed_by_seed(runs: list[RunResults]) -> None:
    """Averages .80, .83, .785 against .80, .80, .805: mean and error over seeds, by hand over tasks."""
    average = next(row for row in seed_rows(runs) if row.num_tasks == 2)
    assert average.values == pytest.approx((0.80, 0.83, 0.785))
    assert average.estimate.standard_error == pytest.approx(stats.sem([0.80, 0.83, 0.785]))
    assert average.difference is not None
    assert average.difference.mean == pytest.approx(np.mean([0.0, 0.03, -0.02]))
    by_task = [np.mean([-0.01, 0.02, -0.02]), np.mean([0.01, 0.04, -0.02])]
    assert average.difference_task_error == pytest.approx(stats.sem(by_task))


def test_fine_tuning_is_not_compared_with_itself(runs: list[RunResults]) -> None:
    """Its own rows have no difference; without it no row has one."""
    assert all(row.difference is None for row in seed_rows(runs) if row.label == "fine-tune")
    assert all(row.difference is None for row in seed_rows(runs[:3]))


def test_other_examples_are_not_paired(runs: list[RunResults]) -> None:
    """Fine-tuning on other texts of the same name is no reference."""
    others = [
        replace(one, tasks=tuple(replace(task, fingerprint="other") for task in one.tasks))
        for one in runs[3:]
    ]
    assert all(row.difference is None for row in seed_rows([*runs[:3], *others]))


def test_the_best_seed_is_that_of_validation(runs: list[RunResults]) -> None:
    """Seed 0 validates best by how the runs were made, so its test value is reported."""
    assert [row.best_on_validation for row in seed_rows(runs)][:2] == [0.90, 0.70]


def test_the_papers_sms_spam_scatters_and_its_neighbours_do_not() -> None:
    """Errors of the mean over five seeds as in Table 2: SMS spam (2.2) is flagged, emotions (1.4) are not."""

    def seeds(mean: float, error: float) -> list[float]:
        drawn = stats.zscore(np.array([-2.0, -1.0, 0.0, 1.0, 2.0]), ddof=1)
        return list(mean + drawn * error * np.sqrt(5))

    assert scatters_widely(seeds(0.951, 0.022), 558)
    assert not scatters_widely(seeds(0.339, 0.014), 253)
    assert not scatters_widely(seeds(0.993, 0.002), 558)
    assert not scatters_widely([0.5], 100)


def test_the_table_says_what_it_shows(runs: list[RunResults]) -> None:
    """Every row of the value is a line; the rule for scatter is stated below."""
    lines = seed_lines(seed_rows(runs))
    assert sum(line.startswith(("houlsby ", "fine-tune ")) for line in lines) == len(seed_rows(runs))
    assert any("2 standard errors of the test split" in line for line in lines)
    assert seed_lines(()) == ()
