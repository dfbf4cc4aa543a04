"""The table of the current arrival's epochs; a pure function from a state to lines."""

from collections.abc import Sequence

from rich.text import Text

from db.records import EpochRecord
from stream.display.state import CurrentArrival, StreamState
from stream.display.text import Lines, line
from stream.words import percent


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


def candidate_fields(current: CurrentArrival) -> list[Sequence[Text | str]]:
    """The line as fields; none where nothing is chosen."""
    choosing = current.choosing
    if choosing is None:
        return []
    rung = f", rung {choosing.rung + 1}/{choosing.num_rungs}" if choosing.num_rungs > 1 else ""
    parts: list[Text | str] = [
        f"candidate {choosing.number}/{choosing.num_candidates}{rung}",
        Text(choosing.label, "bold"),
    ]
    if choosing.leader_valid is not None:
        parts.append(f"leads {percent(choosing.leader_valid)}: {choosing.leader}")
    return [parts]
