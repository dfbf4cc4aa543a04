"""Several methods and seeds in one command: one run each in one database, continued as one."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from db import Database, RunExistsError
from db.storage.names import folder_name
from stream.display import Display
from stream.engine.configuration import Place, RunConfiguration
from stream.engine.session import Leave, run_session
from stream.engine.wiring import check_kinds, chosen_suite, make_method
from stream.errors import RunInterrupted
from stream.model.backbone.loading import load_backbone
from stream.model.backbone.precision import choose_device, choose_dtype
from stream.results.run_results import RunResults


def run_sessions(
    configurations: Sequence[RunConfiguration],
    place: Place,
    open_display: Callable[[], Display],
    leave: Leave,
) -> tuple[RunResults, ...]:
    """Start or continue one run per configuration, in order; finished ones only write their reports again.

    Several runs share a name, to which each adds its method and its seed, where there are several of them:
    `additional17-quick-fine-tune-2-seed-0`. Where settings are chosen, the first seed of a method chooses
    them and the others repeat its choice, as the paper repeats the best setting with new seeds.

    Raises:
        UserError, TaskError, LedgerError: as the message says; what was committed stays.
        RunInterrupted: Ctrl-C; `--resume` under the shared name goes on with all of them.
    """
    if len(configurations) == 1:
        return (run_session(configurations[0], place, open_display(), leave),)
    _check_methods(configurations, place)
    shared = _shared_name(configurations, place)
    results: list[RunResults] = []
    try:
        for name, configuration in named_runs(configurations, shared, is_given=place.name is not None):
            out = None if place.out is None else place.out / folder_name(name)
            own = replace(place, name=name, out=out)
            # A run that does not exist yet is started by a resume too.
            results.append(run_session(configuration, own, open_display(), leave))
    except RunInterrupted:
        raise RunInterrupted(shared) from None
    return tuple(results)


def named_runs(
    configurations: Sequence[RunConfiguration], shared: str, *, is_given: bool
) -> list[tuple[str, RunConfiguration]]:
    """Each run's name and configuration; later seeds of a method take the choices of its first one.

    Args:
        configurations: the seeds of one method stand together.
        shared: what the names begin with.
        is_given: whether the user gave that; then the method is added only where there are several.
    """
    methods = list(dict.fromkeys(one.method for one in configurations))
    seeds = list(dict.fromkeys(one.seed for one in configurations))
    named: list[tuple[str, RunConfiguration]] = []
    first: dict[str, str] = {}
    for configuration in configurations:
        parts = [shared]
        parts += [configuration.method_name] if len(methods) > 1 or not is_given else []
        parts += [f"seed-{configuration.seed}"] if len(seeds) > 1 else []
        name = "-".join(parts)
        before = first.setdefault(configuration.method, name)
        if configuration.sweep is not None and before != name:
            configuration = replace(configuration, choices_from=before)
        named.append((name, configuration))
    return named


def _check_methods(configurations: Sequence[RunConfiguration], place: Place) -> None:
    """A method that the backbone or a task cannot have is said before the first run starts."""
    device = choose_device(place.device)
    backbone = load_backbone(configurations[0].backbone, device=device, dtype=choose_dtype(device))
    for configuration in configurations:
        check_kinds(chosen_suite(configuration), configuration.method)
        make_method(configuration, backbone.architecture)


def _shared_name(configurations: Sequence[RunConfiguration], place: Place) -> str:
    """The name asked for, or suite and preset; with -2, -3 ... where a run exists and is not resumed."""
    taken = _taken_names(place.database)
    is_given = place.name is not None

    def existing(shared: str) -> list[str]:
        return [name for name, _ in named_runs(configurations, shared, is_given=is_given) if name in taken]

    if place.name is not None:
        if not place.resume and existing(place.name):
            raise RunExistsError(existing(place.name)[0])
        return place.name
    base = f"{configurations[0].suite_name}-{configurations[0].preset}"
    if place.resume or not existing(base):
        return base
    return next(name for number in range(2, len(taken) + 3) if not existing(name := f"{base}-{number}"))


def _taken_names(url: str) -> set[str]:
    """Names of the runs there are; a database that does not exist yet is left to the first run."""
    if not Database.exists(url):
        return set()
    with Database.open(url) as database:
        return set(database.run_names())
