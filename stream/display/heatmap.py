"""The accuracy matrix R[after, on] as a heat map that always says what it leaves out.

A row is an arrival (`after`), a column a task (`on`). A cell has room for 87.3, 87 or only the tens digit,
whichever fits for the whole stream; where not even that does, the last rows and columns are shown and the
heading counts the hidden ones. Colours repeat what the digits say (viridis, readable for the colour-blind).
"""

from dataclasses import dataclass
from functools import lru_cache

from rich.color import Color
from rich.style import Style
from rich.text import Text

from stream.display.rows import Row
from stream.display.state import StreamState
from stream.display.text import Lines, heading, line
from stream.words import DATA_TAGS, plural

MIN_LABEL, TAG = 22, 5
"""Characters of a label that shows names, if shortened, and of the tag that says where the data is from."""

VIRIDIS = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
"""Anchors of matplotlib's viridis at 0, 0.25, 0.5, 0.75 and 1 (public domain, CC0)."""

NUM_SHADES = 25


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """The part of the matrix that is shown, and how wide its cells and labels are."""

    cell: int
    label: int
    columns: range
    rows: range


HEADING = 60
"""Characters in which the heading says what matters, however few tasks there are."""


def heat_map_width(state: StreamState, room: int) -> int:
    """Return the characters that the heat map and its heading make use of, at most `room`."""
    window = choose_window(state, room, state.num_tasks + 2)
    used = window.label + window.cell * len(window.columns) + _figure_width(state, window, room)
    return min(room, max(used, HEADING))


def heat_map(state: StreamState, width: int, height: int) -> Lines:
    """Draw heading, column numbers and one line per arrival, at most `height` lines; [] below 3 lines."""
    if height < 3 or width < 12:
        return []
    window = choose_window(state, width, height)
    digits = len(str(state.num_tasks))
    figures = _figure_width(state, window, width) > 0
    lines = [_heading(state, window, width), _column_numbers(state, window, width)]
    learned = tuple(value_at(state, on, on) for on in window.columns)
    for after in window.rows:
        values = tuple(value_at(state, after, on) for on in window.columns if on <= after)
        cells = _cells(values, learned[: len(values)], window.cell, after < state.num_finished)
        parts = [_label(state, after, window.label, digits), cells]
        if figures:
            gap = window.cell * len(window.columns) - cells.cell_len
            parts += [Text(" " * gap), _figure(state, after)]
        lines.append(line(*parts, width=width))
    return lines


def choose_window(state: StreamState, width: int, height: int) -> Window:
    """Choose the widest cells with which the whole stream fits, else the last columns, one character each."""
    total = state.num_tasks
    short = len(str(total)) + 2 + TAG
    full = short + min(30, max(len(name) for name in state.run.task_names))
    named = min(MIN_LABEL, full)
    cell, least = next(
        (
            (cell, least)
            for cell, least in ((5, full), (4, full), (3, named), (3, short), (1, named), (1, short))
            if least + cell * total <= width
        ),
        (1, named if 2 * named <= width else short),
    )
    num_columns = min(total, max(1, (width - least) // cell))
    num_rows = min(total, height - 2)
    return Window(
        cell=cell,
        label=max(least, min(full, width - cell * num_columns)),
        columns=_last(state.num_arrived, num_columns, total),
        rows=_last(state.num_arrived, num_rows, total),
    )


def _last(num_arrived: int, count: int, total: int) -> range:
    """The `count` positions that end with the newest arrival, or the first ones while all have room."""
    first = max(0, min(num_arrived, total) - count)
    return range(first, first + count)


def _heading(state: StreamState, window: Window, width: int) -> Text:
    """What is shown, what is hidden, how to read it; the count of what is hidden never gives way."""
    # A stream may name another metric for some tasks; then the word says so.
    metrics = {task.metric for task in state.tasks} or {"accuracy"}
    name = metrics.pop() if len(metrics) == 1 else "test metric"
    title = f"{name} in tens of %" if window.cell == 1 else f"{name} in %"
    remarks = ["row: after arrival, column: on task"]
    if state.forgetting is not None and state.forgetting != 0:
        remarks.insert(0, "underlined: lower than when learned")
    hidden = _hidden(window)
    if hidden and len(title) + len(hidden) + 7 > width:
        return heading(hidden, width)
    to_come = state.num_tasks - max(window.rows.stop, state.num_arrived)
    later = [f"{to_come:,} to come"] if to_come > 0 else []
    return heading([title, *([hidden] if hidden else []), *later, *remarks], width)


def _hidden(window: Window) -> str:
    """Count what the window leaves out of the past; empty where it leaves out nothing."""
    rows, columns = window.rows.start, window.columns.start
    parts = [plural(rows, "row")] if rows else []
    parts += [plural(columns, "column")] if columns else []
    return " and ".join(parts) + " hidden" if parts else ""


def _column_numbers(state: StreamState, window: Window, width: int) -> Text:
    if window.cell == 1:
        return line(" " * window.label, (_ruler(window.columns), "dim"), width=width)
    parts: list[Text] = [Text(" " * window.label)]
    for on in window.columns:
        _, style = DATA_TAGS.get(data_of(state, on), ("", "dim"))
        mark = {"partial": "p", "simulated": "s"}.get(data_of(state, on), "") if window.cell > 3 else ""
        style = style if mark or data_of(state, on) == "simulated" else "dim"
        number = f"{on + 1}{mark}" if mark or window.cell != 4 else f"{on + 1} "
        parts += [Text(" " * (window.cell - len(number))), Text(number, style)]
    return line(*parts, width=width)


def _ruler(columns: range) -> str:
    """Number every tenth column, the digits ending at it."""
    ruler = [" "] * len(columns)
    for index, on in enumerate(columns):
        number = str(on + 1)
        if (on + 1) % 10 == 0 and index + 1 >= len(number):
            ruler[index + 1 - len(number) : index + 1] = number
    return "".join(ruler)


def data_of(state: StreamState, position: int) -> str:
    """Where the data of a task comes from; empty before it arrives."""
    if position < len(state.tasks):
        return state.tasks[position].data
    current = state.current
    return current.data if current is not None and current.position == position else ""


def _label(state: StreamState, position: int, width: int, digits: int) -> Text:
    """Number, name and data tag; the arrival under way is pointed at, later ones are dim."""
    is_now = state.current is not None and state.current.position == position
    style = "bold" if is_now else "" if position < state.num_finished else "dim"
    tag, tag_style = DATA_TAGS.get(data_of(state, position), ("", ""))
    if position < len(state.tasks) and state.tasks[position].removed:
        tag, tag_style = "gone", "dim"
    room = width - digits - 1 - TAG - 1
    name = Text(state.run.task_names[position], style)
    name.truncate(max(1, room), overflow="ellipsis", pad=True)
    parts = [Text(f"{position + 1:>{digits}}{'▸' if is_now else ' '}", style or "dim")]
    parts += [name, Text(" ")] if room > 3 else []
    parts += [Text(tag, tag_style), Text(" " * (TAG - len(tag)))]
    return Text.assemble(*parts)


@lru_cache(maxsize=512)
def _cells(values: Row, learned: Row, width: int, is_finished: bool) -> Text:
    """The cells of one row; a finished one never changes, so it is drawn once and not at every refresh."""
    text = Text()
    for value, first in zip(values, learned, strict=True):
        if value is None:
            text.append(("·" if is_finished else " ").rjust(width), "dim")
            continue
        style = shade(round(max(0.0, min(1.0, value)) * (NUM_SHADES - 1)))
        is_lower = first is not None and value < first
        text.append(_digits(value, width), style + Style(underline=True, bold=True) if is_lower else style)
    return text


def _digits(value: float, width: int) -> str:
    """Digits of a percentage; 99.6 stays 99 in two digits, since 100 is a claim."""
    if width == 1:
        return str(max(0, min(9, int(value * 10))))
    if width >= 5 and value < 1:
        return f"{min(99.9, 100 * value):.1f}".rjust(width)
    whole = 100 if value >= 1 else min(99, round(100 * value))
    return f"{whole}".rjust(3).ljust(width)


@lru_cache(maxsize=NUM_SHADES)
def shade(level: int) -> Style:
    """Return background and readable foreground of a level from 0 to NUM_SHADES - 1."""
    position = level / (NUM_SHADES - 1) * (len(VIRIDIS) - 1)
    index = min(int(position), len(VIRIDIS) - 2)
    share = position - index
    red, green, blue = (
        round(low + (high - low) * share)
        for low, high in zip(VIRIDIS[index], VIRIDIS[index + 1], strict=True)
    )
    ink = 0 if _luminance(red, green, blue) > 0.179 else 255
    return Style(color=Color.from_rgb(ink, ink, ink), bgcolor=Color.from_rgb(red, green, blue))


def _luminance(*color: int) -> float:
    """Relative luminance of WCAG 2.1; above 0.179 black has the higher contrast, below it white."""
    parts = (part / 255 for part in color)
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def value_at(state: StreamState, after: int, on: int) -> float | None:
    """R[after, on], the row under way included."""
    if after < state.num_finished:
        row = state.matrix.rows[after]
        return row[on] if on < len(row) else None
    is_row = state.current is not None and state.current.position == after
    return state.row[on] if is_row and on < len(state.row) else None


FIGURE = 12
"""Characters of " paper 91.7" or " limit 86.0"."""


def _figure_width(state: StreamState, window: Window, width: int) -> int:
    """Room for what a task is measured against, where the widest cells leave it."""
    has_any = any(task.bayes_accuracy is not None or task.paper_adapters is not None for task in state.tasks)
    used = window.label + window.cell * len(window.columns)
    return FIGURE if has_any and window.cell > 1 and used + FIGURE <= width else 0


def _figure(state: StreamState, position: int) -> Text:
    """The paper's accuracy, or for a simulated task the best that any classifier can reach."""
    if position >= len(state.tasks):
        return Text("")
    task = state.tasks[position]
    if task.bayes_accuracy is not None:
        return Text(f"  limit {100 * task.bayes_accuracy:4.1f}", "dim")
    if task.paper_adapters is not None:
        return Text(f"  paper {100 * task.paper_adapters:4.1f}", "dim")
    return Text("")
