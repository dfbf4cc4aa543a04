"""`python -m stream.compare`: several runs of a database side by side, in the layout of the paper's Table 2.

The database is opened read-only. Without --runs all finished runs are compared. Exit code 1 says that a
method which promises isolation forgot, or that something stored is damaged.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from db.storage.files import require_run
from stream.commands.command import print_lines, run_command
from stream.errors import UserError
from stream.process import heed_interrupts


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m stream.compare", description=__doc__)
    parser.add_argument(
        "--db", default="sqlite:///runs.db", help="a file or a URL; default: sqlite:///runs.db"
    )
    parser.add_argument("--runs", help="names of runs, separated by commas; default: all finished ones")
    parser.add_argument("--out", type=Path, default=Path("compare"), help="default: compare")
    return run_command(
        partial(_compare, parser.parse_args(arguments)),
        interrupted="interrupted; a file is written whole or not at all",
    )


def _compare(options: argparse.Namespace) -> int:
    names = None if options.runs is None else named_runs(options.runs)
    for name in names or (None,):
        require_run(options.db, name)
    from db import Database

    with Database.open(options.db, read_only=True) as database:
        from stream.compare.comparing import compare, exit_code

        heed_interrupts()
        table, lines = compare(database, names, options.out)
    print_lines((*lines, f"comparison: {options.out}"))
    return exit_code(table)


def named_runs(text: str) -> tuple[str, ...]:
    """Return the names in a list separated by commas.

    Raises:
        UserError: it is empty, or names a run twice.
    """
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"--runs names {', '.join(twice)} twice; name each run once.")
    if not names:
        raise UserError("--runs names no run; give names separated by commas.")
    return names


if __name__ == "__main__":
    sys.exit(main())
