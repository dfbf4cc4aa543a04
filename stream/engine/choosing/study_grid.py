"""What a study trains: settings to compare, each on every task and under every seed.

A plain value that is stored with the study's run, so that its report can be written again from the database.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One way to learn, a place in the study's figure."""

    series: str
    """The line or group that it belongs to, such as `houlsby`."""
    x: float | None
    """Its place on the axis; None where that is the number of parameters it trains."""
    method: str
    """As the command line names it, with all its options."""
    learning_rates: tuple[float, ...]
    """Peak rates that are tried; the one with the best mean on validation counts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyGrid:
    """All trainings of a study: settings x their rates x seeds, for each task."""

    name: str
    """As `python -m stream.study` names it."""
    seeds: tuple[int, ...]
    settings: tuple[Setting, ...]
    reference: str | None = None
    """Method of the setting that the others are compared with, seed by seed."""

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "StudyGrid":
        """The grid of a run's stored configuration."""
        settings = tuple(
            Setting(**{**one, "learning_rates": tuple(one["learning_rates"])}) for one in stored["settings"]
        )
        return cls(**{**stored, "seeds": tuple(stored["seeds"]), "settings": settings})

    @property
    def num_trainings(self) -> int:
        """Trainings per task."""
        return len(self.seeds) * sum(len(setting.learning_rates) for setting in self.settings)
