"""`python -m stream.run`: a stream of tasks, learned one by one, with proof that none was forgotten."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from db.storage.files import require_place
from stream.commands.command import print_lines, run_command
from stream.commands.options import add_stream_options, add_training_options, configurations_of
from stream.commands.place import add_place_options, place_of, resume_command
from stream.process import EXIT_DAMAGE, EXIT_DONE, heed_interrupts
from stream.results.coverage import FULL

if TYPE_CHECKING:
    from stream.results.run_results import RunResults


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = parser().parse_args(given)
    return run_command(
        partial(_run, options),
        interrupted="interrupted before anything was started",
        resume=lambda name: resume_command("stream.run", parser(), given, name),
    )


def _run(options: argparse.Namespace) -> int:
    require_place(options.db, options.name)
    configurations = configurations_of(options, options.reevaluate)
    from stream.display import open_display
    from stream.engine.several import run_sessions
    from stream.report import leave_reports

    heed_interrupts()
    results = run_sessions(
        configurations, place_of(options), lambda: open_display(options.display), leave_reports
    )
    print_seeds(results, options.db)
    return exit_code(results)


def print_seeds(results: Sequence["RunResults"], database: str) -> None:
    """Print the summary over seeds, where there are several, and where its files come from."""
    from stream.compare.report.seeds import seed_lines
    from stream.compare.seeds import seed_rows

    rows = seed_rows(results)
    print_lines(seed_lines(rows))
    if rows:
        names = ",".join(one.run.name for one in results)
        print_lines(
            [f"as files: python -m stream.compare --db {shlex.quote(database)} --runs {shlex.quote(names)}"]
        )


def exit_code(results: Sequence["RunResults"]) -> int:
    """1 only where a method that promises isolation forgot."""
    from stream.results.comparisons import ProofStatus

    forgot = any(result.proof.status is ProofStatus.FORGOTTEN and result.run.isolated for result in results)
    return EXIT_DAMAGE if forgot else EXIT_DONE


def parser() -> argparse.ArgumentParser:
    """All options with their defaults."""
    made = argparse.ArgumentParser(prog="python -m stream.run", description=__doc__)
    add_stream_options(made)
    add_training_options(made)
    proof = made.add_argument_group("what is proven")
    proof.add_argument(
        "--reevaluate",
        default=FULL,
        metavar="full|sample:P|digest",
        help="after each arrival, evaluate every earlier task again (full, the default and the proof), a "
        "random share P of them (sample:P), or none (digest); of the others the stored bytes are hashed",
    )
    add_place_options(
        made,
        default_name="SUITE-METHOD-PRESET",
        displays=["dashboard", "plain", "quiet"],
        auto="the dashboard on a terminal, plain lines elsewhere",
    )
    return made


if __name__ == "__main__":
    sys.exit(main())
