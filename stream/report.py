"""`python -m stream.report`: write the reports of a recorded run again, or list the runs of a database."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from db import Database, LedgerError, UsageError
from db.records import Regime, RunRecord
from stream.commands import EXIT_DAMAGE, EXIT_DONE, EXIT_INTERRUPTED, EXIT_USER, heed_interrupts, report_error
from stream.coverage import coverage_of
from stream.errors import StreamError, UserError
from stream.reporting import leave_reports
from stream.results import load_intact_results


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m stream.report", description=__doc__)
    parser.add_argument("--db", default="sqlite:///runs.db", help="default: sqlite:///runs.db")
    parser.add_argument("--run", help="name of the run; without it the runs are listed")
    parser.add_argument("--out", type=Path, help="folder of the reports; default: runs/NAME")
    options = parser.parse_args(arguments)
    heed_interrupts()
    try:
        with Database.open(options.db, read_only=True) as database:
            lines = _report(database, options.run, options.out) if options.run else _listed(database.runs())
    except KeyboardInterrupt:
        print("interrupted; a file is written whole or not at all", file=sys.stderr)
        return EXIT_INTERRUPTED
    except (UserError, UsageError) as error:
        return report_error(error, EXIT_USER)
    except (StreamError, LedgerError) as error:
        return report_error(error, EXIT_DAMAGE)
    for line in lines:
        print(line)
    return EXIT_DONE


def _report(database: Database, name: str, out: Path | None) -> tuple[str, ...]:
    """Write the reports; what they say of stored bytes is checked first."""
    results = load_intact_results(database.ledger(name))
    return leave_reports(database, results, out or Path("runs") / name)


def _listed(runs: Sequence[RunRecord]) -> tuple[str, ...]:
    """One aligned line per run."""
    if not runs:
        return ("the database holds no runs yet",)
    head = ("run", "status", "suite", "method", "backbone", "tasks", "re-evaluation", "started (UTC)")
    rows = [
        (
            run.name,
            run.status.value,
            run.suite,
            run.method,
            run.backbone,
            str(len(run.task_names)),
            coverage_of(run).text if run.regime is Regime.STREAM else "",
            f"{run.created_at:%Y-%m-%d %H:%M}",
        )
        for run in runs
    ]
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    return tuple(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    )


if __name__ == "__main__":
    sys.exit(main())
