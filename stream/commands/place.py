"""Where a run or a study is kept and shown: the options, what they mean, and the command that goes on."""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from stream.engine.configuration import Place
from tasks.sources.homes import resolve_home


def add_place_options(
    parser: argparse.ArgumentParser, *, default_name: str, displays: Sequence[str], auto: str
) -> None:
    """Add the options of database, name, resuming, folder and display.

    Args:
        parser: of the command.
        default_name: how a run is called that was given no name.
        displays: the displays there are beside `auto`.
        auto: what `auto` is, for the help.
    """
    where = parser.add_argument_group("where it is kept and shown")
    where.add_argument(
        "--db", default="sqlite:///runs.db", help="a file or a URL; default: sqlite:///runs.db"
    )
    where.add_argument("--name", help=f"name of the run; default: {default_name}")
    where.add_argument(
        "--train-again",
        action="store_true",
        help="train what the database holds already; by default it is taken over",
    )
    where.add_argument("--resume", action="store_true", help="go on with the run of that name")
    where.add_argument("--out", type=Path, help="folder of the reports; default: runs/NAME")
    where.add_argument("--display", choices=["auto", *displays], default="auto", help=f"auto: {auto}")


def place_of(options: argparse.Namespace) -> Place:
    """Where the run is kept and shown; `--device` and `--data-home` belong to it."""
    return Place(
        database=options.db,
        data_home=resolve_home(options.data_home),
        name=options.name,
        resume=options.resume,
        out=options.out,
        device=options.device,
        reuse=not options.train_again,
    )


def resume_command(module: str, parser: argparse.ArgumentParser, given: Sequence[str], name: str) -> str:
    """The command that goes on with an interrupted run.

    Args:
        module: what `python -m` runs.
        parser: of its command line.
        given: its arguments.
        name: of the run that was interrupted.
    """
    options = parser.parse_args(given)
    named = [] if options.name == name else ["--name", name]
    resumed = [] if options.resume else ["--resume"]
    return f"python -m {module} {shlex.join([*given, *named, *resumed])}"
