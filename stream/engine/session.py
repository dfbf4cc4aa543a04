"""From a configuration to a finished run: wires suite, backbone, learner, ledger and display together."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from db import ConflictError, Database, Ledger, LedgerError, RunExistsError, UsageError
from db.records import NewRun, Regime, RunRecord, RunStatus
from stream.display import Display
from stream.engine.choosing.arrivals import Choice, choose_arrival, chosen_by
from stream.engine.choosing.grid import study_tasks
from stream.engine.choosing.reuse import learn_once
from stream.engine.configuration import Place, RunConfiguration
from stream.engine.environment import describe_environment
from stream.engine.joint import learn_jointly
from stream.engine.resuming import check_same
from stream.engine.scheduler import TaskStream
from stream.engine.separate import learn_separately
from stream.engine.simulator import Learn, learn_arrival, simulate
from stream.engine.wiring import check_kinds, check_metrics, chosen_suite, learner_for, make_stream
from stream.errors import RunInterrupted, UserError
from stream.learning.learner import Learner
from stream.reports.files import make_folder
from stream.results.folder import reports_folder
from stream.results.run_results import RunResults
from tasks import TaskError, availability

MISTAKES = (UserError, TaskError, UsageError, ConflictError)
"""What the user can set right: the exit code is 2."""
Leave = Callable[[Database, RunResults, Path], tuple[str, ...]]
"""Writes what a run leaves into a folder and gives its last lines, as `stream.report.leave_reports` does."""


def run_session(configuration: RunConfiguration, place: Place, display: Display, leave: Leave) -> RunResults:
    """Start or continue the run, and have `leave` write its reports.

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
    early = None if exists else learner_for(configuration, place.device, None)
    with Database.open(place.database) as database:
        name = _run_name(database, configuration, place)
        with database.acquire(name), interruption_named(name):
            stored = database.ledger(name).run() if name in database.run_names() else None
            learner = early if early and not stored else learner_for(configuration, place.device, stored)
            new = _new_run(name, configuration, learner, stream)
            if stored is not None:
                check_same(stored, new)
            out = place.out or reports_folder(name)
            make_folder(out)
            ledger = database.create_run(new) if stored is None else _continued(database, name)
            if stored is None and place.resume:
                display.notice(_started(name, database.run_names()))
            with display:
                with status_kept(ledger, stored):
                    if configuration.study is None:
                        learn = _way_of_learning(configuration, database, place)
                        results = _learn_all(stream, learner, ledger, display, learn)
                    else:
                        results = study_tasks(
                            stream, learner, ledger, display, grid=configuration.study, reuse=place.reuse
                        )
                with _finished(ledger, stored, place.database):
                    lines = leave(database, results, out)
                display.run_finished(results, lines)
            return results


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


def _started(name: str, known: Sequence[str]) -> str:
    """What is said where a run that is not there is resumed; it may be a mistyped name."""
    others = [other for other in known if other != name]
    listed = f"the runs are {', '.join(others[:10])}{', ...' if len(others) > 10 else ''}"
    return f"there is no run named '{name}' yet: started; {listed if others else 'there are no runs yet'}"


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


@contextmanager
def interruption_named(name: str) -> Iterator[None]:
    """Say which run Ctrl-C interrupted: a default name with a number is not on the command line."""
    try:
        yield
    except KeyboardInterrupt:
        raise RunInterrupted(name) from None


@contextmanager
def status_kept(ledger: Ledger, before: RunRecord | None = None) -> Iterator[None]:
    """Record how the run ended when it does not reach its end.

    A mistake leaves a run that was there already as it stood before, and a finished one finished.
    """
    try:
        yield
    except KeyboardInterrupt:
        ledger.set_status(RunStatus.INTERRUPTED)
        raise
    except MISTAKES as error:
        _record_mistake(ledger, before, error)
        raise
    except BaseException as error:
        _record_failure(ledger, error)
        raise


@contextmanager
def _finished(ledger: Ledger, before: RunRecord | None, database: str) -> Iterator[None]:
    """Say that a run whose reports cannot be written is finished, and how they are written later.

    One that was finished before it was continued keeps the time at which it was.
    """
    try:
        yield
    except UserError as error:
        if before is not None and before.status is RunStatus.FINISHED:
            ledger.restore_status(before)
        raise UserError(
            f"{error}; the run is finished, its reports are written again by "
            f"python -m stream.report --db {shlex.quote(database)} --run {shlex.quote(ledger.name)}"
        ) from error


def _record_mistake(ledger: Ledger, before: RunRecord | None, error: Exception) -> None:
    if before is None:
        _record_failure(ledger, error)
        return
    with suppress(LedgerError):
        ledger.restore_status(before)


def _record_failure(ledger: Ledger, error: BaseException) -> None:
    with suppress(LedgerError):  # the error on its way says more: the ledger itself may be what failed
        ledger.set_status(RunStatus.FAILED, f"{type(error).__name__}: {error}")
