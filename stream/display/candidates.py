"""The candidate in training, of how many, and who leads: one line while an arrival is chosen for."""

from collections.abc import Sequence

from rich.text import Text

from stream.display.state import CurrentArrival
from stream.display.text import percent


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
