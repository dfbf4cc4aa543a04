"""From a configuration to a finished run: wires suite, backbone, learner, ledger and display together."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from db import ConfigurationError, Database, Ledger, RunExistsError
from db.records import NewRun, Regime, RunRecord, RunStatus
from stream.baselines import learn_jointly, learn_separately
from stream.choosing import Choice, choose_arrival, chosen_by, learn_once, study_tasks
from stream.configuration import RunConfiguration, difference, with_added
from stream.coverage import parse_coverage
from stream.display import Display
from stream.endings import interruption_named, status_kept
from stream.environment import describe_environment
from stream.errors import UserError
from stream.learning import objectives
from stream.learning.learner import Learner
from stream.model.architecture import Architecture
from stream.model.backbone import Backbone, load_backbone
from stream.model.bottleneck import default_adapter_size
from stream.model.methods import Method
from stream.model.precision import DeviceChoice, choose_device, choose_dtype
from stream.model.specification import method_named
from stream.reporting import leave_reports
from stream.reports import make_folder
from stream.results import RunResults
from stream.scheduler import Order, TaskStream, order_names
from stream.simulator import Learn, learn_arrival, simulate
from tasks import Suite, Task, TaskCard, availability, load_task, open_suite
from tasks.task import CLASSIFYING


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a run is kept and shown; none of it changes a number."""

    database: str = "sqlite:///runs.db"
    """URL."""
    data_home: Path | None = None
    """Folder with the suites' files; None: only the cache and downloads."""
    name: str | None = None
    """Of the run; None: named after suite, method and preset."""
    resume: bool = False
    out: Path | None = None
    """Folder of the reports; None: runs/NAME."""
    device: DeviceChoice = "auto"
    reuse: bool = True
    """Whether what the database holds already is taken over instead of trained again."""


def run_session(configuration: RunConfiguration, place: Place, display: Display) -> RunResults:
    """Start or continue the run, and leave its reports.

    Raises:
        UserError, TaskError, LedgerError: as the message says; what was committed stays.
        RunInterrupted: Ctrl-C; what was committed stays, and it can be resumed.
    """
    suite = chosen_suite(configuration)
    check_metrics(suite)
    check_kinds(suite, configuration.method)
    for card in suite.cards:
        availability(card, place.data_home, configuration.data)  # missing data is said before anything starts
    exists = Database.exists(place.database)
    stream = make_stream(configuration, suite, place.data_home)
    # A mistake leaves no new database behind; only a run that is there already has a device of its own.
    early = None if exists else _learner(configuration, place.device, None)
    with Database.open(place.database) as database:
        name = _run_name(database, configuration, place)
        with database.acquire(name), interruption_named(name):
            stored = database.ledger(name).run() if name in database.run_names() else None
            learner = early if early and not stored else _learner(configuration, place.device, stored)
            new = _new_run(name, configuration, learner, stream)
            if stored is not None:
                _check_same(stored, new)
            out = place.out or Path("runs") / name
            make_folder(out)
            ledger = database.create_run(new) if stored is None else _continued(database, name)
            with status_kept(ledger), display:
                if configuration.study is None:
                    learn = _way_of_learning(configuration, database, place)
                    results = _learn_all(stream, learner, ledger, display, learn)
                else:
                    results = study_tasks(
                        stream, learner, ledger, display, grid=configuration.study, reuse=place.reuse
                    )
                display.run_finished(results, leave_reports(database, results, out))
            return results


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
    if method_named(method, adapter_size=1).regime is not Regime.SEPARATE:
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


def _run_name(database: Database, configuration: RunConfiguration, place: Place) -> str:
    """The name asked for, or the default one, with -2, -3 ... where that is taken and not resumed."""
    taken = set(database.run_names())
    if place.name is not None:
        if place.name in taken and not place.resume:
            raise RunExistsError(place.name)
        return place.name
    base = configuration.default_name()
    if place.resume or base not in taken:
        return base
    return next(name for number in range(2, len(taken) + 3) if (name := f"{base}-{number}") not in taken)


def _learner(
    configuration: RunConfiguration, device_choice: DeviceChoice, stored: RunRecord | None
) -> Learner:
    return make_learner(configuration, _backbone(configuration.backbone, device_choice, stored))


def _backbone(name: str, device_choice: DeviceChoice, stored: RunRecord | None) -> Backbone:
    """The backbone on the device; a resumed run gets its own device kind, number format and threads back."""
    if stored is None:
        device = choose_device(device_choice)
        return load_backbone(name, device=device, dtype=choose_dtype(device))
    device = choose_device(stored.environment["device"] if device_choice == "auto" else device_choice)
    torch.set_num_threads(stored.environment["num_threads"])
    return load_backbone(name, device=device, dtype=getattr(torch, stored.environment["dtype"]))


def _check_same(stored: RunRecord, new: NewRun) -> None:
    """A run is continued with the configuration and the backbone that it was started with.

    Raises:
        ConfigurationError: something differs.
    """
    changed = difference(with_added(stored.configuration), new.configuration)
    if stored.backbone_sha256 != new.backbone_sha256:
        changed["backbone_sha256"] = (stored.backbone_sha256, new.backbone_sha256)
    if changed:
        raise ConfigurationError(new.name, changed)


def _continued(database: Database, name: str) -> Ledger:
    """The run to go on with, whose stored rows and blobs are what was recorded."""
    ledger = database.ledger(name)
    ledger.require_intact()
    ledger.set_status(RunStatus.RUNNING)
    return ledger


def _new_run(name: str, configuration: RunConfiguration, learner: Learner, stream: TaskStream) -> NewRun:
    backbone, study = learner.backbone, configuration.study
    environment = describe_environment(backbone.device, backbone.dtype)
    options = dict(learner.method.options)
    if configuration.sweep is not None and configuration.sweep.adapter_sizes:
        options.pop("adapter_size", None)  # each task has its own
    resolved: dict[str, Any] = {**configuration.to_json(), "method_options": options}
    return NewRun(
        name=name,
        suite=configuration.suite,
        method=configuration.method if study is None else f"study {study.name}",
        isolated=learner.method.isolated,
        regime=learner.method.regime if study is None else Regime.STUDY,
        task_names=stream.names,
        backbone=backbone.name,
        backbone_sha256=learner.backbone_sha256,
        backbone_params=backbone.num_parameters,
        backbone_bytes=backbone.num_bytes,
        configuration=resolved,
        environment={**environment, "backbone_files": dict(backbone.files)},
    )


def _way_of_learning(configuration: RunConfiguration, database: Database, place: Place) -> Learn:
    """How one arrival is learned: chosen for, or once, or in any case."""
    if configuration.sweep is None:
        return learn_once if place.reuse else learn_arrival
    before = configuration.choices_from
    choice = Choice(
        sweep=configuration.sweep,
        method=configuration.method,
        chosen_before=None if before is None else partial(chosen_by, database.ledger(before)),
        reuse=place.reuse,
    )
    return partial(choose_arrival, choice=choice)


def _learn_all(
    stream: TaskStream, learner: Learner, ledger: Ledger, display: Display, learn: Learn
) -> RunResults:
    """Learn the tasks in the way of the method's regime."""
    match learner.method.regime:
        case Regime.JOINT:
            return learn_jointly(stream, learner, ledger, display)
        case Regime.SEPARATE:
            return learn_separately(stream, learner, ledger, display)
        case _:
            return simulate(stream, learner, ledger, display, learn)
