import fcntl
import os
import pty
import re
import struct
import sys
import termios
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from io import BufferedWriter, FileIO, StringIO, TextIOWrapper
from pathlib import Path

import pytest
import rich.console
from rich.live import Live

from stream.display import Dashboard, PlainDisplay, QuietDisplay, export_picture, open_display, print_picture
from stream.display import live as live_module
from tests.stream.display.made_states import Clock, ended, made_stream, play

ALTERNATE_SCREEN, NORMAL_SCREEN, SHOW_CURSOR = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"


class Terminal:
    """A pseudo-terminal: a stream to write to, and what was written.

    A thread reads all the time: a terminal that nobody reads blocks its writer once its buffer is full.
    """

    def __init__(self, columns: int, lines: int) -> None:
        self._reader, writer = pty.openpty()
        self.stream = TextIOWrapper(BufferedWriter(FileIO(writer, "w")), encoding="utf-8")
        self._written: list[bytes] = []
        self._arrived = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        self.resize(columns, lines)

    def resize(self, columns: int, lines: int) -> None:
        """Change the window's size."""
        fcntl.ioctl(self.stream.fileno(), termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def written(self) -> str:
        """Everything written so far, up to a mark that is written now."""
        mark = f"\x1b]mark {len(self._written)}\x07"
        self.stream.write(mark)
        self.stream.flush()
        with self._arrived:
            arrived = self._arrived.wait_for(lambda: mark.encode() in b"".join(self._written), timeout=60)
        assert arrived, "the terminal lost what was written"
        text = b"".join(self._written).decode()
        return re.sub("\x1b]mark [0-9]*\x07", "", text[: text.index(mark)])

    def _read(self) -> None:
        while True:
            try:
                part = os.read(self._reader, 65536)
            except OSError:
                # Linux reports the closed other end as an error.
                return
            if not part:
                return
            with self._arrived:
                self._written.append(part)
                self._arrived.notify_all()

    def close(self) -> None:
        """Close both ends."""
        self.stream.close()
        self._thread.join(timeout=60)
        os.close(self._reader)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    opened = Terminal(100, 30)
    yield opened
    opened.close()


def test_auto_draws_in_a_terminal(terminal: Terminal) -> None:
    """In a terminal `auto` is the dashboard."""
    assert isinstance(open_display("auto", output=terminal.stream), Dashboard)


def test_auto_writes_lines_elsewhere() -> None:
    """Into a file or a pipe `auto` is plain lines."""
    assert isinstance(open_display("auto", output=StringIO()), PlainDisplay)


@pytest.mark.parametrize(("columns", "lines"), [(39, 30), (100, 9)])
def test_auto_does_not_draw_where_nothing_fits(terminal: Terminal, columns: int, lines: int) -> None:
    """A terminal below 40 x 10 gets plain lines."""
    terminal.resize(columns, lines)
    assert isinstance(open_display("auto", output=terminal.stream), PlainDisplay)


def test_auto_does_not_draw_on_a_dumb_terminal(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that cannot move its cursor gets plain lines."""
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(open_display("auto", output=terminal.stream), PlainDisplay)


def test_kinds_are_what_they_say() -> None:
    """A named kind is opened wherever the output goes."""
    assert isinstance(open_display("dashboard", output=StringIO()), Dashboard)
    assert isinstance(open_display("plain", output=StringIO()), PlainDisplay)
    assert isinstance(open_display("quiet", output=StringIO()), QuietDisplay)


def test_the_picture_stays_after_the_run(terminal: Terminal) -> None:
    """The alternate screen is left, the cursor is back, the last picture and lines are on the normal one."""
    results = made_stream(3, 3)
    with Dashboard(output=terminal.stream, errors=StringIO(), clock=Clock()) as display:
        display.run_started(made_stream(3, 0))
        play(display, results)
        display.run_finished(ended(results), ("last line",))
    before, after = terminal.written().split(NORMAL_SCREEN)
    assert ALTERNATE_SCREEN in before
    assert SHOW_CURSOR in before + after
    assert "6 of 6 comparisons equal" in after
    assert after.rstrip().endswith("last line")


def interrupted(dashboard: Dashboard) -> None:
    with dashboard:
        dashboard.run_started(made_stream(3, 1))
        raise KeyboardInterrupt


def test_an_interruption_leaves_the_terminal_clean(terminal: Terminal) -> None:
    """Ctrl-C passes through, and the terminal is on its normal screen with a cursor."""
    with pytest.raises(KeyboardInterrupt):
        interrupted(Dashboard(output=terminal.stream, errors=StringIO(), clock=Clock()))
    text = terminal.written()
    assert text.rindex(NORMAL_SCREEN) > text.rindex(ALTERNATE_SCREEN)
    assert SHOW_CURSOR in text
    assert "1 of 1 comparison equal" in text.split(NORMAL_SCREEN)[1]
    assert "interrupted" in text.split(NORMAL_SCREEN)[1]


def test_notices_follow_the_picture_whole(terminal: Terminal) -> None:
    """A notice that was too long for the picture stands on the error stream afterwards, once."""
    errors, sentence = StringIO(), "a very long notice " * 20
    with Dashboard(output=terminal.stream, errors=errors, clock=Clock()) as display:
        display.notice(sentence)
        display.run_started(made_stream(3, 1))
        display.notice(sentence)
    assert errors.getvalue() == f"note: {sentence}\n"


def test_what_others_print_comes_after_the_picture(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warning of a library does not scribble over the picture and is not lost."""
    monkeypatch.setattr(sys, "stderr", terminal.stream)
    with Dashboard(output=terminal.stream, errors=StringIO(), clock=Clock()) as display:
        display.run_started(made_stream(3, 1))
        print("a warning", file=sys.stderr)
        assert "a warning" not in terminal.written()
    assert "a warning" in terminal.written().split(NORMAL_SCREEN)[1]


def test_a_resize_is_taken_up(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next refresh draws for the terminal's new size."""
    # rich asks the process's own streams for the size.
    monkeypatch.setattr(rich.console, "_STD_STREAMS", (terminal.stream.fileno(),))
    with Dashboard(output=terminal.stream, errors=StringIO(), clock=Clock()) as display:
        display.run_started(made_stream(17, 3))
        terminal.resize(200, 60)
        live = display._picture.console._live_stack[-1]
        assert isinstance(live, Live)
        terminal.written()
        live.refresh()
        frames = terminal.written().split("\x1b[H")
        assert any(len(frame.splitlines()) == 60 for frame in frames)


def test_a_picture_that_fails_does_not_end_the_run(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error while drawing becomes a line on the screen."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError("drawn by zero")

    monkeypatch.setattr(live_module, "render", fail)
    with Dashboard(output=terminal.stream, errors=StringIO(), clock=Clock()) as display:
        display.run_started(made_stream(3, 1))
    assert "cannot draw this moment" in terminal.written()


def test_a_terminal_that_goes_away_does_not_end_the_run(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If the terminal cannot be written to at the end, the run's own result stands."""

    def hung_up(_: Live) -> None:
        raise OSError(5, "Input/output error")

    display = Dashboard(output=terminal.stream, errors=StringIO(), clock=Clock())
    with display:
        display.run_started(made_stream(3, 1))
        stop = Live.stop
        monkeypatch.setattr(Live, "stop", lambda live: (stop(live), hung_up(live)))
    assert "the dashboard was lost" in capsys.readouterr().err


def test_a_dashboard_into_a_file_is_its_last_picture() -> None:
    """Asked for a dashboard where there is no terminal, it writes the last picture without escape codes."""
    output = StringIO()
    with Dashboard(output=output, errors=StringIO(), clock=Clock()) as display:
        display.run_started(made_stream(3, 3))
        display.run_finished(ended(made_stream(3, 3)), ("last line",))
    assert "6 of 6 comparisons equal" in output.getvalue()
    assert "\x1b" not in output.getvalue()


def test_colour_can_be_switched_off(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """With NO_COLOR no colour is written, and digits and tags still say everything."""
    monkeypatch.setenv("NO_COLOR", "1")
    print_picture(made_stream(3, 3, simulated=True), terminal.stream)
    text = terminal.written()
    assert "\x1b[38;" not in text
    assert "\x1b[48;" not in text
    assert "SIMULATED DATA: 3 of 3" in text


def test_one_picture_shows_every_task() -> None:
    """A picture printed into a file has a row for every task, however many there are."""
    output = StringIO()
    print_picture(made_stream(40, 39), output)
    assert "40 task-40" in output.getvalue()
    assert "hidden" not in output.getvalue()


def test_the_svg_stands_alone(tmp_path: Path) -> None:
    """The exported picture is well-formed XML that loads no font, with the proof in it."""
    path = tmp_path / "dashboard.svg"
    export_picture(ended(made_stream(17, 17)), path)
    text = path.read_text()
    ElementTree.fromstring(text)
    assert "@font-face" not in text
    assert "url(http" not in text
    assert "153&#160;of&#160;153&#160;comparisons&#160;equal" in text
