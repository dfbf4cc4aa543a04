"""Ways to watch a run: a dashboard, plain lines, or next to nothing; all behind one Protocol."""

import os
import sys
from typing import Literal

from stream.display.export import export_picture, print_picture
from stream.display.plain import PlainDisplay
from stream.display.protocol import Display, TrainingProgress
from stream.display.quiet import QuietDisplay
from stream.display.terminal import Dashboard
from stream.display.writer import TextStream

DisplayKind = Literal["auto", "dashboard", "plain", "quiet"]

MIN_COLUMNS, MIN_LINES = 40, 10
"""Size of the smallest terminal that `auto` draws a dashboard in."""

__all__ = [
    "Dashboard",
    "Display",
    "DisplayKind",
    "PlainDisplay",
    "QuietDisplay",
    "TrainingProgress",
    "export_picture",
    "open_display",
    "print_picture",
]


def open_display(
    kind: DisplayKind,
    *,
    output: TextStream | None = None,
    errors: TextStream | None = None,
    elapsed_seconds: float = 0.0,
) -> Display:
    """Return the display of that kind, to be used as a context manager around the loop.

    `auto` is the dashboard where `output` (standard output by default) is a terminal that can show one, and
    plain lines elsewhere. `errors` is standard error by default. `elapsed_seconds` is how long the run has
    been going on already, for one that joins it later.
    """
    output, errors = output or sys.stdout, errors or sys.stderr
    if kind == "auto":
        kind = "dashboard" if _can_draw(output) else "plain"
    if kind == "dashboard":
        return Dashboard(output=output, errors=errors, elapsed_seconds=elapsed_seconds)
    if kind == "quiet":
        return QuietDisplay(output=output, errors=errors)
    return PlainDisplay(output=output, elapsed_seconds=elapsed_seconds)


def _can_draw(output: TextStream) -> bool:
    """Whether the stream is a terminal that moves its cursor, knows the signs and is large enough."""
    encoding = (getattr(output, "encoding", None) or "").lower()
    if not output.isatty() or not encoding.startswith("utf"):
        return False
    if os.environ.get("TERM", "dumb").lower() in ("dumb", "unknown"):
        return False
    size = os.get_terminal_size(output.fileno())
    return size.columns >= MIN_COLUMNS and size.lines >= MIN_LINES
