from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stream.service.figures import MAX_DRAWN_ARRIVALS, queue_figure, sweep_figure
from stream.service.markdown import service_lines, service_markdown
from stream.service.names import Policy
from stream.service.queueing.arrivals import Arrivals, Pattern
from stream.service.queueing.scenario import Setting, Study, outcome_of
from stream.service.report import ServiceReport, time_text
from stream.service.tables import SERVICE_COLUMNS, SWEEP_COLUMNS, sweep_notes
from stream.service.write import write_service_reports
from tests.stream.service.queueing.made_jobs import RECORDED, TIMES

MEAN = float(np.mean(TIMES))


def setting(load: float | None, *, num_workers: int = 1, policy: Policy = Policy.FIRST_COME) -> Setting:
    """A Poisson stream of that load per worker, or a burst."""
    arrivals = Arrivals(pattern=Pattern.ALL_AT_ONCE)
    if load is not None:
        arrivals = Arrivals(pattern=Pattern.POISSON, gap_seconds=MEAN / (load * num_workers))
    return Setting(policy=policy, num_workers=num_workers, arrivals=arrivals)


def report_of(study: Study, *settings: Setting) -> ServiceReport:
    """The first setting in full, and all of them where there are several."""
    outcomes = tuple(outcome_of(study, setting) for setting in settings)
    return ServiceReport(
        run="made",
        device="a machine",
        times="training",
        expected="tokens",
        study=study,
        base=outcomes[0],
        sweep=outcomes if len(outcomes) > 1 else (),
        notes=("a note",),
    )


STUDY = Study(recorded=RECORDED, num_jobs=60, num_replications=3)


def test_columns_are_fixed(tmp_path: Path) -> None:
    """Other tools find the same columns in the same order."""
    paths = write_service_reports(report_of(STUDY, setting(0.5), setting(1.2)), tmp_path)
    headers = {p.name: p.read_text().split("\n")[0] for p in paths if p.suffix == ".csv"}
    assert headers == {
        "service.csv": "position,task,customer,priority,arrival_seconds,start_seconds,finish_seconds,"
        "waiting_seconds,service_seconds,expected_seconds,queue_length,worker,notes",
        "service_sweep.csv": "policy,num_workers,rate_per_hour,offered_load,load_per_worker,"
        "grows_without_bound,saturation_per_hour,num_arrivals,num_replications,utilisation,"
        "utilisation_half_width,mean_waiting_seconds,mean_waiting_half_width_seconds,p50_waiting_seconds,"
        "p90_waiting_seconds,p95_waiting_seconds,p99_waiting_seconds,max_waiting_seconds,"
        "mean_queue_length,throughput_per_hour,predicted_waiting_seconds,prediction,notes",
    }
    for path in paths:
        if path.suffix == ".csv":
            columns = SERVICE_COLUMNS if path.name == "service.csv" else SWEEP_COLUMNS
            lines = path.read_text().splitlines()
            assert all(line.count(",") >= len(columns) - 1 for line in lines)


def test_the_summary_says_when_the_queue_grows() -> None:
    """Below and above saturation the lines differ in words, and name the rate at which they would change."""
    calm, full = (" ".join(service_lines(report_of(STUDY, setting(load)))) for load in (0.5, 1.5))
    limit = f"{3600 / MEAN:,.4g} arrivals per hour"
    assert f"stays bounded; it would grow without bound from {limit} on" in calm
    assert f"the queue grows without bound, as it does from {limit} on" in full


def test_too_few_arrivals_are_said() -> None:
    """A stream that is too short for a steady state has a line of its own, and a note in the table."""
    few = report_of(replace(STUDY, num_jobs=20), setting(0.5), setting(0.1))
    lines = service_lines(few)
    assert any(line.startswith("Steady state: 20 arrivals in a stream are too few for one") for line in lines)
    assert "about 64 at this load" in service_markdown(few).split("## Settings compared")[1]
    assert ["too few" in "; ".join(sweep_notes(outcome)) for outcome in few.sweep] == [True, False]
    enough = report_of(replace(STUDY, num_jobs=64), setting(0.5))
    assert not any(line.startswith("Steady state") for line in service_lines(enough))


def test_theory_stands_beside_the_simulation() -> None:
    """The formula, its wait, and whether it lies inside the interval are one line; several workers: about."""
    exact = service_lines(report_of(STUDY, setting(0.5)))[-1]
    assert "Pollaczek and Khinchine: mean wait" in exact
    assert "the interval" in exact
    assert "an approximation" in service_lines(report_of(STUDY, setting(0.5, num_workers=2)))[-1]
    assert "no formula" in service_lines(report_of(STUDY, setting(1.5)))[-1]


def test_a_difference_from_theory_is_said() -> None:
    """Where the prediction lies outside the interval, the line says so and why that may be."""
    report = report_of(STUDY, setting(0.5))
    wrong = replace(report.base, mean_waiting_seconds=replace(report.base.mean_waiting_seconds, mean=1e6))
    text = service_lines(replace(report, base=wrong))[-1]
    assert "outside the interval" in text
    assert "--warm-up" in text


def test_the_document_holds_lines_settings_and_notes() -> None:
    """service.md says what the terminal says, every setting compared, and what is assumed."""
    report = report_of(STUDY, setting(0.5), setting(1.2), setting(0.5, policy=Policy.SHORTEST_FIRST))
    text = service_markdown(report)
    for line in service_lines(report)[:-1]:
        assert line.split(": ", 1)[1] in text
    assert text.count("| first-come | 1 |") == 2
    assert text.count("| shortest-first | 1 |") == 1
    assert "- a note." in text
    assert "one task at a time" in text


@pytest.mark.parametrize(
    "settings",
    [
        (setting(0.5), setting(0.9), setting(1.3)),
        (setting(None), setting(None, num_workers=2)),
        (setting(0.3, num_workers=30), setting(0.5, num_workers=30)),
        (setting(0.5),),
    ],
    ids=["loads", "bursts", "no wait at all", "one setting"],
)
def test_every_kind_of_sweep_can_be_drawn(settings: tuple[Setting, ...], tmp_path: Path) -> None:
    """Streams with a rate, bursts, and services where nobody waits have figures with named axes."""
    report = report_of(STUDY, *settings)
    write_service_reports(report, tmp_path)
    for axes in queue_figure(report).axes:
        assert axes.get_ylabel()
    if len(settings) > 1:
        axes = sweep_figure(report).axes[0]
        assert "wait" in axes.get_ylabel()
        assert axes.get_xlabel()


def test_saturation_is_marked() -> None:
    """The line stands at a load of 1 per worker; what lies beyond is drawn hollow."""
    axes = sweep_figure(report_of(STUDY, setting(0.5), setting(1.2))).axes[0]
    marked = [line for line in axes.lines if str(line.get_label()).startswith("saturation")]
    assert [list(line.get_xdata()) for line in marked] == [[1.0, 1.0]]
    hollow = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert [float(line.get_xdata()[0]) for line in hollow] == [pytest.approx(1.2)]


def test_a_long_stream_is_drawn_from_its_beginning() -> None:
    """Of more arrivals than a figure can show the first ones are drawn, and the title says so."""
    study = Study(recorded=RECORDED, num_jobs=MAX_DRAWN_ARRIVALS + 1)
    figure = queue_figure(report_of(study, setting(0.5)))
    assert figure.get_suptitle().endswith(
        f"first {MAX_DRAWN_ARRIVALS:,} of {MAX_DRAWN_ARRIVALS + 1:,} arrivals"
    )
    assert len(figure.axes[1].lines[0].get_xdata()) == MAX_DRAWN_ARRIVALS


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0s"), (0.42, "0.42s"), (8.34, "8.3s"), (75.0, "1m 15s")]
)
def test_short_times_keep_two_digits(seconds: float, text: str) -> None:
    """Waits of tiny runs do not all become 0s."""
    assert time_text(seconds) == text
