from io import BytesIO, StringIO, TextIOWrapper

import pytest

from stream.display.plain import PlainDisplay
from stream.display.quiet import QuietDisplay
from tests.stream.display.made_states import (
    Clock,
    ended,
    made_epoch,
    made_progress,
    made_stream,
    play,
    row_of,
)


def told(num_tasks: int, **stream: object) -> str:
    output = StringIO()
    with PlainDisplay(output=output, clock=Clock()) as display:
        results = made_stream(num_tasks, num_tasks, **stream)
        display.run_started(made_stream(num_tasks, 0, **stream))
        play(display, results)
        display.run_finished(ended(results), ("last line",))
    return output.getvalue()


def test_one_line_tells_an_arrival() -> None:
    """Metric, the paper's figure, equal re-evaluations, forgetting, growth and time stand in one line."""
    line = next(line for line in told(3).splitlines() if "[3/3]" in line and "re-evaluated" in line)
    assert line == (
        "0:00:00 [3/3] corporate-messaging: accuracy 52.0 % (paper 80.0 %); re-evaluated 3 tasks: 3 equal; "
        "forgetting 0; growth 1.30x (separate models 3.03x); trained in 2s"
    )


def test_a_log_is_plain_text() -> None:
    """Lines hold no escape codes, no carriage returns and nothing beyond ASCII; the last lines come last."""
    text = told(3)
    assert text.isascii()
    assert text.replace("\n", "").isprintable()
    assert text.endswith("run made finished\nlast line\n")


def test_simulated_data_is_named_in_the_log() -> None:
    """Arrival and result of a simulated task say that it is one, the result with its Bayes accuracy."""
    lines = [line for line in told(2, simulated=True).splitlines() if "[2/2]" in line]
    assert "SIMULATED DATA" in lines[0]
    assert "accuracy 51.0 % (SIMULATED DATA, Bayes accuracy 95.0 %)" in lines[-1]


def test_forgetting_is_counted_in_the_log() -> None:
    """A method that forgets shows how many re-evaluations differ and by how much."""
    line = [line for line in told(2, values={(1, 0): 0.4}).splitlines() if "re-evaluated 2" in line][-1]
    assert "re-evaluated 2 tasks: 1 equal, 1 different; forgetting 0.1000" in line


def test_a_broken_promise_is_written_at_once() -> None:
    """If an isolated method gives another result, the line names task, values and changed predictions."""
    output = StringIO()
    display = PlainDisplay(output=output, clock=Clock())
    display.run_started(made_stream(2, 1))
    display.task_evaluated(row_of(made_stream(2, 2, values={(1, 0): 0.4}), 1)[0])
    assert output.getvalue().endswith(
        "[2/2] airline: NOT EQUAL: 20-newsgroups gives 40.0 %, 50.0 % when learned, 1 changed prediction\n"
    )


def test_long_epochs_show_signs_of_life() -> None:
    """Progress is written after 30 seconds of silence, not before and not oftener."""
    output, clock = StringIO(), Clock()
    display = PlainDisplay(output=output, clock=clock)
    display.run_started(made_stream(3, 0))
    display.arrival_started(0, "20-newsgroups", "real", 2600, 20)
    for step in range(95):
        clock.now = float(step)
        display.training_progressed(made_progress(0, step))
    assert [line[:7] for line in output.getvalue().splitlines() if "step" in line] == [
        "0:00:30",
        "0:01:00",
        "0:01:30",
    ]


def test_a_resumed_run_is_not_told_again() -> None:
    """What was finished before appears as a count only."""
    output = StringIO()
    results = made_stream(3, 3)
    display = PlainDisplay(output=output, clock=Clock())
    display.run_started(made_stream(3, 2))
    play(display, results)
    text = output.getvalue()
    assert "2 tasks learned already" in text
    assert "[1/3]" not in text
    assert "re-evaluated 3 tasks: 3 equal" in text


def test_an_epoch_repeated_is_written_once() -> None:
    """A watcher that sees the same epoch at every look writes it once."""
    output = StringIO()
    display = PlainDisplay(output=output, clock=Clock())
    display.run_started(made_stream(3, 0))
    for _ in range(3):
        display.epoch_finished(made_epoch(0, 0))
    assert output.getvalue().count("epoch 1") == 1


class ClosedPipe(StringIO):
    """A pipe whose reader has gone."""

    def write(self, text: str, /) -> int:
        """Fail as a pipe does."""
        raise BrokenPipeError(32, "Broken pipe")


def test_a_closed_pipe_does_not_end_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    """`... | head` loses the lines, not the run; the error stream hears of it once."""
    display = PlainDisplay(output=ClosedPipe(), clock=Clock())
    display.run_started(made_stream(3, 0))
    play(display, made_stream(3, 3))
    assert capsys.readouterr().err == "output ended (Broken pipe); the run goes on without it\n"


def test_characters_that_a_terminal_lacks_are_escaped() -> None:
    """A notice in another script is written to an ASCII stream with escapes, on one line."""
    bytes_written = BytesIO()
    output = TextIOWrapper(bytes_written, encoding="ascii")
    PlainDisplay(output=output, clock=Clock()).notice("größer\rals")
    assert bytes_written.getvalue() == b"0:00:00 note: gr\\xf6\\xdfer als\n"


def test_quiet_says_what_must_be_read() -> None:
    """Notices go to the error stream, the last lines to the output, nothing else anywhere."""
    output, errors = StringIO(), StringIO()
    results = made_stream(3, 3)
    with QuietDisplay(output=output, errors=errors) as display:
        display.run_started(made_stream(3, 0))
        play(display, results)
        display.notice("a plan differs")
        display.run_finished(ended(results), ("last line",))
    assert (output.getvalue(), errors.getvalue()) == ("last line\n", "note: a plan differs\n")
