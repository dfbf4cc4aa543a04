"""A suite: an ordered set of task cards, shipped as TOML in `tasks/suites` or written by the user."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.card import TaskCard
from tasks.errors import SuiteError, did_you_mean
from tasks.suite_file import read_cards, read_text_key

SHIPPED = Path(__file__).parent / "suites"


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


def open_suite(name_or_path: str) -> Suite:
    """The shipped suite of that name, or the suite in a TOML file.

    Raises:
        SuiteError: No such suite or file, or the file is not a valid suite.
    """
    if name_or_path in shipped_suites():
        return _read_suite(SHIPPED / f"{name_or_path}.toml", shipped=True)
    path = Path(name_or_path).expanduser()
    if path.suffix == ".toml":
        return _read_suite(path, shipped=False)
    raise SuiteError(
        f"unknown suite '{name_or_path}'; {did_you_mean(name_or_path, shipped_suites())} "
        "A suite of one's own is given as a path that ends in .toml"
    )


def _read_suite(path: Path, *, shipped: bool) -> Suite:
    table = _read_toml(path)
    name = read_text_key(table, "name", where=str(path), default=path.stem)
    return Suite(
        name=name,
        title=read_text_key(table, "title", where=str(path), default=name),
        cards=read_cards(table, suite=name, path=path, folder=None if shipped else path.parent),
    )


def _read_toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SuiteError(f"the suite file {path} does not exist; check the path") from None
    except OSError as error:
        raise SuiteError(f"the suite file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SuiteError(
            f"the suite file {path} is not UTF-8 text (byte {error.start}); save it as UTF-8"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise SuiteError(f"the suite file {path} is not valid TOML: {error}") from error
