"""The options of `python -m stream.service` as values: what arrives, and the settings to compare."""

import argparse
import math
from collections.abc import Callable, Sequence
from typing import TypeVar

from stream.errors import UserError
from stream.service.names import DEFAULT_JOBS, DEFAULT_REPLICATIONS, FEWEST_JOBS, Policy
from stream.service.queueing.arrivals import Arrivals, parse_arrivals
from stream.service.queueing.jobs import SECONDS_PER_HOUR, RecordedTask
from stream.service.queueing.scenario import Setting, Study
from stream.service.queueing.trace import Trace, read_trace
from tasks.errors import did_you_mean

MAX_WORKERS = 10_000
MAX_JOBS = 100_000_000
MAX_REPLICATIONS = 1_000_000
NEEDED_COLUMNS = {Policy.PRIORITY: "priority", Policy.FAIR_SHARE: "customer"}

Item = TypeVar("Item")


def study_from(options: argparse.Namespace, recorded: tuple[RecordedTask, ...]) -> Study:
    """Return what all settings have in common.

    Raises:
        UserError: a value is not allowed, options contradict each other, or the trace cannot be read.
    """
    path = parse_arrivals(options.arrivals).trace
    repeat = None if options.repeat is None else _whole("--repeat", options.repeat, 1, MAX_JOBS)
    if path and repeat:
        raise UserError("--repeat draws tasks, but a trace names its own; leave --repeat out")
    num_jobs = repeat or len(recorded)
    default = max(1, min(max(DEFAULT_REPLICATIONS, FEWEST_JOBS // num_jobs), DEFAULT_JOBS // num_jobs))
    study = Study(
        recorded=recorded,
        num_jobs=repeat,
        warm_up=_whole("--warm-up", options.warm_up, 0, MAX_JOBS),
        num_replications=_whole("--replications", options.replications or str(default), 1, MAX_REPLICATIONS),
        seed=_whole("--seed", options.seed, 0, 2**63 - 1),
        trace=read_trace(path, [task.name for task in recorded]) if path else None,
    )
    if study.warm_up >= study.num_arrivals:
        raise UserError(
            f"--warm-up got {study.warm_up}, but only {study.num_arrivals} tasks arrive; "
            "leave some to be counted, or make the stream longer with --repeat"
        )
    return study


def settings_from(
    options: argparse.Namespace, recorded: Sequence[RecordedTask], trace: Trace | None
) -> tuple[Setting, ...]:
    """Return the setting that is shown arrival by arrival, then all that are compared, if several are.

    Raises:
        UserError: a value is not allowed, or options contradict each other.
    """
    arrivals = parse_arrivals(options.arrivals)
    policies = _listed("--policy", options.policy, _policy)
    workers = _listed("--workers", options.workers, lambda text: _whole("--workers", text, 1, MAX_WORKERS))
    _require_columns(policies, trace)
    schedules = {number: _schedules(options, arrivals, number, recorded) for number in workers}
    compared = tuple(
        Setting(policy=policy, num_workers=number, arrivals=schedule)
        for policy in policies
        for number in workers
        for schedule in schedules[number]
    )
    shown = compared[0]
    if arrivals.gap_seconds is not None:
        shown = Setting(policy=shown.policy, num_workers=shown.num_workers, arrivals=arrivals)
    return (shown,) if compared == (shown,) else (shown, *compared)


def _schedules(
    options: argparse.Namespace, arrivals: Arrivals, num_workers: int, recorded: Sequence[RecordedTask]
) -> tuple[Arrivals, ...]:
    """The arrivals at each rate asked for, or as they are."""
    rates = () if options.rates is None else _listed("--rates", options.rates, _rate)
    loads = () if options.loads is None else _listed("--loads", options.loads, _rate)
    if rates and loads:
        raise UserError("--rates and --loads both set the arrival rate; give one of them")
    if (rates or loads) and not arrivals.has_rate:
        option = "--rates" if rates else "--loads"
        raise UserError(f"{option} needs arrivals with a rate; use --arrivals poisson or --arrivals every")
    if not rates and not loads:
        if arrivals.has_rate and arrivals.gap_seconds is None:
            raise UserError(
                f"--arrivals {arrivals.pattern} lacks its number; write {arrivals.pattern}:NUMBER, "
                "or give --rates or --loads"
            )
        return (arrivals,)
    mean = math.fsum(task.seconds for task in recorded) / len(recorded)
    return tuple(
        map(arrivals.at_rate, rates or [load * num_workers / mean * SECONDS_PER_HOUR for load in loads])
    )


def _require_columns(policies: Sequence[Policy], trace: Trace | None) -> None:
    for policy in policies:
        column = NEEDED_COLUMNS.get(policy)
        if column and trace is None:
            raise UserError(
                f"--policy {policy} needs the column '{column}' of a trace; use --arrivals trace:FILE"
            )
        if column and trace and column not in trace.columns:
            raise UserError(
                f"--policy {policy} needs the column '{column}', which {trace.path} lacks; add it"
            )


def _listed(option: str, text: str, item: Callable[[str], Item]) -> tuple[Item, ...]:
    """Values separated by commas, each once."""
    values = tuple(item(part.strip()) for part in text.split(","))
    if len(set(values)) < len(values):
        raise UserError(f"{option} got '{text}', where a value stands twice; name each once")
    return values


def _policy(text: str) -> Policy:
    if text not in list(Policy):
        raise UserError(f"--policy got '{text}'; {did_you_mean(text, list(Policy))}")
    return Policy(text)


def _whole(option: str, text: str, least: int, most: int) -> int:
    # More digits than any bound has would make int() itself refuse.
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1
    if not least <= value <= most:
        raise UserError(f"{option} got '{text}'; allowed is a whole number from {least} to {most:,}")
    return value


def _rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 1e-9 <= value <= 1e12:
        raise UserError(
            f"--rates and --loads got '{text}'; allowed are positive numbers (1e-9 to 1e12), such as 4,8,12"
        )
    return value
