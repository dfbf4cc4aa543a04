"""`python -m stream.run`: a stream of tasks, learned one by one, with proof that none was forgotten."""

import argparse
import shlex
import sys
from collections.abc import Sequence

from db import ConflictError, LedgerError, UsageError
from stream.commands import EXIT_DAMAGE, EXIT_DONE, EXIT_INTERRUPTED, EXIT_USER, heed_interrupts, report_error
from stream.comparisons import ProofStatus
from stream.coverage import FULL
from stream.display import open_display
from stream.errors import RunInterrupted, StreamError, UserError
from stream.options import add_stream_options, add_training_options, configurations_of
from stream.place_options import add_place_options, place_of, resume_command
from stream.reports.seeds import seed_lines
from stream.results import RunResults
from stream.seeds import seed_rows
from stream.sessions import run_sessions
from tasks import TaskError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = parser().parse_args(given)
    heed_interrupts()
    try:
        results = run_sessions(
            configurations_of(options, options.reevaluate),
            place_of(options),
            lambda: open_display(options.display),
        )
    except RunInterrupted as interruption:
        command = resume_command("stream.run", parser(), given, interruption.name)
        print(f"interrupted; everything done so far is saved. Go on with:\n  {command}", file=sys.stderr)
        return EXIT_INTERRUPTED
    except KeyboardInterrupt:
        print("interrupted before anything was started", file=sys.stderr)
        return EXIT_INTERRUPTED
    except (UserError, TaskError, UsageError, ConflictError) as error:
        return report_error(error, EXIT_USER)
    except (StreamError, LedgerError) as error:
        return report_error(error, EXIT_DAMAGE)
    print_seeds(results, options.db)
    return exit_code(results)


def print_seeds(results: Sequence[RunResults], database: str) -> None:
    """Print the summary over seeds, where there are several, and where its files come from."""
    rows = seed_rows(results)
    for line in seed_lines(rows):
        print(line)
    if rows:
        names = ",".join(one.run.name for one in results)
        print(f"as files: python -m stream.compare --db {shlex.quote(database)} --runs {shlex.quote(names)}")


def exit_code(results: Sequence[RunResults]) -> int:
    """1 only where a method that promises isolation forgot."""
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
