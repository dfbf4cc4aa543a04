"""The plan of a stream: what each arrival stores, trains and evaluates again, added up.

Sizes are counted by the code that counts a run (`forecast_growth`); nothing here knows a formula of a method.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from db.records import Regime
from stream.engine.forecast import forecast_growth
from stream.engine.scheduler import AnyOrder, Order, order_names
from stream.model.backbone.architecture import Architecture, count_parameters, tensor_shapes
from stream.model.methods.method import Method
from stream.plan.expected import ExpectedTask
from stream.results.growth import GrowthPoint

COMPARED_ORDERS = (Order.PAPER, Order.SMALLEST_FIRST, Order.LARGEST_FIRST)
"""Orders whose volume of re-evaluation is told beside that of the planned one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedArrival:
    """One arrival (one row of plan.csv); None is unknown."""

    task: ExpectedTask
    size: GrowthPoint
    """What is stored after it, as in size.csv; bytes without the blobs' headers."""
    num_steps: int | None
    """Optimiser steps."""
    num_tokens: int | None
    """Tokens trained on, over all epochs."""
    num_validated: int | None
    """Validation examples evaluated, over all epochs."""
    num_reevaluated: int | None
    """Test examples evaluated after it, its own included: cells R[after, on] of its row."""
    reevaluated_tokens: float | None
    """Tokens of these."""

    @property
    def position(self) -> int:
        """From 0."""
        return self.size.position

    @property
    def num_checked(self) -> int | None:
        """Test examples evaluated in memory right after training, to compare with what is stored."""
        return None if self.task.sizes is None else self.task.sizes.num_test

    @property
    def evaluated_tokens(self) -> float | None:
        """Tokens of all examples that are evaluated in this arrival."""
        length, row = self.task.tokens_per_text, self.reevaluated_tokens
        if length is None or row is None or self.num_validated is None or self.num_checked is None:
            return None
        return row + length * (self.num_validated + self.num_checked)


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamPlan:
    """What a stream costs before it is run."""

    suite: str
    backbone: str
    method: Method = field(repr=False)
    order: AnyOrder
    backbone_params: int
    per_test: GrowthPoint
    """Sizes if every test split had tensors of its own, as the paper's Table 1 counts MNLI."""
    arrivals: tuple[PlannedArrival, ...]
    volumes: Mapping[AnyOrder, int | None]
    """Test examples evaluated over all arrivals, by order."""

    @property
    def latest(self) -> GrowthPoint:
        """Sizes after the last arrival."""
        return self.arrivals[-1].size

    @property
    def num_tests(self) -> int:
        """Test splits of all tasks."""
        return sum(arrival.task.num_tests for arrival in self.arrivals)

    @property
    def mean_trained_fraction(self) -> float:
        """Parameters trained per task over the backbone's."""
        return sum(arrival.size.trained_fraction for arrival in self.arrivals) / len(self.arrivals)

    @property
    def num_trained_examples(self) -> int | None:
        """Training examples over all epochs and tasks."""
        return total([_examples(arrival.task) for arrival in self.arrivals])

    @property
    def num_tokens(self) -> int | None:
        """Training tokens."""
        return total([arrival.num_tokens for arrival in self.arrivals])

    @property
    def num_steps(self) -> int | None:
        """Optimiser steps."""
        return total([arrival.num_steps for arrival in self.arrivals])

    @property
    def num_reevaluated(self) -> int | None:
        """Test examples evaluated after all arrivals, those of the arrival itself included."""
        return total([arrival.num_reevaluated for arrival in self.arrivals])

    @property
    def num_evaluated(self) -> int | None:
        """All examples evaluated: re-evaluation, the check in memory, and validation."""
        other = [total([arrival.num_checked, arrival.num_validated]) for arrival in self.arrivals]
        return total([self.num_reevaluated, *other])

    @property
    def evaluated_tokens(self) -> float | None:
        """Tokens of all examples evaluated."""
        tokens = [arrival.evaluated_tokens for arrival in self.arrivals]
        return None if None in tokens else sum(t for t in tokens if t is not None)

    @property
    def restored_bytes(self) -> int:
        """Bytes of parameters read back and hashed over all re-evaluations.

        What a stream shares is read with every task; a joint training's body is stored with the first one.
        """
        sizes, num_arrivals = [arrival.size for arrival in self.arrivals], len(self.arrivals)
        if self.method.regime is not Regime.JOINT:
            return sum(size.task_bytes * (num_arrivals - size.position) for size in sizes)
        body = sizes[0].task_bytes * (sizes[0].counts.total - sizes[0].counts.head) // sizes[0].counts.total
        return sum(size.task_bytes for size in sizes) + (num_arrivals - 1) * body


def plan_stream(
    architecture: Architecture,
    method: Method,
    tasks: Sequence[ExpectedTask],
    *,
    suite: str = "",
    backbone: str = "",
    order: AnyOrder = Order.PAPER,
    seed: int = 0,
    batch_size: int = 32,
) -> StreamPlan:
    """The plan of these tasks, given as the suite lists them, in the order asked for.

    A task needs a name and a number of classes; what follows from sizes and lengths is None without them.

    Raises:
        UserError: an order by size where a size is unknown.
    """
    by_name = {task.name: task for task in tasks}
    ordered = [by_name[name] for name in _ordered(tasks, order, seed)]
    points = forecast_growth(architecture, method, [(task.name, task.num_outputs) for task in ordered]).points
    per_test = [(task.name, task.num_outputs) for task in ordered for _ in range(task.num_tests)]
    once = method.regime is Regime.JOINT
    epochs = [task.num_epochs for task in ordered]
    longest = None if None in epochs else max((e for e in epochs if e is not None), default=0)
    return StreamPlan(
        suite=suite,
        backbone=backbone,
        method=method,
        order=order,
        backbone_params=count_parameters(tensor_shapes(architecture)),
        per_test=forecast_growth(architecture, method, per_test).points[-1],
        arrivals=tuple(
            _arrival(
                point,
                _evaluated_after(ordered, point.position, once=once),
                batch_size,
                # a joint training validates every task after each of its epochs
                num_validations=longest if once else epochs[point.position],
            )
            for point in points
        ),
        volumes={
            compared: evaluation_volume(tasks, compared, seed, once=once)
            for compared in dict.fromkeys([*COMPARED_ORDERS, order])
        },
    )


def evaluation_volume(
    tasks: Sequence[ExpectedTask], order: AnyOrder, seed: int = 0, *, once: bool = False
) -> int | None:
    """Test examples evaluated over all arrivals in that order; None where a size is unknown.

    Every arrival evaluates all tasks so far, so the first task is evaluated as often as there are tasks;
    `once` is for a joint training, which evaluates each task once.
    """
    sizes = {task.name: task.sizes.num_test for task in tasks if task.sizes is not None}
    if len(sizes) < len(tasks):
        return None
    names = _ordered(tasks, order, seed)
    return sum(sizes[name] * (1 if once else len(names) - i) for i, name in enumerate(names))


def total(values: Sequence[int | None]) -> int | None:
    """The sum, or None as soon as one value is unknown."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _ordered(tasks: Sequence[ExpectedTask], order: AnyOrder, seed: int) -> tuple[str, ...]:
    sizes = {task.name: task.sizes.num_train for task in tasks if task.sizes is not None}
    return order_names([task.name for task in tasks], sizes, order, seed)


def _evaluated_after(ordered: Sequence[ExpectedTask], position: int, *, once: bool) -> list[ExpectedTask]:
    """Tasks that are evaluated again after that position, the arrival itself last."""
    return list(ordered[position if once else 0 : position + 1])


def _arrival(
    size: GrowthPoint, evaluated: Sequence[ExpectedTask], batch_size: int, *, num_validations: int | None
) -> PlannedArrival:
    task = evaluated[-1]
    tests = [other.sizes.num_test if other.sizes else None for other in evaluated]
    tokens = [_test_tokens(other) for other in evaluated]
    num_steps = num_validated = num_tokens = None
    if task.sizes is not None and task.num_epochs is not None:
        num_rows = round(task.sizes.num_train * task.rows_per_text)
        num_steps = -(-num_rows // batch_size) * task.num_epochs
    if task.sizes is not None and num_validations is not None:
        num_validated = task.sizes.num_valid * num_validations
    if task.tokens_per_epoch is not None and task.num_epochs is not None:
        num_tokens = task.tokens_per_epoch * task.num_epochs
    return PlannedArrival(
        task=task,
        size=size,
        num_steps=num_steps,
        num_tokens=num_tokens,
        num_validated=num_validated,
        num_reevaluated=total(tests),
        reevaluated_tokens=None if None in tokens else sum(t for t in tokens if t is not None),
    )


def _test_tokens(task: ExpectedTask) -> float | None:
    if task.sizes is None or task.tokens_per_text is None:
        return None
    return task.sizes.num_test * task.tokens_per_text


def _examples(task: ExpectedTask) -> int | None:
    if task.sizes is None or task.num_epochs is None:
        return None
    return task.sizes.num_train * task.num_epochs
