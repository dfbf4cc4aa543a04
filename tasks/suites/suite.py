"""A suite: an ordered set of task cards, shipped as TOML in `tasks/suites` or written by the user.

Suites are joined with `+`, as in `additional17+mine.toml`; each card keeps the folder of its own suite.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.card import TaskCard
from tasks.errors import SuiteError, did_you_mean
from tasks.sources.homes import plain_path
from tasks.suites.file import read_suite_file
from tasks.suites.short_form import is_short_form, read_short_form, simulated_cards, stream_title

SHIPPED = Path(__file__).parent
JOINT = "+"
SIMULATED = "simulated:COUNT"


@dataclass(frozen=True, kw_only=True, slots=True)
class Suite:
    """Task cards in the order they are meant to arrive."""

    name: str
    title: str
    cards: tuple[TaskCard, ...]

    def select(self, names: Sequence[str]) -> "Suite":
        """The suite with only the tasks named, in the suite's order.

        Raises:
            SuiteError: A name is not a task of the suite, is given twice, or none is given.
        """
        known = [card.name for card in self.cards]
        for name in names:
            if name not in known:
                raise SuiteError(f"suite '{self.name}' has no task '{name}'; {did_you_mean(name, known)}")
            if list(names).count(name) > 1:
                raise SuiteError(f"task '{name}' is named twice; a task arrives once, so name it once")
        if not names:
            raise SuiteError(
                f"no task of suite '{self.name}' was selected; name at least one of: {', '.join(known)}"
            )
        return Suite(
            name=self.name, title=self.title, cards=tuple(card for card in self.cards if card.name in names)
        )


def shipped_suites() -> tuple[str, ...]:
    """Names of the suites that come with the program, sorted."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.toml")))


def open_suite(given: str) -> Suite:
    """The shipped suite of that name, the suite in a TOML file, or several of them joined with `+`.

    Raises:
        SuiteError: No such suite or file, a file is not a valid suite, or two suites share a task's name.
    """
    parts = suite_parts(given)
    if len(parts) == 1:
        return _open_part(parts[0])
    return _join({part: _open_part(part) for part in parts})


def suite_parts(given: str) -> tuple[str, ...]:
    """The suites that were joined with `+`; a `+` in the path of a file that exists belongs to the path.

    Raises:
        SuiteError: There is nothing before or after a `+`, or a suite is named twice.
    """
    parts: list[str] = []
    left = given.split(JOINT)
    while left:
        ends = range(len(left), 1, -1)
        taken = next((end for end in ends if os.path.isfile(_expanded(JOINT.join(left[:end])))), 1)
        parts.append(JOINT.join(left[:taken]))
        left = left[taken:]
    for part in parts:
        if not part and len(parts) > 1:
            raise SuiteError(
                f"the suite '{given}' has nothing before or after a '{JOINT}'; "
                f"join suites as in additional17{JOINT}mine.toml"
            )
        if parts.count(part) > 1:
            raise SuiteError(f"the suite '{part}' is named twice; a task arrives once, so name it once")
    return tuple(parts)


def _open_part(name_or_path: str) -> Suite:
    if name_or_path in shipped_suites():
        return _read_suite(SHIPPED / f"{name_or_path}.toml", shipped=True)
    if is_short_form(name_or_path):
        settings = read_short_form(name_or_path)
        cards = simulated_cards(settings, suite=name_or_path)
        return Suite(name=name_or_path, title=stream_title(settings), cards=cards)
    path = Path(_expanded(name_or_path))
    if path.suffix == ".toml":
        # the file of a shipped suite names files of the data home, like the suite's name
        return _read_suite(
            plain_path(path), shipped=os.path.realpath(path.parent) == os.path.realpath(SHIPPED)
        )
    raise SuiteError(
        f"unknown suite '{name_or_path}'; {did_you_mean(name_or_path, (*shipped_suites(), SIMULATED))} "
        "A suite of one's own is given as a path that ends in .toml"
    )


def _expanded(path: str) -> str:
    """`Path.expanduser` would raise for a user that does not exist."""
    return os.path.expanduser(path)


def _join(suites: dict[str, Suite]) -> Suite:
    """One suite after the other; `suites` maps what was given to what it is."""
    owner: dict[str, str] = {}
    for given, suite in suites.items():
        for card in suite.cards:
            if card.name in owner:
                raise SuiteError(
                    f"task '{card.name}' is in both '{owner[card.name]}' and '{given}'; "
                    "names must differ in a stream, so rename one of the two in its suite file "
                    "(simulated tasks: prefix=NAME)"
                )
            owner[card.name] = given
    return Suite(
        name=JOINT.join(suite.name for suite in suites.values()),
        title=f" {JOINT} ".join(suite.title for suite in suites.values()),
        cards=tuple(card for suite in suites.values() for card in suite.cards),
    )


def _read_suite(path: Path, *, shipped: bool) -> Suite:
    file = read_suite_file(path, folder=None if shipped else path.parent)
    return Suite(name=file.name, title=file.title, cards=file.cards)
