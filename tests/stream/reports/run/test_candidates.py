"""candidates.csv, the sentence and the figure of a run that chose its settings."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from db.records import EpochRecord
from db.records.trials import TrialRecord, TrialStatus
from stream.reports.run import last_lines, write_reports
from stream.reports.run.candidates import candidates_figure, choice_text, write_candidates
from stream.results.run_results import RunResults
from stream.results.trials import choice_cost, labels_of, winners_of
from tests.stream.made_runs import made_results


def trial(position: int, size: int, valid: float, num_epochs: int = 4, **changes: object) -> TrialRecord:
    """A trial of 4 epochs of 100 tokens that was trained for `num_epochs` of them."""
    history = tuple(
        EpochRecord(
            position=position,
            attempt=0,
            epoch=epoch,
            train_loss=1.0,
            valid=valid,
            learning_rate=1e-3,
            num_tokens=100,
            seconds=1.0,
        )
        for epoch in range(num_epochs)
    )
    return replace(
        TrialRecord(
            position=position,
            recipe_sha256=f"{position} {size}",
            number=size,
            seed=1,
            method="houlsby",
            options={"adapter_size": size},
            learning_rate=1e-3,
            num_epochs=4,
            num_params=10 * size,
            status=TrialStatus.FINISHED if num_epochs == 4 else TrialStatus.STOPPED,
            history=history,
            best_epoch=0,
            valid=valid,
            standard_error=0.02,
            num_tokens=100 * num_epochs,
            seconds=float(num_epochs),
        ),
        **changes,
    )


TRIALS = (
    trial(0, 2, 0.80),
    trial(0, 8, 0.81, source="other", reused_tokens=400, reused_seconds=4.0),
    trial(0, 32, 0.70, 1),
    trial(1, 2, 0.50, 2),
    trial(1, 8, 0.60),
    trial(1, 32, 0.61),
)


@pytest.fixture
def results() -> RunResults:
    """Two tasks with three sizes each: 2 was chosen for the first, 8 for the second."""
    chosen = winners_of(TRIALS, {0: "0 2", 1: "1 8"})
    return replace(made_results(names=("a", "b")), trials=TRIALS, chosen=chosen)


def test_every_candidate_has_a_row(results: RunResults, tmp_path: Path) -> None:
    """Settings, rung, score, error, cost and status; one winner a task, and the notes say the rest."""
    with write_candidates([results], tmp_path / "candidates.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["task"], row["size"], row["winner"]) for row in rows] == [
        ("a", "2", "true"),
        ("a", "8", "false"),
        ("a", "32", "false"),
        ("b", "2", "false"),
        ("b", "8", "true"),
        ("b", "32", "false"),
    ]
    assert (rows[2]["status"], rows[2]["epochs_done"]) == ("stopped", "1")
    assert rows[2]["notes"] == "stopped early after 1 of 4 epochs"
    assert (rows[1]["source"], rows[1]["notes"]) == ("other", "trained by run other")
    assert (rows[0]["valid"], rows[0]["standard_error"], rows[0]["size_option"]) == ("0.8", "0.02", "size")


def test_the_cost_is_told_beside_the_full_grid(results: RunResults) -> None:
    """400 + 0 of 400 + 100 for the first task, 200 + 400 + 400 for the second; 24 epochs would be 2,400."""
    cost = choice_cost(TRIALS)
    assert (cost.num_tokens, cost.reused_tokens, cost.full_tokens) == (1500, 400, 2400)
    assert cost.seconds == 15.0
    assert cost.share == 1900 / 2400
    text = choice_text(results)
    assert "6 candidates for 2 tasks, judged on validation only" in text
    assert "chosen size 2 (1x), 8 (1x), mean 5.0" in text
    assert "79%" in text


def test_labels_name_what_varies() -> None:
    """Sizes alone; sizes and rates where both vary; settings where there is a single candidate."""
    assert labels_of(TRIALS[:3]) == {"0 2": "size 2", "0 8": "size 8", "0 32": "size 32"}
    other = trial(0, 4, 0.5, learning_rate=3e-3)
    assert labels_of([TRIALS[0], other])["0 4"] == "size 4, rate 0.003"
    assert labels_of(TRIALS[:1]) == {"0 2": "size 2, rate 0.001"}


def test_reports_of_a_run_that_chose(results: RunResults, tmp_path: Path) -> None:
    """candidates.csv and its figure are there, the page shows the figure, the last lines the choice."""
    written = {path.name for path in write_reports(results, tmp_path)}
    assert {"candidates.csv", "candidates.png"} <= written
    assert "judged on validation only" in (tmp_path / "summary.md").read_text()
    assert "Candidates on the validation split" in (tmp_path / "report.html").read_text()
    assert any(line.startswith("Choice: ") for line in last_lines(results, bert_base_growth=None))
    with (tmp_path / "tasks.csv").open(newline="") as file:
        assert [row["chosen"] for row in csv.DictReader(file)] == ["size 2", "size 8"]
    assert "| chosen |" in (tmp_path / "summary.md").read_text()
    assert '<td class="text">size 8</td>' in (tmp_path / "report.html").read_text()
    without = {
        path.name for path in write_reports(replace(results, trials=(), chosen={}), tmp_path / "plain")
    }
    assert written - without == {"candidates.csv", "candidates.png"}
    assert "chosen |" not in (tmp_path / "plain" / "summary.md").read_text()


def test_the_figure_has_a_panel_per_task(results: RunResults) -> None:
    """Two small figures with the sizes on the axis; the chosen one is ringed at its score."""
    first, second = candidates_figure(results).axes
    assert (first.get_title(), second.get_title()) == ("a", "b")
    assert list(first.get_xticks()) == [2.0, 8.0, 32.0]
    rings = [line for line in first.lines if line.get_markersize() == 11]
    assert [(list(ring.get_xdata()), list(ring.get_ydata())) for ring in rings] == [([2.0], [0.8])]
