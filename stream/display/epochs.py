"""The table of the current arrival's epochs; a pure function from a state to lines."""

from collections.abc import Sequence

from db.records import EpochRecord
from stream.display.state import StreamState
from stream.display.text import Lines, line, percent


def epoch_table(state: StreamState, width: int, height: int) -> Lines:
    """The last epochs of the current arrival as a small table, at most `height` lines."""
    current = state.current
    if current is None or not current.epochs or state.ended_at is not None or height < 2:
        return []
    shown = current.epochs[-(height - 1) :]
    rows = [_epoch_row(epoch) for epoch in shown]
    titles = ("epoch", "loss", "valid", "rate", "tokens/s")
    return [line((_cells(titles, width), "dim"), width=width)] + [
        line(_cells(row, width), width=width) for row in rows
    ]


def _epoch_row(epoch: EpochRecord) -> tuple[str, ...]:
    speed = epoch.num_tokens / epoch.seconds if epoch.seconds > 0 else 0.0
    return (
        f"{epoch.epoch + 1}",
        f"{epoch.train_loss:.3f}",
        percent(epoch.valid),
        f"{epoch.learning_rate:.1e}",
        f"{speed:,.0f}",
    )


def _cells(values: Sequence[str], width: int) -> str:
    """Right-aligned cells; those that do not fit are left out as a whole."""
    widths = (5, 8, 9, 10, 10)
    row = ""
    for value, room in zip(values, widths, strict=True):
        if len(row) + room > width:
            return row
        row += value.rjust(room)
    return row
