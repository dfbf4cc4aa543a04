"""Watch a run from another terminal: `python -m stream.watch --db URL --run NAME`.

The database is opened read-only and every look is a few short reads, so a watcher neither blocks a run nor
lets its log grow.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from db.storage.files import require_run
from stream.commands.command import run_command
from stream.errors import UserError
from stream.process import EXIT_DONE, heed_interrupts

if TYPE_CHECKING:
    from db import Database
    from stream.display import DisplayKind

SECONDS_BETWEEN_LOOKS = 1.0


def latest_run(database: "Database", name: str | None) -> str:
    """Return the run to watch: the named one, or the one that was created last.

    Raises UserError where the database holds no runs.
    """
    if name is not None:
        return name
    names = database.run_names()
    if not names:
        raise UserError("the database holds no runs yet; start one with python -m stream.run")
    return names[-1]


def parser() -> argparse.ArgumentParser:
    """Return the command line of `python -m stream.watch`."""
    result = argparse.ArgumentParser(
        prog="python -m stream.watch",
        description="Watch a run from another terminal; the database is only read.",
    )
    result.add_argument("--db", default="sqlite:///runs.db", metavar="URL", help="default: %(default)s")
    result.add_argument("--run", metavar="NAME", help="default: the run that was created last")
    result.add_argument("--once", action="store_true", help="print one picture and exit")
    result.add_argument("--display", choices=("auto", "dashboard", "plain"), default="auto")
    return result


def watch(database: "Database", name: str, *, once: bool, display: "DisplayKind") -> None:
    """Show the run, once or until it ends. Raises UnknownRunError where there is none of that name."""
    ledger = database.ledger(name)
    run = ledger.run()
    from stream.display import open_display, print_picture
    from stream.engine.following import follow
    from stream.results.run_results import load_results
    from stream.study.latency.text import latency_lines
    from stream.study.latency.values import is_latency_study, load_latencies
    from stream.study.training.results import is_training_study, load_study
    from stream.study.training.text import headline, study_lines

    heed_interrupts()  # a plain `kill` leaves the alternate screen as Ctrl-C does
    if is_latency_study(run):
        print("\n".join(latency_lines(load_latencies(ledger))))
        return
    is_study = is_training_study(run)
    if once and is_study:
        print("\n".join((headline(study := load_study(ledger)), *study_lines(study))))
        return
    if once:
        print_picture(load_results(ledger))
        return
    display = "plain" if is_study else display  # a study has no matrix to draw
    age = (datetime.now(UTC) - run.created_at).total_seconds()
    with open_display(display, elapsed_seconds=age) as shown:
        follow(ledger, shown, wait=lambda: time.sleep(SECONDS_BETWEEN_LOOKS))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    return run_command(partial(_watch, parser().parse_args(arguments)))


def _watch(options: argparse.Namespace) -> int:
    require_run(options.db, options.run)
    from db import Database

    with Database.open(options.db, read_only=True) as database:
        name = latest_run(database, options.run)
        watch(database, name, once=options.once, display=options.display)
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())
