"""Means over seeds and paired differences of a study, from made-up trainings."""

import statistics
from dataclasses import replace
from math import sqrt

import pytest

from db.records import Regime, RunRecord
from db.records.trials import TrialRecord, TrialStatus
from stream.engine.choosing.study_grid import Setting, StudyGrid
from stream.engine.scheduler import task_seed
from stream.study.training.results import StudyCell, StudyResults, collect_study
from tests.stream.made_runs import made_run, made_task

PLAIN = Setting(series="plain", x=None, method="houlsby:size=4", learning_rates=(1e-3,))
DEEP = Setting(series="deeper", x=None, method="houlsby:size=4:deep", learning_rates=(1e-3, 1e-2))
GRID = StudyGrid(name="variants", seeds=(0, 1, 2), settings=(PLAIN, DEEP), reference=PLAIN.method)


def study_run(grid: StudyGrid = GRID) -> RunRecord:
    stored = {
        "name": grid.name,
        "seeds": list(grid.seeds),
        "reference": grid.reference,
        "settings": [
            {
                "series": one.series,
                "x": one.x,
                "method": one.method,
                "learning_rates": list(one.learning_rates),
            }
            for one in grid.settings
        ],
    }
    recipe = {"num_epochs": 5, "batch_size": 32}
    configuration = {"study": stored, "recipe": recipe, "limits": {"max_train": 2000}}
    run = made_run(["birds"], regime=Regime.STUDY, method=f"study {grid.name}")
    return replace(run, configuration=configuration)


def trial(setting: Setting, seed: int, valid: float | None, rate: float = 1e-3) -> TrialRecord:
    return TrialRecord(
        position=0,
        recipe_sha256=f"{setting.method} {rate} {seed}",
        number=0,
        seed=task_seed(seed, "birds"),
        method=setting.method,
        options={"adapter_size": 4},
        learning_rate=rate,
        num_epochs=5,
        num_params=50,
        status=TrialStatus.FAILED if valid is None else TrialStatus.FINISHED,
        valid=valid,
        seconds=2.0,
    )


def collected(*trials: TrialRecord, grid: StudyGrid = GRID) -> StudyResults:
    return collect_study(study_run(grid), [made_task(0, "birds")], trials)


def cell_of(results: StudyResults, setting: Setting) -> StudyCell:
    return next(cell for cell in results.cells if cell.setting == setting)


def test_the_difference_is_paired_over_seeds() -> None:
    """Mean and standard error of value minus reference, seed by seed, as the standard library has them."""
    plain, deep = (0.7, 0.8, 0.6), (0.75, 0.83, 0.66)
    trials = [trial(PLAIN, seed, value) for seed, value in enumerate(plain)]
    trials += [trial(DEEP, seed, value) for seed, value in enumerate(deep)]
    difference = cell_of(collected(*trials), DEEP).difference
    pairs = [b - a for a, b in zip(plain, deep, strict=True)]
    assert difference is not None
    assert difference.mean == pytest.approx(statistics.mean(pairs))
    assert difference.standard_error == pytest.approx(statistics.stdev(pairs) / sqrt(3))


def test_only_seeds_that_both_have_are_paired() -> None:
    """The reference failed at seed 1, so the difference is over seeds 0 and 2."""
    trials = [trial(PLAIN, seed, value) for seed, value in enumerate((0.5, None, 0.7))]
    trials += [trial(DEEP, seed, value) for seed, value in enumerate((0.6, 0.1, 0.9))]
    difference = cell_of(collected(*trials), DEEP).difference
    assert difference is not None
    assert difference.mean == pytest.approx(0.15)


def test_the_best_rate_stands_for_a_setting() -> None:
    """Of two rates the one with the better mean is taken, all its seeds together."""
    low = [trial(DEEP, seed, value, 1e-3) for seed, value in enumerate((0.9, 0.1, 0.1))]
    high = [trial(DEEP, seed, value, 1e-2) for seed, value in enumerate((0.5, 0.5, 0.5))]
    cell = cell_of(collected(*low, *high), DEEP)
    assert (cell.learning_rate, dict(cell.values)) == (1e-2, {0: 0.5, 1: 0.5, 2: 0.5})


def test_a_rate_at_which_a_training_failed_does_not_win() -> None:
    """A higher mean over fewer seeds is no better rate."""
    low = [trial(DEEP, seed, value, 1e-3) for seed, value in enumerate((0.5, 0.5, 0.5))]
    high = [trial(DEEP, seed, value, 1e-2) for seed, value in enumerate((0.9, 0.9, None))]
    assert cell_of(collected(*low, *high), DEEP).learning_rate == 1e-3


def test_failures_and_restarts_are_counted() -> None:
    """One training of three gave nothing, one began again at a lower rate."""
    again = replace(trial(PLAIN, 1, 0.6), notes=("restarted at a lower learning rate",))
    cell = cell_of(collected(trial(PLAIN, 0, None), again, trial(PLAIN, 2, 0.8)), PLAIN)
    assert (cell.num_failed, cell.num_restarted, len(cell.values)) == (1, 1, 2)
    assert cell.estimate is not None
    assert cell.estimate.mean == pytest.approx(0.7)


def test_a_setting_of_which_all_failed_has_no_mean() -> None:
    """It stays in the study, without a value."""
    cell = cell_of(collected(trial(PLAIN, 0, None)), PLAIN)
    assert (cell.estimate, cell.difference, cell.num_failed) == (None, None, 1)


def test_settings_of_one_method_at_several_rates_are_apart() -> None:
    """In a study of rates each rate is a setting of its own."""
    settings = tuple(
        Setting(series="adapters", x=rate, method="houlsby:size=4", learning_rates=(rate,))
        for rate in (1e-3, 1e-2)
    )
    grid = StudyGrid(name="learning-rate", seeds=(0,), settings=settings)
    results = collected(trial(PLAIN, 0, 0.4, 1e-3), trial(PLAIN, 0, 0.6, 1e-2), grid=grid)
    assert [(cell.setting.x, cell.values[0]) for cell in results.cells] == [(1e-3, 0.4), (1e-2, 0.6)]


def test_the_grid_comes_back_from_a_stored_configuration() -> None:
    """What was stored as JSON is the same value again."""
    assert StudyGrid.from_json(study_run().configuration["study"]) == GRID
