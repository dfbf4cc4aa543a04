"""`python -m stream.compare`: several runs of a database side by side, in the layout of the paper's Table 2.

The database is opened read-only. Without --runs all finished runs are compared. Exit code 1 says that a
method which promises isolation forgot, or that something stored is damaged.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from db import Database, LedgerError, UsageError
from db.records import Regime, RunRecord, RunStatus
from stream.commands import EXIT_DAMAGE, EXIT_DONE, EXIT_INTERRUPTED, EXIT_USER, heed_interrupts, report_error
from stream.errors import StreamError, UserError
from stream.latencies import is_latency_study, load_latencies
from stream.method_table import MethodTable
from stream.reports.ablation.text import ablations_text
from stream.reports.latency.text import latency_summaries
from stream.reports.methods import plain_lines, write_method_reports
from stream.reports.methods.definitions import groups_note
from stream.reports.methods.layout import grid_of
from stream.reports.methods.plain import wrapped
from stream.reports.seeds import seed_lines
from stream.reports.studies import study_summaries
from stream.results import load_intact_results
from stream.seeds import seed_rows
from stream.study_results import is_training_study, load_study
from stream.tabulation import method_table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m stream.compare", description=__doc__)
    parser.add_argument("--db", default="sqlite:///runs.db", help="default: sqlite:///runs.db")
    parser.add_argument("--runs", help="names of runs, separated by commas; default: all finished ones")
    parser.add_argument("--out", type=Path, default=Path("compare"), help="default: compare")
    options = parser.parse_args(arguments)
    heed_interrupts()
    try:
        with Database.open(options.db, read_only=True) as database:
            left_out: tuple[str, ...] = ()
            if options.runs is None:
                names, left_out = finished_runs(database.runs())
            else:
                names = named_runs(options.runs)
            names, studied = studies_apart(database, names)
            table = method_table([load_intact_results(database.ledger(name)) for name in names])
        write_method_reports(table, options.out)
    except KeyboardInterrupt:
        print("interrupted; a file is written whole or not at all", file=sys.stderr)
        return EXIT_INTERRUPTED
    except (UserError, UsageError) as error:
        return report_error(error, EXIT_USER)
    except (StreamError, LedgerError) as error:
        return report_error(error, EXIT_DAMAGE)
    several = seed_lines(seed_rows([column.results for column in table.columns]))
    beside = (*ablation_lines(table), *studied)
    apart = (*wrapped(note), "") if (note := groups_note(table)) else ()
    lines = (*apart, *plain_lines(grid_of(table), table.notes), *several, *beside, *left_out)
    for line in (*lines, f"comparison: {options.out}"):
        print(line)
    return exit_code(table)


def ablation_lines(table: MethodTable) -> tuple[str, ...]:
    """A line for each run whose adapters were removed by way of trial."""
    runs = (column.results for column in table.columns)
    return tuple(f"ablation of {r.run.name}: {ablations_text(r.ablations)}" for r in runs if r.ablations)


def exit_code(table: MethodTable) -> int:
    """1 where a run failed its promise: an isolated method forgot, or joint training was not restored."""
    return EXIT_DAMAGE if any(column.proof == "failed" for column in table.columns) else EXIT_DONE


def studies_apart(database: Database, names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names that are no studies, and lines on the studies among the others.

    Raises:
        UserError: there are only studies.
    """
    ledgers = {name: database.ledger(name) for name in names}
    runs = {name: ledger.run() for name, ledger in ledgers.items()}
    streams = tuple(name for name in names if runs[name].regime is not Regime.STUDY)
    if not streams:
        raise UserError(
            f"{', '.join(names)}: only studies, which have no tasks that arrive; write their reports with "
            "python -m stream.report, or name a run beside them."
        )
    trained = [load_study(ledgers[name]) for name in names if is_training_study(runs[name])]
    timed = [load_latencies(ledgers[name]) for name in names if is_latency_study(runs[name])]
    return streams, (*study_summaries(trained), *latency_summaries(timed))


def finished_runs(runs: Sequence[RunRecord]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the finished runs, and a line for each run that is left out.

    Raises:
        UserError: none is finished.
    """
    names = tuple(run.name for run in runs if run.status is RunStatus.FINISHED)
    others = [run for run in runs if run.status is not RunStatus.FINISHED]
    if not names:
        shown = ", ".join(f"{run.name} ({run.status.value})" for run in others) or "it holds none"
        raise UserError(
            f"No run of the database is finished: {shown}; "
            "finish one with --resume, or name runs with --runs."
        )
    lines = tuple(f"left out: {run.name} is {run.status.value}; name it with --runs" for run in others)
    return names, lines


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
