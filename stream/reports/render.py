"""Figures as bytes: PNG for files, SVG that takes its text colour from the page around it.

The same results give the same bytes: no dates, no random identifiers, no settings of the user's.
"""

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO, StringIO
from typing import Any, TypeVar

import matplotlib
from matplotlib.figure import Figure

from stream.reports.drawing import BLUE, GREEN, INK, ORANGE

Subject = TypeVar("Subject")
"""What a figure is drawn from: the results of a run, or a table of methods."""

SETTINGS: Any = {
    "font.size": 9.0,
    "font.family": "sans-serif",
    "axes.titlesize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",
    "text.parse_math": False,  # a dollar sign in a task's name is a dollar sign
    "svg.hashsalt": "task-stream",
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
}
PNG_DOTS_PER_INCH = 140
PAGE_COLOURS = {
    INK: "currentColor",
    BLUE: "var(--blue)",
    ORANGE: "var(--orange)",
    GREEN: "var(--green)",
}
"""Colours of lines and text that the page sets, lighter ones on a dark page; those of cells stay."""


def as_png(draw: Callable[[Subject], Figure], subject: Subject) -> bytes:
    """Return the figure as PNG on white."""
    with _own_settings(), _any_script():
        content = BytesIO()
        draw(subject).savefig(content, format="png", dpi=PNG_DOTS_PER_INCH)
    return content.getvalue()


def as_svg_file(draw: Callable[[Subject], Figure], subject: Subject) -> bytes:
    """Return the figure as an SVG document of its own, on white."""
    with _own_settings(), _any_script():
        content = BytesIO()
        draw(subject).savefig(content, format="svg", metadata={"Date": None})
    return content.getvalue()


def as_svg(draw: Callable[[Subject], Figure], subject: Subject, prefix: str) -> str:
    """Return the figure as an <svg> element to stand inside a page.

    Its background is transparent, its lines and text have the page's colours; `prefix` keeps its identifiers
    apart from those of other figures on the page.
    """
    with _own_settings(), _any_script():
        content = StringIO()
        draw(subject).savefig(content, format="svg", transparent=True, metadata={"Date": None})
    return _for_page(content.getvalue(), prefix)


@contextmanager
def _own_settings() -> Iterator[None]:
    """Lay the settings over matplotlib's own defaults, not over those of the user's matplotlibrc."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        yield


@contextmanager
def _any_script() -> Iterator[None]:
    """A name in a script that the font lacks is drawn as boxes; a warning per glyph would help nobody."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _for_page(svg: str, prefix: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'(url\(|href=")#', rf"\1#{prefix}-", svg)
    for colour, name in PAGE_COLOURS.items():
        svg = svg.replace(colour.lower(), name)
    return svg
