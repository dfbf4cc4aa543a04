"""Growth over arrivals as a chart of block characters, on one linear scale with separate models."""

from collections.abc import Sequence

from rich.text import Text

from stream.display.text import Lines, line
from stream.results.growth import GrowthPoint
from stream.words import factor

RISES = " ▁▂▃▄▅▆▇█"
SEPARATE = "░"
AXIS = 7
"""Characters of the numbers on the vertical axis."""


def growth_chart(points: Sequence[GrowthPoint], num_tasks: int, width: int, height: int) -> Lines:
    """Draw `height` lines: full blocks are what is stored, shaded ones what separate models would store.

    The axis starts at 0, so areas may be compared. Columns stand for arrivals; with more arrivals than
    columns, each column shows the last arrival that falls on it.
    """
    room = width - AXIS - 1
    if not points or height < 3 or room < 10:
        return []
    body = height - 1
    top = max(max(point.separate_models_factor, point.growth_factor) for point in points)
    columns = _columns(points, num_tasks, room)
    lines: Lines = []
    for row in range(body):
        low, high = top * (body - row - 1) / body, top * (body - row) / body
        label = factor(top) if row == 0 else "0" if row == body - 1 else ""
        cells = [_cell(point, low, high) for point in columns]
        lines.append(line((f"{label:>{AXIS}} ", "dim"), *cells, width=width))
    lines.append(
        line(" " * (AXIS + 1), ("█ stored  ", "cyan"), (f"{SEPARATE} as separate models", "dim"), width=width)
    )
    return lines


def _columns(points: Sequence[GrowthPoint], num_tasks: int, room: int) -> list[GrowthPoint]:
    """One point per character column, as wide per arrival as the whole stream leaves room for."""
    each = max(1, min(6, room // max(1, num_tasks)))
    if num_tasks <= room:
        return [point for point in points for _ in range(each)]
    num_columns = max(1, round(room * len(points) / num_tasks))
    return [points[(column + 1) * len(points) // num_columns - 1] for column in range(num_columns)]


def _cell(point: GrowthPoint, low: float, high: float) -> Text:
    """One character: what is stored up to an eighth of a line, above it what separate models would."""
    share = (point.growth_factor - low) / (high - low)
    if share >= 1:
        return Text("█", "cyan")
    if share > 0:
        return Text(RISES[max(1, round(share * 8))], "cyan")
    return Text(SEPARATE if point.separate_models_factor > low else " ", "dim")
