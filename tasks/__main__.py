"""`python -m tasks` lists the suites; `python -m tasks SUITE` shows where each task's data would come from.

`python -m tasks check SUITE` looks into the data, `python -m tasks init DATA` writes a first suite file.
Plain text, at most 100 columns; nothing is read but file names, checksums and one answer per host. A mistake
is answered with exit code 2 and one sentence on standard error.
"""

import argparse
import os
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from tasks.card import TaskCard
from tasks.checking.check import check
from tasks.drafting.init import init
from tasks.errors import TaskError
from tasks.sources.availability import Availability, DataMode, availability
from tasks.sources.network import Network
from tasks.splits import SplitSizes, paper_sizes
from tasks.suites.suite import Suite, open_suite, shipped_suites
from tasks.task import DataStatus

WIDTH = 100
HEADER = ("", "task", "data", "from", "train/valid/test", "the paper's", "classes")


def main(arguments: Sequence[str] | None = None, *, network: Network | None = None) -> int:
    """Run the command; returns the exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        if given[:1] == ["check"]:
            return check(given[1:], network=network)
        if given[:1] == ["init"]:
            return init(given[1:])
        options = _parser().parse_args(given)
        if options.suite is None:
            lines = suites_lines()
        else:
            home = Path(options.data_home) if options.data_home else None
            lines = suite_lines(
                open_suite(options.suite),
                home=home,
                mode=DataMode(options.data),
                network=network or Network(),
            )
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
    except TaskError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tasks",
        description="Show suites and where their data comes from.",
        epilog="further commands, each with --help: check SUITE (look into the data before anything is "
        "trained), init DATA.csv|FOLDER (write a first suite file)",
    )
    parser.add_argument("suite", nargs="?", help="a shipped suite, or the path of a suite file (.toml)")
    parser.add_argument(
        "--data", choices=list(DataMode), default="auto", help="which data is wanted (default: auto)"
    )
    parser.add_argument(
        "--data-home", metavar="DIR", help="folder with the data files (default: STREAM_DATA)"
    )
    return parser


def suites_lines() -> list[str]:
    """The shipped suites, one line each, and how to see more."""
    suites = [open_suite(name) for name in shipped_suites()]
    width = max(len(suite.name) for suite in suites)
    return [
        *(f"{suite.name:{width}}  {_count(suite)}: {suite.title}" for suite in suites),
        f"show one: python -m tasks {suites[0].name} [--data-home DIR]",
    ]


def _count(suite: Suite) -> str:
    return "1 task" if len(suite.cards) == 1 else f"{len(suite.cards)} tasks"


def suite_lines(suite: Suite, *, home: Path | None, mode: DataMode, network: Network) -> list[str]:
    """Every task of the suite as a table, then the notes and the sources."""
    found = [availability(card, home, mode, network=network) for card in suite.cards]
    rows = [
        _row(number, card, where)
        for number, (card, where) in enumerate(zip(suite.cards, found, strict=True), start=1)
    ]
    counts = ", ".join(
        f"{sum(where.status is status for where in found)} {status}"
        for status in DataStatus
        if any(where.status is status for where in found)
    )
    return [
        f"{suite.name}: {suite.title}",
        "",
        *_table([HEADER, *rows]),
        "",
        f"{len(found)} tasks: {counts}. Sizes as the card expects them; loading a task notes differences.",
        "Classes: where the paper has another number, file/paper.",
        *_section(
            "Notes", {card.name: _notes(card, where) for card, where in zip(suite.cards, found, strict=True)}
        ),
        *_section("Sources", {card.name: _source(card) for card in suite.cards}),
    ]


def _notes(card: TaskCard, where: Availability) -> tuple[str, ...]:
    """The card's caveats are about the real data only."""
    return where.notes if where.status is DataStatus.SIMULATED else (*card.notes, *where.notes)


def _source(card: TaskCard) -> tuple[str, ...]:
    """A thousand simulated tasks come from nowhere."""
    return () if card.simulation is not None else (card.source, f"licence: {card.licence}")


def _row(number: int, card: TaskCard, where: Availability) -> tuple[str, ...]:
    return (
        str(number),
        card.name,
        where.status,
        where.origin,
        _sizes(_expected_sizes(card, where.status)),
        _sizes(_paper_sizes(card)),
        _classes(card),
    )


def _expected_sizes(card: TaskCard, status: DataStatus) -> SplitSizes | None:
    """Sizes by the card; a stand-in has the paper's where there are any, a simulated stream its own."""
    if (made := card.simulation) is not None:
        return SplitSizes(num_train=made.num_train, num_valid=made.num_valid, num_test=made.num_test)
    if status is DataStatus.SIMULATED and card.paper is not None:
        return _paper_sizes(card)
    return None if card.num_rows is None or len(card.given) > 1 else paper_sizes(card.num_rows)


def _paper_sizes(card: TaskCard) -> SplitSizes | None:
    paper = card.paper
    if paper is None:
        return None
    return SplitSizes(num_train=paper.num_train, num_valid=paper.num_valid, num_test=paper.num_test)


def _classes(card: TaskCard) -> str:
    if card.num_labels is None:
        return "-" if card.paper is None else str(card.paper.num_labels)
    if card.paper is None or card.paper.num_labels == card.num_labels:
        return str(card.num_labels)
    return f"{card.num_labels}/{card.paper.num_labels}"


def _sizes(sizes: SplitSizes | None) -> str:
    return "-" if sizes is None else f"{sizes.num_train}/{sizes.num_valid}/{sizes.num_test}"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell: numbers to the right, words to the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    right = {0, 4, 5, 6}
    return [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _section(title: str, sentences: dict[str, tuple[str, ...]]) -> list[str]:
    """A heading and one wrapped paragraph per task that has something to say; equal ones are said once."""
    tasks_of: dict[str, list[str]] = {}
    for name, spoken in sentences.items():
        if spoken:
            tasks_of.setdefault("; ".join(spoken), []).append(name)
    paragraphs = (
        textwrap.fill(
            f"{', '.join(names)}: {spoken}",
            WIDTH,
            break_on_hyphens=False,
            initial_indent="  ",
            subsequent_indent="    ",
        )
        for spoken, names in tasks_of.items()
    )
    lines = [line for paragraph in paragraphs for line in paragraph.splitlines()]
    return ["", title, *lines] if lines else []


if __name__ == "__main__":
    sys.exit(main())
