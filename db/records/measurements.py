"""The record of a measurement: what a study found when it varied something beside the stream."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """One thing a study measured; both mappings hold JSON values, without NaN and infinities."""

    study: str
    """Name of the study, such as `ablation`."""
    key: Mapping[str, Any]
    """What was varied; one measurement a run, study and key."""
    content: Mapping[str, Any]
    """What was measured."""
