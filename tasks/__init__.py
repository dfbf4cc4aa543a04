"""What is learned: task cards, their sources, splits, suites and simulated tasks.

Names are imported when they are first asked for: a command line that only prints its help loads nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.card import FileFormat, LabelRule, Quoting, TaskCard, Undecodable
    from tasks.errors import DataError, DownloadError, SuiteError, TaskError, UnreachableError, did_you_mean
    from tasks.loading import load_task
    from tasks.sources.availability import Availability, DataMode, Origin, availability
    from tasks.sources.homes import default_home, resolve_home
    from tasks.sources.network import Network
    from tasks.suites.suite import Suite, open_suite, shipped_suites, suite_parts
    from tasks.task import (
        DataStatus,
        Limits,
        PaperFigures,
        PublishedFigures,
        Split,
        Task,
        TaskKind,
        TrainingOverrides,
    )

__all__ = [
    "Availability",
    "DataError",
    "DataMode",
    "DataStatus",
    "DownloadError",
    "FileFormat",
    "LabelRule",
    "Limits",
    "Network",
    "Origin",
    "PaperFigures",
    "PublishedFigures",
    "Quoting",
    "Split",
    "Suite",
    "SuiteError",
    "Task",
    "TaskCard",
    "TaskError",
    "TaskKind",
    "TrainingOverrides",
    "Undecodable",
    "UnreachableError",
    "availability",
    "default_home",
    "did_you_mean",
    "load_task",
    "open_suite",
    "resolve_home",
    "shipped_suites",
    "suite_parts",
]

_PLACES = {
    "tasks.card": (
        "FileFormat",
        "LabelRule",
        "Quoting",
        "TaskCard",
        "Undecodable",
    ),
    "tasks.errors": (
        "DataError",
        "DownloadError",
        "SuiteError",
        "TaskError",
        "UnreachableError",
        "did_you_mean",
    ),
    "tasks.loading": ("load_task",),
    "tasks.sources.availability": (
        "Availability",
        "DataMode",
        "Origin",
        "availability",
    ),
    "tasks.sources.homes": (
        "default_home",
        "resolve_home",
    ),
    "tasks.sources.network": ("Network",),
    "tasks.suites.suite": (
        "Suite",
        "open_suite",
        "shipped_suites",
        "suite_parts",
    ),
    "tasks.task": (
        "DataStatus",
        "Limits",
        "PaperFigures",
        "PublishedFigures",
        "Split",
        "Task",
        "TaskKind",
        "TrainingOverrides",
    ),
}


def __getattr__(name: str) -> Any:
    """Import the module that a public name is from."""
    for module, names in _PLACES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
