"""Words of findings: texts cut short, counts and shares."""

from collections.abc import Sequence

MAX_CHARS = 60
"""Characters shown of a text."""


def shortened(key: Sequence[str]) -> str:
    """The start of a text on one line, with both segments of a pair."""
    text = " | ".join(" ".join(segment.split()) for segment in key)
    printable = "".join(sign if sign.isprintable() else "\ufffd" for sign in text)
    return f'"{printable[:MAX_CHARS]}{"..." if len(printable) > MAX_CHARS else ""}"'


def count_of(number: int, noun: str, plural: str | None = None) -> str:
    """'1 row', '2 rows'."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def share(part: int, whole: int, noun: str) -> str:
    """'3 of 50 rows (6 %)'."""
    percent = 100 * part / whole
    shown = "under 0.1" if percent < 0.1 else f"{percent:.1f}" if percent < 10 else f"{percent:.0f}"
    return f"{part:,} of {whole:,} {noun} ({shown} %)"
