"""Numbers in words and rows in Markdown, the same in every report."""

from collections.abc import Iterable, Iterator, Sequence


def number(value: float | None) -> str:
    """Return a fraction with three decimals, or a dash."""
    return "-" if value is None else f"{value:.3f}"


def count(amount: int, noun: str) -> str:
    """Return "1 task", "17 tasks"."""
    return f"{amount:,} {noun}" if amount == 1 else f"{amount:,} {noun}s"


def megabytes(num_bytes: int) -> str:
    """Return a size in MB (10^6 bytes)."""
    return f"{num_bytes / 1e6:,.1f} MB"


def table_row(cells: Sequence[str]) -> str:
    """Return one row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def table_lines(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    yield table_row(titles)
    yield f"|{'---|' * len(titles)}"
    yield from map(table_row, rows)
