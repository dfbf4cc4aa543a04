"""`python -m stream.study NAME`: the paper's studies, on tasks of one's own choice.

Each study resumes where it was stopped, trains nothing that the database holds already, and leaves CSV files
and figures (PNG and SVG) in its folder.
"""

import argparse
import sys
from collections.abc import Sequence

from db import ConflictError, LedgerError, UsageError
from stream.commands import EXIT_DAMAGE, EXIT_DONE, EXIT_INTERRUPTED, EXIT_USER, heed_interrupts, report_error
from stream.errors import RunInterrupted, StreamError, UserError
from stream.place_options import resume_command
from stream.studies.ablation import ABLATION
from stream.studies.latency import LATENCY
from stream.studies.training import TRAINING_STUDIES
from tasks import TaskError

COMMANDS = (*TRAINING_STUDIES, ABLATION, LATENCY)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = parser().parse_args(given)
    command = next(command for command in COMMANDS if command.name == options.study)
    heed_interrupts()
    try:
        lines = command.run(options)
    except RunInterrupted as interruption:
        print(
            "interrupted; everything done so far is saved. Go on with:\n  "
            f"{resume_command('stream.study', parser(), given, interruption.name)}",
            file=sys.stderr,
        )
        return EXIT_INTERRUPTED
    except KeyboardInterrupt:
        print("interrupted; everything done so far is saved, the same command goes on", file=sys.stderr)
        return EXIT_INTERRUPTED
    except (UserError, TaskError, UsageError, ConflictError) as error:
        return report_error(error, EXIT_USER)
    except (StreamError, LedgerError) as error:
        return report_error(error, EXIT_DAMAGE)
    for line in lines:
        print(line)
    return EXIT_DONE


def parser() -> argparse.ArgumentParser:
    """All studies with their options."""
    made = argparse.ArgumentParser(prog="python -m stream.study", description=__doc__)
    names = made.add_subparsers(dest="study", required=True, metavar="NAME")
    for command in COMMANDS:
        command.add_options(names.add_parser(command.name, help=command.summary, description=command.summary))
    return made


if __name__ == "__main__":
    sys.exit(main())
