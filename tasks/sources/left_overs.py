"""Which files other programs leave beside the data: hidden ones, and those of Finder, Jupyter and Python."""

from collections.abc import Iterable

FOLDERS = ("__MACOSX", "__pycache__")


def is_left_over(parts: Iterable[str]) -> bool:
    """Whether one of a path's names begins with a dot or is a folder that no one fills by hand."""
    return any(part.startswith(".") or part in FOLDERS for part in parts)
