"""How much a run stores, arrival by arrival, counted from what is stored (law 4).

Total = backbone + the tensors needed to serve all tasks now: the own tensors of every task that was not
removed, and the newest version of the shared ones. The backbone counts as a whole while any served task reads
at least one of its tensors, and not at all once none does: 17 full copies are 17 models, not 18. Storage is
addressed by content, so tensors that two tasks have in common byte for byte are stored once and counted once
in the totals. Nothing here is a formula of a method.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from db.records import Owner, ParameterCounts, ParametersRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class GrowthPoint:
    """Sizes after one arrival (one row of size.csv); factors are multiples of the backbone's parameters."""

    position: int
    task: str
    counts: ParameterCounts
    """Own tensors of the task and the shared ones as it left them."""
    task_bytes: int
    """Bytes of the blobs that hold them."""
    total_params: int
    total_bytes: int
    """Blobs that are needed now, plus the backbone's float32 tensors where it counts."""
    growth_factor: float
    """total_params / backbone_params."""
    separate_models_factor: float
    """What one fine-tuned model per task would store: sum over tasks of (backbone + head) / backbone."""
    trained_fraction: float
    """Parameters trained for this task / backbone_params."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GrowthCurve:
    """One point per arrival, in order; a removed task has none."""

    points: tuple[GrowthPoint, ...] = ()

    @property
    def latest(self) -> GrowthPoint | None:
        """Where the run stands; None before the first arrival."""
        return self.points[-1] if self.points else None


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredTask:
    """What one arrival stored: the plain input of the count."""

    name: str
    own: ParametersRecord
    shared: ParametersRecord | None = None
    """The new version of the stream's tensors; None for methods that share nothing."""

    @property
    def counts(self) -> ParameterCounts:
        """Parameters by kind, own and shared together."""
        own, shared = self.own.counts, self.shared.counts if self.shared else ParameterCounts()
        return ParameterCounts(
            adapter=own.adapter + shared.adapter,
            layer_norm=own.layer_norm + shared.layer_norm,
            head=own.head + shared.head,
            other=own.other + shared.other,
        )

    @property
    def num_bytes(self) -> int:
        """Bytes of the blobs, own and shared together."""
        return self.own.num_bytes + (self.shared.num_bytes if self.shared else 0)


class GrowthCounter:
    """Running totals over arrivals; adding one costs the same at the thousandth task as at the first.

    Arguments:
        backbone_params: parameters of the backbone as loaded (bert-base-uncased with pooler: 109,482,240).
        backbone_bytes: bytes of its tensors in float32.
    """

    def __init__(self, *, backbone_params: int, backbone_bytes: int) -> None:
        if backbone_params <= 0:
            raise ValueError(f"backbone_params must be positive, got {backbone_params}")
        self._backbone_params = backbone_params
        self._backbone_bytes = backbone_bytes
        self._counted: set[str] = set()
        self._own_params = 0
        self._own_bytes = 0
        self._separate_params = 0
        self._own_reads_backbone = False
        self._shared: ParametersRecord | None = None

    def add(self, stored: StoredTask) -> GrowthPoint:
        """Count one more arrival and return the sizes after it.

        Raises ValueError where a record is filed under the wrong owner.
        """
        _check_owners(stored)
        self._count_own(stored.own)
        self._shared = stored.shared or self._shared
        self._separate_params += self._backbone_params + stored.counts.head
        total_params, total_bytes = self._totals()
        return GrowthPoint(
            position=stored.own.position,
            task=stored.name,
            counts=stored.counts,
            task_bytes=stored.num_bytes,
            total_params=total_params,
            total_bytes=total_bytes,
            growth_factor=total_params / self._backbone_params,
            separate_models_factor=self._separate_params / self._backbone_params,
            trained_fraction=stored.own.num_trained / self._backbone_params,
        )

    def _count_own(self, own: ParametersRecord) -> None:
        self._own_reads_backbone |= own.reads_backbone
        if own.sha256 not in self._counted:
            self._counted.add(own.sha256)
            self._own_params += own.counts.total
            self._own_bytes += own.num_bytes

    def _totals(self) -> tuple[int, int]:
        """Parameters and bytes needed to serve all tasks counted so far."""
        shared = self._shared
        params = self._own_params + (shared.counts.total if shared else 0)
        num_bytes = self._own_bytes + (shared.num_bytes if shared else 0)
        # A task reads a backbone tensor only if neither its own nor the shared tensors replace it.
        if self._own_reads_backbone and (shared is None or shared.reads_backbone):
            return params + self._backbone_params, num_bytes + self._backbone_bytes
        return params, num_bytes


def growth_curve(stored: Iterable[StoredTask], *, backbone_params: int, backbone_bytes: int) -> GrowthCurve:
    """Return the curve over arrivals in order; leave removed tasks out of `stored`.

    Raises ValueError as `GrowthCounter` does.
    """
    counter = GrowthCounter(backbone_params=backbone_params, backbone_bytes=backbone_bytes)
    return GrowthCurve(points=tuple(counter.add(task) for task in stored))


def _check_owners(stored: StoredTask) -> None:
    if stored.own.owner is not Owner.OWN or (stored.shared and stored.shared.owner is not Owner.SHARED):
        raise ValueError(f"task {stored.name}: own and shared parameters are filed under the wrong owner")
