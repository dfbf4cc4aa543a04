"""A picture that stays fresh in the terminal, and what the terminal looks like afterwards.

While it is open it owns the alternate screen, so that a resize leaves no traces. On leaving, also by Ctrl-C
or an error, the normal screen comes back with the last picture on it. A terminal that goes away ends the
picture, never the run.
"""

import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from io import TextIOBase
from typing import TextIO, cast

from rich.console import Console, ConsoleOptions, RenderableType
from rich.live import Live
from rich.text import Text

from stream.display.dashboard import render
from stream.display.state import StreamState
from stream.display.writer import TextStream

REFRESHES_PER_SECOND = 2.0
"""Often enough for a clock and a resize, seldom enough to be free: drawing 17 tasks takes 3 ms at 80 x 24 and
10 ms at 200 x 60, 200 tasks 45 ms there (one core of a 2-core machine)."""

HELD_WRITES = 500
"""Writes of others that are kept while the picture owns the screen; of more, the last ones."""


class HeldText(TextIOBase):
    """Text written while the picture owns the terminal; it is shown when the picture leaves."""

    def __init__(self) -> None:
        self._writes: deque[str] = deque(maxlen=HELD_WRITES)

    def writable(self) -> bool:
        """Answer yes: that is all it can do."""
        return True

    def write(self, text: str, /) -> int:
        """Keep the text; returns its number of characters."""
        self._writes.append(text)
        return len(text)

    def text(self) -> str:
        """Return what was written."""
        return "".join(self._writes)


class LivePicture:
    """Show the newest state in the terminal; used as a context manager.

    Arguments:
        output: the terminal; where it is none, only the last picture is printed, on leaving.
        clock: the clock that the states' times are from, in seconds.
    """

    def __init__(self, *, output: TextStream, clock: Callable[[], float]) -> None:
        self.state: StreamState | None = None
        """Set it from any thread; the next refresh draws it."""
        self.console = Console(file=cast("TextIO", output), highlight=False)
        self._clock = clock
        self._held = HeldText()
        self._stack = ExitStack()

    def __enter__(self) -> "LivePicture":
        if self.console.is_terminal and not self.console.is_dumb_terminal:
            self._hold_other_output()
            self._stack.enter_context(self._live())
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self._stack.close()
            self._leave()
        except (OSError, SystemExit) as error:
            # rich leaves by SystemExit where a pipe is closed. The run's exit code must not be lost with it.
            _say(f"the dashboard was lost ({error}); the run does not depend on it")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Draw the newest state for the terminal's size of this moment."""
        width, height = console.size
        try:
            yield render(self.state, width, height, self._clock())
        except Exception as error:  # noqa: BLE001 - a picture that cannot be drawn must not end a run
            yield Text(f"the dashboard cannot draw this moment ({error!r}); the run goes on")

    def _live(self) -> Live:
        return Live(
            self,
            console=self.console,
            screen=True,
            refresh_per_second=REFRESHES_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def _hold_other_output(self) -> None:
        """Keep what others print from scribbling over the picture; a redirected stream goes on."""
        held = cast("TextIO", self._held)
        if sys.stderr.isatty():
            self._stack.enter_context(redirect_stderr(held))
        if sys.stdout.isatty():
            self._stack.enter_context(redirect_stdout(held))

    def _leave(self) -> None:
        """Print the last picture where it stays, then what others wrote meanwhile."""
        if self.state is not None:
            self.console.print(self)
        if self._held.text():
            sys.stderr.write(self._held.text())


def _say(sentence: str) -> None:
    """Tell the error stream, if there still is one."""
    try:
        print(sentence, file=sys.stderr, flush=True)
    except OSError:
        return
