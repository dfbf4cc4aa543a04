"""The dashboard: one picture of a run, drawn by a pure function, kept fresh by one rich `Live`.

`render` takes a frozen state, a size and a moment and returns the picture; nothing in it reads a clock or a
terminal, so a test or a report draws the same one. `Dashboard` feeds it from the events of the loop. The
picture is drawn in `Live`'s own thread from the newest state: the loop only stores a reference and never
waits for a terminal.
"""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from stream.display.heatmap import heat_map, heat_map_width
from stream.display.panels import (
    data_panel,
    growth_panel,
    header,
    notice_lines,
    now_lines,
    now_panel,
    proof_panel,
    status_lines,
)
from stream.display.progress import epoch_table
from stream.display.state import StreamState
from stream.display.text import Lines, heading, line

MIN_SIDE = 38
"""Characters of the narrowest column beside the heat map."""

GAP = 2
"""Characters between the two columns."""

MIN_CHART = 8
"""Lines that a growth chart needs, its heading included."""


def render(state: StreamState | None, width: int, height: int, now: float) -> RenderableType:
    """Return the picture of a run: at most `height` lines, none wider than `width` characters.

    `now` is a moment of the clock that the state's times are from, in seconds. Without a state the run has
    not started.
    """
    if state is None:
        return Group(line("preparing the run ...", width=width))
    return Group(*picture(state, width, height, now))


def picture(state: StreamState, width: int, height: int, now: float) -> Lines:
    """Return the lines of `render`."""
    if height < 6:
        return (header(state, width, now) + status_lines(state, width, 1))[:height]
    side = width - heat_map_width(state, max(1, width - MIN_SIDE - GAP)) - GAP
    if width >= 110 and height >= 24 and side >= MIN_SIDE:
        return _side_by_side(state, width, height, now, min(side, 90))
    return _stacked(state, width, height, now)


def _stacked(state: StreamState, width: int, height: int, now: float) -> Lines:
    """One column: the heat map gets the lines it needs, growth and notices what is left."""
    top = header(state, width, now) + now_lines(state, width)
    wanted = _map_height(state)
    spare = height - len(top) - wanted - 1
    notices = notice_lines(state, width, max(1, min(4, spare - 1))) if state.notices else []
    spare -= len(notices)
    status = status_lines(state, width, 2 if spare >= 1 else 1)
    spare -= len(status) - 1
    chart = growth_panel(state, width, min(spare - 1, 14)) if spare > MIN_CHART else []
    if chart:
        status = status_lines(state, width, 2)[:1]
    room = height - len(top) - len(status) - len(notices)
    table = heat_map(state, width, room - (len(chart) + 1 if chart else 0))
    lines = top + status + table + ([Text(""), *chart] if chart else []) + notices
    if len(lines) + 2 <= height:
        lines = [*top, Text(""), *status, Text(""), *lines[len(top) + len(status) :]]
    return lines[:height]


def _map_height(state: StreamState) -> int:
    """Lines of the whole heat map: later arrivals give way first, since they are empty."""
    return state.num_tasks + 2


def _side_by_side(state: StreamState, width: int, height: int, now: float, side: int) -> Lines:
    """Two columns: the heat map and growth on the left, everything that moves on the right."""
    top = [*header(state, width, now), Text("")]
    body, left_width = height - len(top), width - side - GAP
    left = heat_map(state, left_width, body)
    right = _side(state, side, body)
    below = body - len(left) - 1
    chart_room = body - len(right) - 1
    if below > max(chart_room, MIN_CHART):
        left += _after_gap(growth_panel(state, left_width, min(below, 18)))
    elif chart_room >= MIN_CHART:
        right += _after_gap(growth_panel(state, side, min(chart_room, 14)))
    return top + beside(left, right, left_width)


def _side(state: StreamState, width: int, height: int) -> Lines:
    """Now, forgetting and notices; growth as a bar is left to its chart."""
    lines = now_panel(state, width)
    lines += epoch_table(state, width, min(9, height - len(lines) - 12))
    lines += _after_gap(proof_panel(state, width)) if lines else proof_panel(state, width)
    lines += _after_gap(data_panel(state, width))
    notices = notice_lines(state, width, max(1, min(8, height - len(lines) - 12)))
    return lines + (_after_gap([heading("notices", width), *notices]) if notices else [])


def _after_gap(lines: Sequence[Text]) -> Lines:
    return [Text(""), *lines] if lines else []


def beside(left: Sequence[Text], right: Sequence[Text], left_width: int) -> Lines:
    """Put two columns of lines beside each other."""
    lines: Lines = []
    for row in range(max(len(left), len(right))):
        first = left[row].copy() if row < len(left) else Text("")
        first.append(" " * (left_width - first.cell_len + GAP))
        lines.append(Text.assemble(first, right[row] if row < len(right) else "", no_wrap=True))
    return lines
