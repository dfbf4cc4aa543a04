"""Numbers and pieces of lines as people read them: durations, percentages, bars, sparklines.

A line of the dashboard is a rich `Text` that never wraps. Fields that do not fit are left out from the end,
as a whole; a single word that is too long ends with an ellipsis.
"""

from collections.abc import Sequence

from rich.text import Text

Lines = list[Text]
"""Lines of a picture, top to bottom; each at most as wide as was asked for."""

SEPARATOR = " · "
SPARKS = "▁▂▃▄▅▆▇█"
SPARK_SPAN = 0.05
"""Five points of a metric: smaller differences must not look like mountains."""
EIGHTHS = " ▏▎▍▌▋▊▉█"


def sparkline(values: Sequence[float | None], width: int) -> str:
    """Draw the last `width` fractions from the lowest one up; the full height is SPARK_SPAN at least.

    What is undefined is left out.
    """
    shown = [value for value in values if value is not None][-width:] if width > 0 else []
    if not shown:
        return ""
    low, span = min(shown), max(SPARK_SPAN, max(shown) - min(shown))
    return "".join(SPARKS[round((value - low) / span * (len(SPARKS) - 1))] for value in shown)


def bar(fraction: float, width: int) -> str:
    """Draw a bar of `width` characters, filled to an eighth of a character."""
    eighths = round(max(0.0, min(1.0, fraction)) * width * 8)
    full, part = divmod(eighths, 8)
    return ("█" * full + (EIGHTHS[part] if part else "")).ljust(width)


def line(*parts: str | Text | tuple[str, str], width: int) -> Text:
    """Join parts (text, or text and style) into one line; what is too long ends with an ellipsis."""
    text = Text.assemble(*parts, no_wrap=True, overflow="ellipsis")
    text.truncate(max(1, width), overflow="ellipsis")
    return text


def fields(parts: Sequence[Text | str], width: int, separator: str = SEPARATOR) -> Text:
    """Join as many leading fields as fit; only a first field that is too long by itself is cut."""
    text = Text(no_wrap=True, overflow="ellipsis")
    for number, part in enumerate(parts):
        piece = part if isinstance(part, Text) else Text(part)
        gap = separator if number else ""
        if number and text.cell_len + len(gap) + piece.cell_len > width:
            break
        text.append(gap, "dim").append_text(piece)
    text.truncate(max(1, width), overflow="ellipsis")
    return text


def wrapped_fields(parts: Sequence[Text | str], width: int, separator: str = SEPARATOR) -> Lines:
    """Join fields into as many lines as they need; no field is broken unless it is too long by itself."""
    lines: Lines = []
    rest = list(parts)
    while rest:
        count = 1
        while count < len(rest) and _joined_length(rest[: count + 1], separator) <= width:
            count += 1
        lines.append(fields(rest[:count], width, separator))
        rest = rest[count:]
    return lines


def _joined_length(parts: Sequence[Text | str], separator: str) -> int:
    pieces = [part if isinstance(part, Text) else Text(part) for part in parts]
    return sum(piece.cell_len for piece in pieces) + len(separator) * (len(pieces) - 1)


def between(left: Text, right: Text, width: int) -> Text:
    """Put one text at each end of the line; the left one gives way."""
    room = width - right.cell_len
    if room < 2:
        return line(right, width=width)
    shortened = left.copy()
    shortened.truncate(room - 1, overflow="ellipsis")
    shortened.append(" " * (room - shortened.cell_len))
    return line(shortened, right, width=width)


def heading(parts: str | Sequence[str], width: int) -> Text:
    """A quiet rule with a title in bold and, as far as they fit as a whole, further remarks."""
    title, *remarks = [parts] if isinstance(parts, str) else parts
    text = fields([Text(title, "bold"), *(Text(remark, "dim") for remark in remarks)], width - 4, " ─ ")
    text = Text.assemble(("─ ", "dim"), text, " ")
    text.append("─" * max(0, width - text.cell_len), "dim")
    return line(text, width=width)
