from dataclasses import replace

import pytest

from stream.engine.scheduler import Order
from stream.errors import UserError
from stream.model.backbone.architecture import BERT_BASE_UNCASED, BERT_LARGE_UNCASED
from stream.model.methods.method import Method
from stream.model.methods.specification import method_named
from stream.plan.expected import ExpectedTask
from stream.plan.work import StreamPlan, evaluation_volume, plan_stream
from tests.stream.plan.made_tasks import GLUE_CLASSES, made_task, paper_tasks
from tests.stream.tiny import TINY


def houlsby(size: int) -> Method:
    return method_named("houlsby", adapter_size=size)


def tiny_plan(tasks: list[ExpectedTask], method: str = "houlsby", order: Order = Order.PAPER) -> StreamPlan:
    return plan_stream(TINY, method_named(method, adapter_size=4), tasks, order=order, batch_size=8)


def test_the_papers_tasks_on_bert_base() -> None:
    """Size 32 on bert-base-uncased: 1.194 times the backbone for 17 tasks, where separate models need 17."""
    plan = plan_stream(BERT_BASE_UNCASED, houlsby(32), paper_tasks())
    latest = plan.arrivals[-1].size
    assert plan.backbone_params == 109_482_240
    assert sum(arrival.task.num_labels for arrival in plan.arrivals) == 249
    assert round(latest.growth_factor, 3) == 1.194
    assert round(latest.separate_models_factor, 1) == 17.0


def test_full_copies_of_the_papers_tasks() -> None:
    """Fine-tuning stores 17 models for 17 tasks, the backbone itself no longer counting."""
    latest = plan_stream(BERT_BASE_UNCASED, method_named("fine-tune", adapter_size=1), paper_tasks())
    assert latest.arrivals[-1].size.total_params == 17 * 109_482_240 + 769 * 249


def test_the_papers_training_work() -> None:
    """The epochs of Table 4 are 13.22 million examples in 413,360 steps of 32."""
    plan = plan_stream(BERT_BASE_UNCASED, houlsby(32), paper_tasks(), batch_size=32)
    assert plan.num_steps == 413_360
    assert plan.num_trained_examples == 13_220_000


@pytest.mark.parametrize(
    ("order", "volume", "in_thousands"),
    [
        (Order.PAPER, 297_085, 297),
        (Order.SMALLEST_FIRST, 160_844, 161),
        (Order.LARGEST_FIRST, 1_164_622, 1165),
    ],
)
def test_reevaluation_depends_on_the_order(order: Order, volume: int, in_thousands: int) -> None:
    """With the paper's test sizes: 297k examples as listed, 161k smallest first, 1.16M largest first."""
    assert evaluation_volume(paper_tasks(), order) == volume
    assert round(volume / 1000) == in_thousands
    plan = plan_stream(BERT_BASE_UNCASED, houlsby(32), paper_tasks(), order=order)
    assert plan.num_reevaluated == plan.volumes[order] == volume


def test_glue_on_bert_large() -> None:
    """Eight tasks at size 64 grow bert-large by 15 %, where separate models are 8."""
    tasks = [ExpectedTask(name=name, num_labels=number) for name, number in GLUE_CLASSES.items()]
    latest = plan_stream(BERT_LARGE_UNCASED, houlsby(64), tasks).arrivals[-1].size
    assert round(latest.growth_factor, 2) == 1.15
    assert round(latest.separate_models_factor, 1) == 8.0
    copies = plan_stream(BERT_LARGE_UNCASED, method_named("fine-tune", adapter_size=1), tasks)
    assert round(copies.arrivals[-1].size.growth_factor, 1) == 8.0


def test_glue_as_the_paper_counts_it() -> None:
    """With both columns of MNLI as tasks: 17 % at size 64, and 9 separate models."""
    classes = {**GLUE_CLASSES, "MNLI mismatched": 3}
    tasks = [ExpectedTask(name=name, num_labels=number) for name, number in classes.items()]
    latest = plan_stream(BERT_LARGE_UNCASED, houlsby(64), tasks).arrivals[-1].size
    assert round(latest.growth_factor, 2) == 1.17
    assert round(latest.separate_models_factor, 1) == 9.0


def test_steps_tokens_and_examples_of_an_arrival() -> None:
    """42 examples in batches of 8 are 6 steps an epoch; what is evaluated grows from arrival to arrival."""
    plan = tiny_plan([made_task("a", 42), made_task("b", 80, length=5.5)])
    first, second = plan.arrivals
    assert (first.num_steps, first.num_tokens, first.num_validated) == (18, 1260, 15)
    assert (second.num_steps, second.num_tokens, second.num_validated) == (30, 1320, 30)
    assert (first.num_reevaluated, second.num_reevaluated) == (5, 15)
    assert (first.num_checked, second.num_checked) == (5, 10)
    assert second.evaluated_tokens == 10.0 * 5 + 5.5 * (10 + 10 + 30)
    assert plan.num_evaluated == (5 + 15) + (5 + 10) + (15 + 30)


def test_orders_by_size_arrange_the_arrivals() -> None:
    """The smallest training split arrives first or last; the curve follows the arrivals."""
    tasks = [made_task("b", 80), made_task("a", 40), made_task("c", 60, num_labels=3)]

    def names(order: Order) -> list[str]:
        return [arrival.task.name for arrival in tiny_plan(tasks, order=order).arrivals]

    assert names(Order.SMALLEST_FIRST) == ["a", "c", "b"]
    assert names(Order.LARGEST_FIRST) == ["b", "c", "a"]
    assert [a.size.task for a in tiny_plan(tasks, order=Order.SMALLEST_FIRST).arrivals] == ["a", "c", "b"]


def test_joint_training_evaluates_each_task_once() -> None:
    """Without a stream there is nothing to evaluate again, in any order."""
    plan = tiny_plan([made_task("a", 40), made_task("b", 80)], "joint")
    assert [arrival.num_reevaluated for arrival in plan.arrivals] == [5, 10]
    assert set(plan.volumes.values()) == {15}


def test_joint_training_stores_one_body() -> None:
    """The body comes with the first task and replaces the backbone; it is read with either task."""
    plan = tiny_plan([made_task("a", 40), made_task("b", 80)], "joint")
    head = 2 * 33
    assert [a.size.total_params for a in plan.arrivals] == [plan.backbone_params + n * head for n in (1, 2)]
    assert plan.restored_bytes == 4 * 2 * (plan.backbone_params + head)


def test_joint_training_validates_all_tasks_each_epoch() -> None:
    """A task of three epochs is validated ten times beside one of ten."""
    tasks = [made_task("a", 40), replace(made_task("b", 80), num_epochs=10)]
    assert [a.num_validated for a in tiny_plan(tasks, "joint").arrivals] == [50, 100]
    assert [a.num_validated for a in tiny_plan(tasks, "houlsby").arrivals] == [15, 100]


def test_bytes_read_back() -> None:
    """Task i of n is read n - i times: with three equal tasks that is six times one task."""
    plan = tiny_plan([made_task(name) for name in "abc"])
    assert plan.restored_bytes == 6 * plan.arrivals[0].size.task_bytes


def test_what_is_unknown_stays_unknown() -> None:
    """Without the size of one task its steps and all totals are None, never 0; parameters are counted."""
    plan = tiny_plan([made_task("a"), made_task("b", None)])
    known, unknown = plan.arrivals
    assert (known.num_steps, known.num_tokens, known.num_reevaluated) == (15, 1200, 5)
    assert (unknown.num_steps, unknown.num_tokens, unknown.num_reevaluated) == (None, None, None)
    assert unknown.evaluated_tokens is None
    totals = (plan.num_steps, plan.num_tokens, plan.num_trained_examples, plan.num_evaluated)
    assert totals == (None, None, None, None)
    assert set(plan.volumes.values()) == {None}
    assert unknown.size.counts.total > 0


def test_an_order_by_size_needs_the_sizes() -> None:
    """Smallest first with a task of unknown size is refused with the task's name."""
    with pytest.raises(UserError, match="needs the size of b, which is unknown"):
        tiny_plan([made_task("a"), made_task("b", None)], order=Order.SMALLEST_FIRST)
