"""A picture of a run as an SVG file, the same that the terminal shows."""

import re
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

from stream.display.dashboard import render
from stream.display.state import run_finished, state_from_results
from stream.results import RunResults


def export_picture(results: RunResults, path: Path, width: int = 120, height: int = 40) -> None:
    """Write the dashboard of a run to an SVG file, `width` x `height` characters at most.

    The file loads nothing: the font that rich's template would fetch is left out, and positions are fixed, so
    any monospaced font fits. Raises OSError where the file cannot be written.
    """
    state = run_finished(state_from_results(results, now=0.0), results, now=0.0)
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
    console.print(render(state, width, height, now=0.0))
    svg = console.export_svg(title=results.run.name, theme=MONOKAI, unique_id="dashboard")
    path.write_text(re.sub(r"@font-face\s*\{[^}]*\}", "", svg), encoding="utf-8")
