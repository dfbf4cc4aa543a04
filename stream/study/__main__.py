"""`python -m stream.study NAME`: the paper's studies, on tasks of one's own choice.

Each study resumes where it was stopped, trains nothing that the database holds already, and leaves CSV files
and figures (PNG and SVG) in its folder.
"""

import argparse
import sys
from collections.abc import Sequence

from db.storage.files import require_place, require_run
from stream.commands.command import print_lines, run_command
from stream.commands.place import resume_command
from stream.process import EXIT_DONE
from stream.study.ablation.command import ABLATION
from stream.study.command import StudyCommand
from stream.study.latency.command import LATENCY
from stream.study.training.command import TRAINING_STUDIES

COMMANDS = (*TRAINING_STUDIES, ABLATION, LATENCY)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = parser().parse_args(given)
    command = next(command for command in COMMANDS if command.name == options.study)
    return run_command(
        lambda: _study(command, options),
        interrupted="interrupted; everything done so far is saved, the same command goes on",
        resume=lambda name: resume_command("stream.study", parser(), given, name),
    )


def _study(command: StudyCommand, options: argparse.Namespace) -> int:
    if "run" in options:
        require_run(options.db, options.run)
    else:
        require_place(options.db, options.name)
    print_lines(command.run(options))
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
