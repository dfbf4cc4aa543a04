import re
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.style import Style

from db.records import Regime, RunStatus
from stream.display import state as states
from stream.display.heatmap import NUM_SHADES, choose_window, shade
from stream.display.panels import work_seconds
from stream.display.state import CurrentArrival, StreamState, state_from_results
from stream.results.metrics import AccuracyMatrix
from stream.results.run_results import TAKEN_OVER
from tests.stream.display.made_states import (
    drawn,
    ended,
    finished,
    made_epoch,
    made_names,
    made_stream,
    under_way,
)

SIZES = [(80, 24), (120, 40), (200, 60), (60, 15), (40, 10), (20, 6), (12, 3)]
STREAMS = [(1, 0), (3, 1), (17, 0), (17, 12), (17, 16), (200, 183)]
CALM, FORGETFUL = finished(17), finished(3, values={(1, 0): 0.4, (2, 0): 0.3, (2, 1): 0.45})


@pytest.fixture(scope="module")
def streams() -> dict[tuple[int, int], StreamState]:
    return {
        (num_tasks, done): states.noticed(
            under_way(num_tasks, done, simulated=done % 2 == 1),
            "the loss was not finite; the arrival starts again at a third of the rate",
        )
        for num_tasks, done in STREAMS
    }


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("stream", STREAMS, ids=str)
def test_every_picture_fits(
    size: tuple[int, int], stream: tuple[int, int], streams: dict[tuple[int, int], StreamState]
) -> None:
    """No line is wider and no picture higher than the terminal, whatever its size and the stream's length."""
    lines = drawn(streams[stream], *size)
    assert lines
    assert max(cell_len(line) for line in lines) <= size[0]
    assert len(lines) <= size[1]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=str)
def test_seventeen_tasks_are_all_shown(size: tuple[int, int]) -> None:
    """17 finished tasks fit 80 x 24 with a row each, and two digits or more in all 153 cells."""
    lines = drawn(CALM, *size)
    for position, name in enumerate(made_names(17)):
        row = next(line for line in lines if re.match(rf"\s*{position + 1} {name[:12]}", line))
        cells = re.findall(r"(?<=\s)\d\d(?:\.\d)?(?=\s|$)", row[27:].split("paper")[0])
        assert len(cells) >= position + 1
    assert not any("hidden" in line for line in lines)


def test_a_resize_needs_no_new_state() -> None:
    """The same state is drawn at two sizes one after the other, each as if it were the only one."""
    small = drawn(CALM, 80, 24)
    drawn(CALM, 200, 60)
    assert drawn(CALM, 80, 24) == small


@pytest.mark.parametrize(("width", "height"), [(80, 24), (50, 14), (200, 60)])
def test_hidden_rows_are_counted(
    width: int, height: int, streams: dict[tuple[int, int], StreamState]
) -> None:
    """Of 200 tasks the newest rows are shown, and the heading counts those that are not, uncut."""
    lines = drawn(streams[200, 183], width, height)
    rows = [line for line in lines if re.match(r"\d{3}[ ▸]", line) and "classes" not in line[:80]]
    shown = {int(line[:3]) for line in rows}
    assert max(shown) == 184
    assert any(re.search(rf"─ {min(shown) - 1} rows( and \d+ columns)? hidden ─", line) for line in lines)


def test_narrow_cells_keep_the_tens_digit() -> None:
    """Where two digits have no room each cell still says its tens, and the heading says so."""
    lines = drawn(finished(50), 90, 70)
    assert any("in tens of %" in line for line in lines)
    last = next(line for line in lines if line.startswith("50 task-50"))
    assert last.rstrip().endswith("5" * 10 + "6" * 10 + "7" * 10 + "8" * 10 + "9" * 10)


def test_hundred_percent_is_a_claim() -> None:
    """99.6 % is drawn as 99, and only a full 1 as 100."""
    lines = drawn(finished(2, values={(0, 0): 0.996, (1, 0): 0.996, (1, 1): 1.0}), 30, 12)
    assert any(line.rstrip().endswith(" 99 100") for line in lines)


@pytest.mark.parametrize("size", [*SIZES[:5], (30, 8)], ids=str)
def test_simulated_data_is_never_overlooked(size: tuple[int, int]) -> None:
    """With simulated tasks the first line says so at every size, and every shown row carries the tag."""
    lines = drawn(finished(17, simulated=True), *size)
    assert "SIMULATED DATA: 17 of 17" in lines[0]
    rows = [line for line in lines if re.match(r"\s?\d+[ ▸][A-Za-z0-9]", line) and " of " not in line]
    assert rows
    assert all("SIM" in line for line in rows)


def test_real_data_is_not_called_simulated() -> None:
    """Without simulated tasks the word does not occur; partial copies are counted."""
    lines = drawn(CALM, 120, 40)
    assert not any("SIM" in line for line in lines)
    assert "2 partial · 15 real" in lines[0]
    assert sum(" part " in line for line in lines) == 3


def test_averages_name_simulated_and_partial_tasks() -> None:
    """An average over simulated tasks or partial copies says over how many."""
    assert any(
        "average 58.0 % (17 of 17 simulated)" in line for line in drawn(finished(17, simulated=True), 120, 40)
    )
    assert not any("simulated)" in line for line in drawn(CALM, 120, 40))
    assert any("(2 of 17 partial)" in line for line in drawn(finished(17), 120, 40))


@pytest.mark.parametrize("size", SIZES[:4], ids=str)
def test_the_proof_is_spelled_out(size: tuple[int, int]) -> None:
    """Every picture counts the equal comparisons."""
    assert any("153 of 153 comparisons equal" in line for line in drawn(CALM, *size))


def test_forgetting_is_shown_as_such() -> None:
    """Differing comparisons are counted, forgetting is not rounded away, lowered cells are explained."""
    text = "\n".join(drawn(FORGETFUL, 120, 40))
    assert "3 of 6 comparisons equal, 3 differ" in text
    assert "forgetting 0.1300" in text
    assert "underlined: lower than when learned" in text


def test_another_plan_is_not_called_equal() -> None:
    """Comparisons under another evaluation plan are counted apart."""
    state = states.state_from_results(made_stream(3, 2), now=0.0)
    proof = replace(state.proof, num_equal=2, num_not_comparable=1)
    assert any(
        "2 of 3 comparisons equal, 1 not comparable" in line
        for line in drawn(replace(state, proof=proof), 80, 24)
    )


def test_comparisons_to_come_are_no_failures() -> None:
    """In the middle of an arrival, equals are counted among the comparisons that were made."""
    state = states.state_from_results(made_stream(3, 3), now=0.0)
    text = "\n".join(drawn(replace(state, proof=replace(state.proof, num_equal=4)), 80, 24))
    assert "4 of 4 comparisons equal, 2 to come" in text


def test_only_own_work_is_counted() -> None:
    """A task that another run trained took no time of this one; epochs of an arrival that was left did."""
    results = ended(made_stream(3, 2), RunStatus.INTERRUPTED)
    state = states.state_from_results(results, now=0.0)
    assert work_seconds(state) == pytest.approx(2 * 1.5 + 3 * 0.1)
    taken = replace(results.tasks[1], notes=(f"{TAKEN_OVER} other",))
    left = CurrentArrival(position=2, name="c", data="real", epochs=(made_epoch(2, 0),))
    state = replace(state, tasks=(results.tasks[0], taken), current=left)
    assert work_seconds(state) == pytest.approx(1.5 + 3 * 0.1 + made_epoch(2, 0).seconds)


def test_the_arrival_under_way_is_described() -> None:
    """Name, data, epoch, loss, validation and speed of the current arrival are in two lines."""
    lines = drawn(under_way(17, 12), 80, 24)
    assert lines[2] == "13 progressive-stance · real data · 2,600 examples · 20 classes"
    assert lines[3].startswith("epoch 3 of 4 · loss 1.250 · valid 50.0 % ▁█ · 12,345 tokens/s")
    assert "12 of 17 tasks · 2m 00s · ~" in lines[1]


def test_growth_is_measured_against_separate_models() -> None:
    """Both factors are there as numbers, in one line or above a chart with both areas."""
    assert any(re.search(r"growth 2\.70x .*17\.2x as separate models", line) for line in drawn(CALM, 80, 24))
    wide = "\n".join(drawn(CALM, 120, 40))
    assert "growth 2.70x (separately 17.2x)" in wide
    assert "█ stored" in wide
    assert "░ as separate models" in wide


@pytest.mark.parametrize("status", [RunStatus.INTERRUPTED, RunStatus.FAILED])
def test_an_end_that_is_none_is_named(status: RunStatus) -> None:
    """An interrupted or failed run is not shown as finished, and its message is."""
    results = ended(made_stream(17, 9), status, "the disk is full")
    state = states.run_finished(states.state_from_results(results, now=0.0), results, now=9.0)
    for size in ((80, 24), (120, 40)):
        text = "\n".join(drawn(state, *size))
        assert f"{status.value} · 9 of 17 tasks" in text
        assert "the disk is full" in text
        assert "finished" not in text


def test_the_clock_is_the_callers() -> None:
    """A picture depends on the moment it is given and on nothing else."""
    state = under_way(17, 3)
    assert drawn(state, 80, 24) == drawn(state, 80, 24)
    assert "1h 01m" in drawn(state, 80, 24, now=3660.0)[1]


def test_nothing_to_show_yet() -> None:
    """Before the run starts the picture says what is going on."""
    assert drawn(None, 80, 24) == ["preparing the run ..."]


def test_wide_names_stay_in_their_column() -> None:
    """Names of double-width characters move no cell."""
    state = finished(3)
    run = replace(state.run, task_names=("情感分析情感分析", "airline", "x"))
    lines = drawn(replace(state, run=run), 80, 24)
    rows = [line for line in lines if re.match(r"[123] ", line)]
    assert len({cell_len(line.split("50.0")[0]) for line in rows}) == 1


def test_digits_are_readable_on_every_shade() -> None:
    """Digits and background of each shade differ by a contrast of 4.5 or more (WCAG 2, level AA)."""
    for level in range(NUM_SHADES):
        assert contrast(shade(level)) >= 4.5


def contrast(style: Style) -> float:
    """Contrast ratio of WCAG 2.1: (lighter + 0.05) / (darker + 0.05) of relative luminances."""
    assert style.color is not None
    assert style.bgcolor is not None
    first, second = (luminance(color.get_truecolor()) for color in (style.color, style.bgcolor))
    return (max(first, second) + 0.05) / (min(first, second) + 0.05)


def luminance(color: tuple[int, int, int]) -> float:
    linear = [
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in color)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_window_ends_with_the_newest_arrival(streams: dict[tuple[int, int], StreamState]) -> None:
    """A window that is too small slides with the stream instead of staying at its start."""
    window = choose_window(streams[200, 183], 80, 24)
    assert (window.rows.stop, window.columns.stop) == (184, 184)


def test_without_a_backbone_there_is_no_growth() -> None:
    """Separate pipelines: the average is over every task's own value; no growth, no forgetting is shown."""
    values = {(p, p): 0.5 + 0.1 * p for p in range(3)}
    results = made_stream(3, 3, values=values)
    run = replace(results.run, regime=Regime.SEPARATE, isolated=True)
    matrix = AccuracyMatrix.from_cells(run.task_names, values)
    lines = drawn(state_from_results(replace(results, run=run, matrix=matrix), 0.0), 110, 34)
    text = "\n".join(lines)
    assert "average 60.0 %" in text
    assert "forgetting: not applicable" in text
    assert "growth" not in text
