"""Measurements of removed adapters as plain values."""

from dataclasses import replace

import pytest

from db.records.measurements import Measurement
from stream.study.ablation.values import STUDY, ablations_of, span_key, span_of
from tests.stream.made_ablations import made_ablation
from tests.stream.made_runs import made_task


def measured(position: int, span: tuple[int, int] | None, value: float | None, **more: object) -> Measurement:
    """A measurement of a task with adapters in layers 1 and 2."""
    content = {"metric": "accuracy", "value": value, "num_examples": 9, "layers": [1, 2], "plan_sha256": "p"}
    return Measurement(study=STUDY, key=span_key(position, span), content=content | more)


def test_measurements_in_any_order_become_ablations() -> None:
    """Each task that was measured has one, in order of position; a span goes there and back."""
    found = [
        measured(1, (1, 2), 0.3),
        measured(0, None, 0.5, majority_class=0.25),
        measured(1, None, 0.6, majority_class=None),
        measured(0, (2, 2), None, plan_sha256="q"),
    ]
    first, second = ablations_of(found, [made_task(0, "a"), made_task(1, "b"), made_task(2, "c")])
    assert [span_of(one) for one in found] == [(1, 2), None, None, (2, 2)]
    assert (first.task, first.value, first.majority_class, first.layers) == ("a", 0.5, 0.25, (1, 2))
    assert dict(first.values) == {(2, 2): None}
    assert first.plans == ("p", "q")
    assert (second.task, second.value, dict(second.values)) == ("b", 0.6, {(1, 2): 0.3})
    assert not second.is_complete


def test_before_the_whole_model_is_measured_nothing_is_relative() -> None:
    """Spans alone have values and no changes."""
    (only,) = ablations_of([measured(0, (1, 1), 0.4)], [made_task(0, "a")])
    assert (only.value, only.change((1, 1)), only.costliest_layer) == (None, None, None)


def test_changes_are_relative_to_the_whole_model() -> None:
    """From 0.8 to 0.5 is -37.5 %; the costliest layer is the least value on the diagonal."""
    ablation = made_ablation(values={(0, 0): 0.8, (1, 1): 0.72, (2, 2): 0.84, (0, 2): 0.5})
    assert ablation.change((0, 2)) == pytest.approx(-0.375)
    assert ablation.change((2, 2)) == pytest.approx(0.05)
    assert ablation.costliest_layer == (1, pytest.approx(-0.1))
    assert ablation.change_to(ablation.majority_class) == pytest.approx(-0.5)
    assert ablation.change((0, 1)) is None


def test_a_correlation_below_zero_can_still_get_worse() -> None:
    """From -0.2 to -0.3 is -50 %, not +50 %; from 0 nothing is relative."""
    ablation = made_ablation(value=-0.2, values={(0, 0): -0.3})
    assert ablation.change((0, 0)) == pytest.approx(-0.5)
    assert replace(ablation, value=0.0).change((0, 0)) is None


def test_all_spans_make_it_complete() -> None:
    """Three layers have six spans."""
    ablation = made_ablation(num_layers=3)
    assert (ablation.num_spans, ablation.is_complete, ablation.whole) == (6, True, (0, 2))
