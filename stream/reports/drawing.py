"""What figures share: colours, marks, names that fit, and the geometry of a heat map."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

MAX_NAMED_TASKS = 25
MAX_NAME_LENGTH = 36
"""Longer task names are cut in figures, which would otherwise have no room for values."""
INK = "#1b1b1f"
"""Text, axes and lines; the page replaces it by the colour of its own text."""
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#8a8a93"
CALM = "#d8d8de"
"""The colour of "nothing forgotten"."""
FORGETTING_COLOURS = LinearSegmentedColormap.from_list("forgetting", [BLUE, CALM, ORANGE])
SMALLEST_FORGETTING_RANGE = 0.05
"""The scale never shrinks below this, so that rounding noise does not look like an alarm."""

Cells = Float[np.ndarray, "rows columns"]


def triangle(rows: Sequence[Sequence[float | None]]) -> Cells:
    """Return rows as an array [num_arrivals, num_arrivals]; unknown cells are nan."""
    cells = np.full((len(rows), len(rows)), np.nan)
    for after, row in enumerate(rows):
        cells[after, : len(row)] = [np.nan if value is None else value for value in row]
    return cells


def heat_map_inches(num_tasks: int) -> float:
    """Return the side of a heat map of so many tasks, without names and titles."""
    return float(np.clip(0.42 * num_tasks, 2.2, 7.5))


def short_name(name: str) -> str:
    """Return the name, cut where it is longer than `MAX_NAME_LENGTH`."""
    return name if len(name) <= MAX_NAME_LENGTH else f"{name[: MAX_NAME_LENGTH - 1]}…"


def ink_on(colour: Float[np.ndarray, "4"]) -> str:
    """Black or white, whichever stands out (ITU-R BT.601 luma)."""
    red, green, blue, _ = colour
    return "#ffffff" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 else "#000000"


def message_figure(title: str, text: str) -> Figure:
    """Return a figure that says why it is empty, so that a report always holds the same files."""
    figure = Figure(figsize=(5.6, 1.8), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title)
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", color=GREY)
    return figure


COLOURS = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9", GREY)
MARKERS = "osD^vP*X<>"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """How one run is drawn in every figure."""

    colour: str
    marker: str


def mark_of(index: int) -> Mark:
    """Return the mark of a table's column."""
    return Mark(colour=COLOURS[index % len(COLOURS)], marker=MARKERS[index % len(MARKERS)])
