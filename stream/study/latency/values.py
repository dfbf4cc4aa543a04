"""What adapters cost at inference, as plain values: one `Latency` a method, size, batch and length.

An overhead is the time of a forward pass with adapters over that of the bare backbone with the same head,
minus 1. Both were measured in turn, pair by pair, so that what else the machine did falls on both. No torch
in this module.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from db.ledger import Ledger
from db.records import Regime, RunRecord
from db.records.measurements import Measurement

STUDY = "latency"
"""Name of the study in the ledger, and what the setting `measures` of its run says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Quartiles:
    """Lower quartile, median and upper quartile."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Quartiles":
        """The quartiles of values, interpolated between neighbours."""
        low, median, high = np.percentile(np.array(values, dtype=np.float64), (25, 50, 75))
        return cls(low=float(low), median=float(median), high=float(high))


@dataclass(frozen=True, kw_only=True, slots=True)
class Latency:
    """Forward passes of full batches without padding, with adapters and without, in pairs."""

    method: str
    adapter_size: int | None
    """None for a method that has none (merged LoRA)."""
    batch_size: int
    length: int
    """Tokens of each text."""
    seconds: tuple[float, ...]
    """Of one forward pass with the method's tensors, each a mean over `num_passes`."""
    bare_seconds: tuple[float, ...]
    """Of one of the bare backbone, next to the other in time."""
    num_passes: int
    """Forward passes of one timing."""

    @property
    def overhead(self) -> Quartiles:
        """Quartiles over pairs of the relative overhead, as a fraction; 0 is none."""
        pairs = zip(self.seconds, self.bare_seconds, strict=True)
        return Quartiles.of([seconds / bare - 1 for seconds, bare in pairs])

    @property
    def milliseconds(self) -> Quartiles:
        """Of one forward pass with the method's tensors."""
        return Quartiles.of([1e3 * seconds for seconds in self.seconds])

    @property
    def bare_milliseconds(self) -> Quartiles:
        """Of one forward pass of the bare backbone."""
        return Quartiles.of([1e3 * seconds for seconds in self.bare_seconds])


@dataclass(frozen=True, kw_only=True, slots=True)
class LatencyStudy:
    """All latencies of one run, and what they were measured on."""

    run: str
    backbone: str
    device: str
    dtype: str
    num_threads: int
    clock: str
    """What was read, in words."""
    latencies: tuple[Latency, ...]
    """Ordered by method, size, batch and length."""

    @property
    def panels(self) -> tuple[tuple[str, int | None], ...]:
        """Methods with their sizes, in order."""
        return tuple(dict.fromkeys((one.method, one.adapter_size) for one in self.latencies))

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """All batch sizes, small to large."""
        return tuple(sorted({one.batch_size for one in self.latencies}))

    @property
    def lengths(self) -> tuple[int, ...]:
        """All lengths, short to long."""
        return tuple(sorted({one.length for one in self.latencies}))

    def of_panel(self, panel: tuple[str, int | None]) -> Mapping[tuple[int, int], Latency]:
        """The latencies of a method and size by (batch size, length)."""
        return {
            (one.batch_size, one.length): one
            for one in self.latencies
            if (one.method, one.adapter_size) == panel
        }


def latency_key(method: str, adapter_size: int | None, batch_size: int, length: int) -> Mapping[str, Any]:
    """The key of a measurement."""
    return {"method": method, "adapter_size": adapter_size, "batch_size": batch_size, "length": length}


def is_latency_study(run: RunRecord) -> bool:
    """Whether a run holds latencies and nothing else."""
    return run.regime is Regime.STUDY and run.configuration.get("measures") == STUDY


def load_latencies(ledger: Ledger) -> LatencyStudy:
    """The latencies of a run as they stand in its ledger.

    Raises:
        db.errors.DamageError: a row cannot be read.
    """
    return latency_study(ledger.run(), ledger.measurements(STUDY))


def latency_study(run: RunRecord, measurements: Sequence[Measurement]) -> LatencyStudy:
    """The study of a run, from its measurements in any order and number."""
    environment = run.environment
    found = [
        Latency(
            **one.key,
            seconds=tuple(one.content["seconds"]),
            bare_seconds=tuple(one.content["bare_seconds"]),
            num_passes=one.content["num_passes"],
        )
        for one in measurements
    ]
    return LatencyStudy(
        run=run.name,
        backbone=run.backbone,
        device=environment["device_model"],
        dtype=environment["dtype"],
        num_threads=environment["num_threads"],
        clock=run.configuration["clock"],
        latencies=tuple(sorted(found, key=_order)),
    )


def _order(one: Latency) -> tuple[str, int, int, int]:
    return one.method, one.adapter_size or 0, one.batch_size, one.length
