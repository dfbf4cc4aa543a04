"""What removing trained adapters costs, as plain values: one `Ablation` a task, read from measurements.

A span is a first and a last layer, both included, whose adapters were left out at evaluation. Nothing was
trained again; layer norms and head stayed as trained. No torch in this module.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from db import Ledger
from db.records import TaskRecord
from db.records.measurements import Measurement

STUDY = "ablation"
"""Name of the study in the ledger."""
Span = tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ablation:
    """One task, as far as it is measured."""

    position: int
    task: str
    data: str
    """real, partial or simulated."""
    metric: str
    layers: tuple[int, ...]
    """Layers from the lowest to the highest that has an adapter."""
    num_examples: int
    """Of the validation split."""
    value: float | None
    """Validation metric with all adapters; None where it is undefined or not measured yet."""
    majority_class: float | None
    """The same of always answering with the most frequent class of the training split; None where there are
    no classes or it is not measured yet."""
    values: Mapping[Span, float | None]
    """Validation metric without the adapters of each span; None where it is undefined."""
    plans: tuple[str, ...]
    """SHA-256 of each evaluation plan that was used."""

    @property
    def num_spans(self) -> int:
        """Spans there are."""
        return len(self.layers) * (len(self.layers) + 1) // 2

    @property
    def is_complete(self) -> bool:
        """Whether every span was measured."""
        return len(self.values) == self.num_spans

    @property
    def whole(self) -> Span:
        """The span of all layers."""
        return self.layers[0], self.layers[-1]

    def change(self, span: Span) -> float | None:
        """Relative change of the metric without the span's adapters, negative is worse."""
        return self.change_to(self.values.get(span))

    def change_to(self, value: float | None) -> float | None:
        """Relative change from the value with all adapters; None where it is undefined."""
        if value is None or not self.value:
            return None
        return (value - self.value) / abs(self.value)

    @property
    def costliest_layer(self) -> tuple[int, float] | None:
        """The single layer whose adapters are missed most, and the change; None before one is known."""
        changes = {layer: self.change((layer, layer)) for layer in self.layers}
        known = [(change, layer) for layer, change in changes.items() if change is not None]
        if not known:
            return None
        change, layer = min(known)
        return layer, change


def span_key(position: int, span: Span | None) -> Mapping[str, Any]:
    """The key of a measurement; no span is the model with all adapters."""
    first, last = span or (None, None)
    return {"position": position, "first_layer": first, "last_layer": last}


def span_of(measurement: Measurement) -> Span | None:
    """The span that a measurement is about."""
    first, last = measurement.key["first_layer"], measurement.key["last_layer"]
    return None if first is None else (first, last)


def ablations_of(measurements: Sequence[Measurement], tasks: Sequence[TaskRecord]) -> tuple[Ablation, ...]:
    """The ablations of a run in order of its tasks, from its measurements in any order and number."""
    by_position: dict[int, list[Measurement]] = {}
    for measurement in measurements:
        by_position.setdefault(measurement.key["position"], []).append(measurement)
    known = {task.position: task for task in tasks}
    return tuple(_ablation(known[at], found) for at, found in sorted(by_position.items()) if at in known)


def load_ablations(ledger: Ledger) -> tuple[Ablation, ...]:
    """The ablations of a run as they stand in its ledger.

    Raises:
        db.errors.DamageError: a row cannot be read.
    """
    return ablations_of(ledger.measurements(STUDY), ledger.tasks())


def _ablation(task: TaskRecord, measurements: Sequence[Measurement]) -> Ablation:
    contents = {span_of(one): one.content for one in measurements}
    some, whole = measurements[0].content, contents.get(None, {})
    low, high = some["layers"]
    return Ablation(
        position=task.position,
        task=task.name,
        data=task.data,
        metric=some["metric"],
        layers=tuple(range(low, high + 1)),
        num_examples=some["num_examples"],
        value=whole.get("value"),
        majority_class=whole.get("majority_class"),
        values={span: content["value"] for span, content in sorted(_spans(contents).items())},
        plans=tuple(sorted({content["plan_sha256"] for content in contents.values()})),
    )


def _spans(contents: Mapping[Span | None, Mapping[str, Any]]) -> dict[Span, Mapping[str, Any]]:
    return {span: content for span, content in contents.items() if span is not None}
