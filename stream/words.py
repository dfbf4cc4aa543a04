"""Numbers and counts as words: percentages, durations, factors, plurals."""

DATA_TAGS = {"real": ("real", "dim"), "partial": ("part", "yellow"), "simulated": ("SIM", "bold reverse")}
"""Tag and style of a task by where its data comes from; a simulated one must not be overlooked."""


def percent(value: float | None) -> str:
    """Format a fraction: 0.873 as "87.3 %"; None is a metric that is undefined."""
    return "undefined" if value is None else f"{100 * value:.1f} %"


def duration(seconds: float) -> str:
    """Format seconds: 8 as "8s", 312 as "5m 12s", 3900 as "1h 05m", 90000 as "1d 1h"."""
    whole = max(0, round(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if days:
        return f"{days}d {hours % 24}h"
    if hours:
        return f"{hours}h {minutes % 60:02d}m"
    return f"{minutes}m {whole % 60:02d}s" if minutes else f"{whole}s"


def rough_duration(seconds: float) -> str:
    """Format an estimate no finer than it is known: "~2h 10m", "~4m", "~50s", "~10s"."""
    if seconds < 60:
        return f"~{max(10, round(seconds / 10) * 10)}s"
    return f"~{duration(round(seconds / 60) * 60.0).removesuffix(' 00s')}"


def factor(value: float) -> str:
    """Format a growth factor: 1.1234 as "1.12x", 17.0 as "17.0x"."""
    return f"{value:.2f}x" if value < 10 else f"{value:,.1f}x"


def signed_forgetting(value: float) -> str:
    """Format forgetting: exactly 0 as "0", anything else with four digits, so that 0.00004 is no zero."""
    if value == 0:
        return "0"
    return f"{value:.4f}" if abs(value) >= 5e-5 else f"{value:.0e}"


def plural(count: int, noun: str) -> str:
    """Format a count: "1 task", "1,024 tasks"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def class_words(num_labels: int) -> str:
    """The number of classes; a regression and a span task have none."""
    return f"{num_labels:,} classes" if num_labels else "no classes"


def signed_percent(change: float) -> str:
    """Return "-1.2 %", "+0.4 %", and "0 %" for what rounds to it."""
    rounded = round(100 * change, 1)
    return f"{rounded:+.1f} %" if rounded else "0 %"


def number(value: float | None) -> str:
    """Return a fraction with three decimals, or a dash."""
    return "-" if value is None else f"{value:.3f}"


def count(amount: int, noun: str) -> str:
    """Return "1 task", "17 tasks"."""
    return f"{amount:,} {noun}" if amount == 1 else f"{amount:,} {noun}s"


def megabytes(num_bytes: int) -> str:
    """Return a size in MB (10^6 bytes)."""
    return f"{num_bytes / 1e6:,.1f} MB"
