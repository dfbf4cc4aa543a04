"""The files of a study of trainings: what they say, and that they can be drawn at any stage."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from stream.engine.choosing.study_grid import Setting, StudyGrid
from stream.engine.scheduler import task_seed
from stream.study.training.figures import study_figures
from stream.study.training.findings import findings
from stream.study.training.results import StudyResults, collect_study
from stream.study.training.text import study_lines
from stream.study.training.write import write_study_reports
from tests.stream.made_runs import made_task
from tests.stream.study.training.test_results import DEEP, PLAIN, collected, study_run, trial

SIZES = StudyGrid(
    name="size",
    seeds=(0,),
    settings=(
        Setting(series="adapters", x=8.0, method="houlsby:size=8", learning_rates=(1e-3,)),
        Setting(series="adapters", x=64.0, method="houlsby:size=64", learning_rates=(1e-3,)),
        Setting(series="fine-tuning", x=None, method="fine-tune", learning_rates=(1e-3,)),
    ),
    reference="fine-tune",
)


def variants() -> StudyResults:
    plain = [trial(PLAIN, seed, value) for seed, value in enumerate((0.7, 0.8, 0.6))]
    deep = [trial(DEEP, seed, value) for seed, value in enumerate((0.72, 0.83, 0.61))]
    return collected(*plain, *deep, trial(DEEP, 0, None, 1e-2))


def sizes(num_tasks: int = 1) -> StudyResults:
    """The same values on so many tasks."""
    tasks = [made_task(position, f"task-{position}") for position in range(num_tasks)]
    run = replace(study_run(SIZES), task_names=tuple(task.name for task in tasks))
    one = [trial(setting, 0, value) for setting, value in zip(SIZES.settings, (0.7, 0.6, 0.9), strict=True)]
    trials = [replace(t, position=task.position, seed=task_seed(0, task.name)) for task in tasks for t in one]
    return collect_study(run, tasks, trials)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as content:
        return list(csv.DictReader(content))


def test_the_files_of_a_study(tmp_path: Path) -> None:
    """Two CSV files, Markdown, a page, and each figure twice."""
    written = {path.name for path in write_study_reports(variants(), tmp_path)}
    assert written == {
        *("trainings.csv", "settings.csv", "study.md", "report.html"),
        *("variants.png", "variants.svg"),
    }
    assert (tmp_path / "variants.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert (tmp_path / "study.md").read_text(encoding="utf-8").endswith("\n![variants](variants.png)\n")


def test_settings_have_means_and_trainings_their_own_row(tmp_path: Path) -> None:
    """Seven trainings in one file; in the other the deeper one's mean, at the rate without a failure."""
    write_study_reports(variants(), tmp_path)
    assert len(rows(tmp_path / "trainings.csv")) == 7
    deep = rows(tmp_path / "settings.csv")[1]
    assert (deep["method"], deep["learning_rate"], deep["num_seeds"]) == (DEEP.method, "0.001", "3")
    assert float(deep["mean"]) == pytest.approx(0.72)
    assert float(deep["difference"]) == pytest.approx(0.02)


def test_a_failed_training_has_an_empty_value_and_a_reason(tmp_path: Path) -> None:
    """Never 0 for unknown."""
    write_study_reports(variants(), tmp_path)
    failed = [row for row in rows(tmp_path / "trainings.csv") if row["status"] == "failed"]
    assert [(row["valid"], "not finite" in row["notes"]) for row in failed] == [("", True)]


def test_a_study_without_a_training_has_no_figure(tmp_path: Path) -> None:
    """Its files say how far it is."""
    empty = collected()
    written = {path.name for path in write_study_reports(empty, tmp_path)}
    assert written == {"trainings.csv", "settings.csv", "study.md", "report.html"}
    assert any("not finished: 0 of 9" in line for line in study_lines(empty))


def test_the_percentiles_need_three_tasks() -> None:
    """With fewer there is nothing to take percentiles of."""
    assert set(study_figures(sizes(2))) == {"size"}
    assert set(study_figures(sizes(3))) == {"size", "size_percentiles"}


def test_percentiles_are_drawn(tmp_path: Path) -> None:
    """The figure of three tasks is written both ways."""
    written = {path.name for path in write_study_reports(sizes(3), tmp_path)}
    assert {"size_percentiles.png", "size_percentiles.svg"} <= written


def test_sizes_stand_beside_the_paper_s_statement() -> None:
    """Sizes 8 and 64 as means over tasks, with their difference beside the paper's 0.005."""
    last = findings(sizes(2))[-1]
    assert "0.700 at 8, 0.600 at 64" in last
    assert "largest difference 0.100, the paper's 0.005" in last


def test_a_clear_difference_is_named() -> None:
    """Always two hundredths better: beyond two standard errors; always another amount: not."""
    plain = [trial(PLAIN, seed, value) for seed, value in enumerate((0.7, 0.8, 0.6))]
    deep = [trial(DEEP, seed, value) for seed, value in enumerate((0.72, 0.821, 0.62))]
    assert "beyond two standard errors: deeper" in findings(collected(*plain, *deep))[-1]
    mixed = [trial(DEEP, seed, value) for seed, value in enumerate((0.9, 0.7, 0.6))]
    assert "beyond two standard errors: none" in findings(collected(*plain, *mixed))[-1]


def test_names_cannot_break_the_page(tmp_path: Path) -> None:
    """A task's name is text, whatever it holds."""
    task = replace(made_task(0, "birds"), name="<b>&")
    study = collect_study(study_run(), [task], [trial(PLAIN, 0, 0.5)])
    write_study_reports(study, tmp_path)
    assert "<b>&" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_task_that_is_only_begun_is_left_out_of_the_figures(tmp_path: Path) -> None:
    """A report may be asked for while the second task's first training is under way."""
    begun = sizes(2)
    first = [one for one in begun.trials if one.position == 0]
    written = {
        path.name for path in write_study_reports(collect_study(begun.run, begun.tasks, first), tmp_path)
    }
    assert "size.png" in written
