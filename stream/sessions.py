"""Several methods in one command: one run each in one database, continued as one."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from db import Database, RunExistsError
from stream.configuration import RunConfiguration
from stream.display import Display
from stream.errors import RunInterrupted
from stream.model.backbone import load_backbone
from stream.model.precision import choose_device, choose_dtype
from stream.results import RunResults
from stream.session import Place, make_method, run_session


def run_sessions(
    configurations: Sequence[RunConfiguration], place: Place, open_display: Callable[[], Display]
) -> tuple[RunResults, ...]:
    """Start or continue one run per configuration, in order; finished ones only write their reports again.

    Several runs share a name, to which each adds its method: `additional17-quick-fine-tune-2`.

    Raises:
        UserError, TaskError, LedgerError: as the message says; what was committed stays.
        RunInterrupted: Ctrl-C; `--resume` under the shared name goes on with all of them.
    """
    if len(configurations) == 1:
        return (run_session(configurations[0], place, open_display()),)
    _check_methods(configurations, place)
    shared = _shared_name(configurations, place)
    results: list[RunResults] = []
    try:
        for configuration in configurations:
            name = _member(shared, configuration)
            out = None if place.out is None else place.out / name
            own = replace(place, name=name, out=out)
            # A run that does not exist yet is started by a resume too.
            results.append(run_session(configuration, own, open_display()))
    except RunInterrupted:
        raise RunInterrupted(shared) from None
    return tuple(results)


def _check_methods(configurations: Sequence[RunConfiguration], place: Place) -> None:
    """A method that the backbone cannot have is said before the first run starts."""
    device = choose_device(place.device)
    backbone = load_backbone(configurations[0].backbone, device=device, dtype=choose_dtype(device))
    for configuration in configurations:
        make_method(configuration, backbone.architecture)


def _member(shared: str, configuration: RunConfiguration) -> str:
    return f"{shared}-{configuration.method_name}"


def _shared_name(configurations: Sequence[RunConfiguration], place: Place) -> str:
    """The name asked for, or suite and preset; with -2, -3 ... where a run exists and is not resumed."""
    with Database.open(place.database) as database:
        taken = set(database.run_names())

    def existing(shared: str) -> list[str]:
        return [name for one in configurations if (name := _member(shared, one)) in taken]

    if place.name is not None:
        if not place.resume and existing(place.name):
            raise RunExistsError(existing(place.name)[0])
        return place.name
    base = f"{configurations[0].suite_name}-{configurations[0].preset}"
    if place.resume or not existing(base):
        return base
    return next(name for number in range(2, len(taken) + 3) if not existing(name := f"{base}-{number}"))
