"""Where the data of a card would come from: data home, cache, download, hub, or the simulator.

Looking costs a few file look-ups and, for a file that could be downloaded, one short request per host. A
missing file of a user's own suite is an error in every mode but `simulated`: a stand-in would hide it.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from tasks.card import TaskCard
from tasks.errors import DataError
from tasks.sources.homes import HOME_VARIABLE, cache_folder, plain_path, resolve_home
from tasks.sources.network import Network, file_sha256
from tasks.task import DataStatus

HUB_ADDRESS = "https://huggingface.co/"
NETWORK = Network()
"""The process's own view of the network; its verdict is asked for once."""


class DataMode(StrEnum):
    """Which data the user wants."""

    AUTO = "auto"
    """Real where it can be had, otherwise a simulated stand-in."""
    REAL = "real"
    """Real or an error."""
    SIMULATED = "simulated"


class Origin(StrEnum):
    """Where the rows come from."""

    FILES = "data home"
    CACHE = "cache"
    DOWNLOAD = "download"
    HUB = "hub"
    SIMULATOR = "simulator"


@dataclass(frozen=True, kw_only=True, slots=True)
class Availability:
    """What loading a card would give, decided without reading its rows."""

    status: DataStatus
    origin: Origin
    paths: Mapping[str, Path]
    """Split name -> file; empty for the hub and the simulator; a download's file does not exist yet."""
    notes: tuple[str, ...] = ()


def availability(
    card: TaskCard, home: Path | None, mode: DataMode, *, network: Network = NETWORK
) -> Availability:
    """Where the card's data would come from.

    Raises:
        DataError: Real data is wanted (or the suite is the user's own) and cannot be had.
    """
    if card.simulation is not None:
        return _generated(card, mode)
    if mode is DataMode.SIMULATED:
        return simulated("simulated data was asked for")
    found = _hub(card, network) if card.hub else _files(card, home, network)
    if isinstance(found, Availability):
        return found
    if mode is DataMode.REAL or card.folder is not None:
        raise DataError(f"task '{card.name}' has no data: {found}; {_remedy(card)}")
    return simulated(f"simulated stand-in: {found}")


def _remedy(card: TaskCard) -> str:
    if card.hub or (card.folder is not None and card.url):
        return "connect to the network once, after that the cache is enough"
    if card.folder is not None:
        return "correct the path in the suite file"
    return f"put {card.train} into a data home (--data-home or {HOME_VARIABLE}), or ask for simulated data"


def simulated(reason: str) -> Availability:
    """The simulator, and why."""
    return Availability(status=DataStatus.SIMULATED, origin=Origin.SIMULATOR, paths={}, notes=(reason,))


def _generated(card: TaskCard, mode: DataMode) -> Availability:
    """A task that was made to be simulated: no stand-in, so nothing to note, and nothing real to be had."""
    if mode is DataMode.REAL:
        raise DataError(
            f"task '{card.name}' of suite '{card.suite}' is simulated and has no real data; "
            "ask for simulated or auto"
        )
    return Availability(status=DataStatus.SIMULATED, origin=Origin.SIMULATOR, paths={})


def _hub(card: TaskCard, network: Network) -> Availability | str:
    cached = cache_folder() / "datasets" / str(card.hub).replace("/", "___")
    if not cached.is_dir() and not network.reaches(HUB_ADDRESS):
        return f"the hub data set {card.hub} is not in the cache and the hub cannot be reached"
    return Availability(status=_status(card), origin=Origin.HUB, paths={})


def _files(card: TaskCard, home: Path | None, network: Network) -> Availability | str:
    """The files, or why they cannot be had."""
    home = resolve_home(home) if card.folder is None else None
    paths: dict[str, Path] = {}
    for split, name in card.given.items():
        path = _look_up(card, name, home)
        if path is None and not (split == "train" and card.url):
            return f"{_missing(card, name, home)} and the file has no address to download it from"
        if path is not None:
            paths[split] = path
    if "train" in paths:
        return Availability(
            status=_status(card), origin=Origin.FILES, paths=paths, notes=tuple(_differences(card, paths))
        )
    return _fetched(card, home, paths, network)


def _fetched(
    card: TaskCard, home: Path | None, paths: Mapping[str, Path], network: Network
) -> Availability | str:
    """The train file from the cache or by a download."""
    target = cache_folder() / "downloads" / card.suite / Path(card.train).name
    paths = {**paths, "train": target}
    if target.is_file() and file_sha256(target) == card.sha256:
        return Availability(status=_status(card), origin=Origin.CACHE, paths=paths)
    if not network.reaches(str(card.url)):
        return f"{_missing(card, card.train, home)} and {urlsplit(str(card.url)).netloc} cannot be reached"
    return Availability(status=_status(card), origin=Origin.DOWNLOAD, paths=paths)


def _status(card: TaskCard) -> DataStatus:
    return DataStatus.PARTIAL if card.partial else DataStatus.REAL


def _folders(card: TaskCard, home: Path | None) -> tuple[Path, ...]:
    if card.folder is not None:
        return (card.folder,)
    return () if home is None else (home / card.suite, home)


def _look_up(card: TaskCard, name: str, home: Path | None) -> Path | None:
    # os.path answers False or unchanged where pathlib raises: names too long, users that do not exist
    candidates = (folder / os.path.expanduser(name) for folder in _folders(card, home))
    return next((plain_path(path) for path in candidates if os.path.isfile(path)), None)


def _missing(card: TaskCard, name: str, home: Path | None) -> str:
    folders = _folders(card, home)
    if card.folder is not None:
        return (
            f"the file {plain_path(folders[0] / name)} does not exist (paths are relative to the suite file)"
        )
    return f"the file is not in {folders[0]} or {folders[1]}" if folders else "no data home is given"


def _differences(card: TaskCard, paths: Mapping[str, Path]) -> Iterator[str]:
    """A note for each file found that is not the one pinned; it is used all the same."""
    for split, path in paths.items():
        pinned = card.sha256 if split == "train" else card.sha256_of.get(card.given[split])
        if pinned is not None and (got := file_sha256(path)) != pinned:
            yield f"{path.name} is not the pinned copy (SHA-256 {got[:12]}..., pinned {pinned[:12]}...)"
