"""What `python -m stream.study` knows of a study."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyCommand:
    """One study of the command line."""

    name: str
    summary: str
    """One line of help."""
    add_options: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], tuple[str, ...]]
    """Make the study; return the lines to print at its end."""
