"""What a configuration names, made: suite, backbone, method, learner and stream.

A resumed or recorded run gets its own device kind, number format and threads back. Whether the backbone is
the recorded one is for the caller to compare.
"""

from functools import partial
from pathlib import Path
from typing import Any

import torch

from db.records import Regime, RunRecord
from stream.engine.configuration import RunConfiguration, with_added
from stream.engine.scheduler import Order, TaskStream, order_names
from stream.errors import UserError
from stream.learning.learner import Learner
from stream.learning.objectives import objective as objectives
from stream.learning.recipe import Recipe
from stream.model.backbone.architecture import Architecture
from stream.model.backbone.backbone import Backbone
from stream.model.backbone.loading import load_backbone
from stream.model.backbone.names import DeviceChoice
from stream.model.backbone.precision import choose_device, choose_dtype
from stream.model.methods.bottleneck import default_adapter_size
from stream.model.methods.family import family_of
from stream.model.methods.method import Method
from stream.model.methods.specification import method_named
from stream.results.coverage import parse_coverage
from tasks import Suite, Task, TaskCard, load_task, open_suite
from tasks.task import CLASSIFYING


def chosen_suite(configuration: RunConfiguration) -> Suite:
    """The configured suite, restricted to the tasks asked for."""
    suite = open_suite(configuration.suite)
    return suite if configuration.tasks is None else suite.select(configuration.tasks)


def check_metrics(suite: Suite) -> None:
    """Every task's metric is one there is.

    Raises:
        UserError: one is not.
    """
    for card in suite.cards:
        objectives.check_metrics(card.name, card.kind, (card.metric, *card.secondary))


def check_kinds(suite: Suite, method: str) -> None:
    """Every task is of a kind that the method can learn.

    Raises:
        UserError: one is not, or there is no such method.
    """
    if family_of(method).regime is not Regime.SEPARATE:
        return
    for card in suite.cards:
        if card.kind not in CLASSIFYING:
            raise UserError(
                f"{method} searches classifiers, but task '{card.name}' is a {card.kind}; "
                "leave it out with --tasks, or choose another method."
            )


def make_method(configuration: RunConfiguration, architecture: Architecture) -> Method:
    """The configured method; its adapter size is the backbone's default where none was asked for.

    Raises:
        UserError: the backbone cannot have the method (fewer layers than it asks for, say), or nothing would
            be learned from the way it is evaluated again.
    """
    size = configuration.adapter_size
    if size is None:
        size = default_adapter_size(architecture)
    method = method_named(configuration.method, adapter_size=size)
    method.sites(architecture, 1)
    if (
        method.shares
        and method.regime is Regime.STREAM
        and not parse_coverage(configuration.reevaluate).share
    ):
        raise UserError(
            f"--reevaluate digest says nothing about {configuration.method}, whose shared tensors change "
            "with every arrival; use full or sample:P."
        )
    return method


def make_learner(configuration: RunConfiguration, backbone: Backbone) -> Learner:
    """The learner of a configuration on a loaded backbone.

    Raises:
        UserError: as `make_method`.
    """
    return Learner(
        backbone=backbone,
        backbone_sha256=backbone.fingerprint(),
        method=make_method(configuration, backbone.architecture),
        recipe=configuration.recipe,
    )


def make_stream(configuration: RunConfiguration, suite: Suite, home: Path | None) -> TaskStream:
    """The tasks of the suite in the configured order, loaded when they arrive."""
    cards = {card.name: card for card in suite.cards}
    load = partial(_load, cards, configuration, home)
    by_size = configuration.order in (Order.SMALLEST_FIRST, Order.LARGEST_FIRST)
    sizes = {name: len(load(name).train) for name in cards} if by_size else {}
    names = order_names(tuple(cards), sizes, configuration.order, configuration.seed)
    return TaskStream(names=names, run_seed=configuration.seed, load=load)


def _load(cards: dict[str, TaskCard], configuration: RunConfiguration, home: Path | None, name: str) -> Task:
    return load_task(
        cards[name],
        home=home,
        mode=configuration.data,
        limits=configuration.limits,
        split_seed=configuration.split_seed,
    )


def learner_for(
    configuration: RunConfiguration, device_choice: DeviceChoice, stored: RunRecord | None
) -> Learner:
    """The learner of a new run, or of a stored one with what it was begun with."""
    return make_learner(configuration, _backbone(configuration.backbone, device_choice, stored))


def _backbone(name: str, device_choice: DeviceChoice, stored: RunRecord | None) -> Backbone:
    """The backbone on the device; a resumed run gets its own device kind, number format and threads back."""
    if stored is None:
        device = choose_device(device_choice)
        return load_backbone(name, device=device, dtype=choose_dtype(device))
    device = choose_device(stored.environment["device"] if device_choice == "auto" else device_choice)
    torch.set_num_threads(stored.environment["num_threads"])
    return load_backbone(name, device=device, dtype=getattr(torch, stored.environment["dtype"]))


def recorded_learner(run: RunRecord, device: Any) -> Learner:
    """Load what a run was learned with; whether the backbone is the same one is for the caller to compare.

    The process computes with the recorded number of threads from then on.

    Arguments:
        run: as recorded.
        device: `cpu` or `cuda`; `auto` takes the kind that was used.

    Raises:
        UserError: the backbone or the device cannot be had.
    """
    environment = run.environment
    torch.set_num_threads(environment["num_threads"])
    chosen = choose_device(environment["device"] if device == "auto" else device)
    backbone = load_backbone(run.backbone, device=chosen, dtype=getattr(torch, environment["dtype"]))
    options = run.configuration["method_options"]
    return Learner(
        backbone=backbone,
        backbone_sha256=backbone.fingerprint(),
        method=method_named(run.method, adapter_size=options.get("adapter_size", 1)),
        recipe=Recipe(**with_added(run.configuration)["recipe"]),
    )
