"""What is learned: task cards, their sources, splits, suites and simulated tasks."""

from tasks.card import FileFormat, LabelRule, Quoting, TaskCard, Undecodable
from tasks.errors import DataError, DownloadError, SuiteError, TaskError, UnreachableError, did_you_mean
from tasks.homes import default_home, resolve_home
from tasks.loading import load_task
from tasks.network import Network
from tasks.sources import Availability, DataMode, Origin, availability
from tasks.suite import Suite, open_suite, shipped_suites, suite_parts
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
