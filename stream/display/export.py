"""Still pictures of a run: printed once, or as an SVG file; the same that the terminal shows live."""

import re
import sys
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import TextIO, cast

from rich.console import Console
from rich.terminal_theme import MONOKAI

from db.records import RunStatus
from stream.display.dashboard import render
from stream.display.state import StreamState, run_finished, state_from_results
from stream.display.writer import TextStream
from stream.results.run_results import RunResults


def print_picture(results: RunResults, output: TextStream | None = None) -> None:
    """Print the picture of a run as it stands, as large as the terminal; 80 x 24 where there is none.

    Raises SystemExit where the reader of a pipe has gone.
    """
    console = Console(file=cast("TextIO", output or sys.stdout), highlight=False)
    width, height = console.size if console.is_terminal else (80, max(24, len(results.run.task_names) + 9))
    now = (datetime.now(UTC) - results.run.created_at).total_seconds()
    console.print(render(_still(results, now), width, height, now), width=width)


def export_picture(results: RunResults, path: Path, width: int = 130, height: int = 32) -> None:
    """Write the picture of a run to an SVG file, `width` x `height` characters at most.

    The file loads nothing: the font that rich's template would fetch is left out, and positions are fixed, so
    any monospaced font fits. Raises OSError where the file cannot be written.
    """
    console = Console(
        file=StringIO(),
        record=True,
        width=width,
        height=height,
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
        no_color=False,
    )
    console.print(render(_still(results, now=0.0), width, height, now=0.0))
    svg = console.export_svg(title=results.run.name, theme=MONOKAI, unique_id="dashboard")
    path.write_text(re.sub(r"@font-face\s*\{[^}]*\}", "", svg), encoding="utf-8")


def _still(results: RunResults, now: float) -> StreamState:
    """The state of a run that began `now` seconds ago, ended unless it is running."""
    state = state_from_results(results, now=now, started_at=0.0)
    return state if results.run.status is RunStatus.RUNNING else run_finished(state, results, now)
