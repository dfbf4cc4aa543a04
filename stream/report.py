"""`python -m stream.report`: write the reports of a recorded run again, or list the runs of a database."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from db.records.runs import Regime, RunRecord
from db.storage.files import require_run
from stream.commands.command import print_lines, run_command
from stream.process import EXIT_DONE, heed_interrupts
from stream.results.coverage import coverage_of
from stream.results.folder import reports_folder

if TYPE_CHECKING:
    from db import Database
    from stream.reports.section import Section
    from stream.results.run_results import RunResults


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m stream.report", description=__doc__)
    parser.add_argument(
        "--db", default="sqlite:///runs.db", help="a file or a URL; default: sqlite:///runs.db"
    )
    parser.add_argument("--run", help="name of the run; without it the runs are listed")
    parser.add_argument("--out", type=Path, help="folder of the reports; default: runs/NAME")
    return run_command(
        partial(_report, parser.parse_args(arguments)),
        interrupted="interrupted; a file is written whole or not at all",
    )


def _report(options: argparse.Namespace) -> int:
    require_run(options.db, options.run)
    from db import Database

    with Database.open(options.db, read_only=True) as database:
        if options.run:
            lines = _written(database, options.run, options.out or reports_folder(options.run))
        else:
            lines = _listed(database.runs())
    print_lines(lines)
    return EXIT_DONE


def _written(database: "Database", name: str, out: Path) -> tuple[str, ...]:
    """Write the reports; what they say of stored bytes is checked first."""
    ledger = database.ledger(name)
    from stream.results.run_results import load_intact_results

    heed_interrupts()
    return leave_reports(database, load_intact_results(ledger), out)


def leave_reports(database: "Database", results: "RunResults", out: Path) -> tuple[str, ...]:
    """Write everything that a run leaves into `out`, whatever kind it is; return its last lines.

    Raises:
        UserError: the folder cannot be made or written.
        DamageError: a row cannot be read.
    """
    from stream.engine.forecast import bert_base_growth
    from stream.reports.run import last_lines, write_reports
    from stream.study.latency.text import latency_lines
    from stream.study.latency.values import is_latency_study, load_latencies
    from stream.study.latency.write import write_latency_reports
    from stream.study.training.results import is_training_study
    from stream.study.training.write import leave_study

    run = results.run
    if is_latency_study(run):
        latencies, folder = load_latencies(database.ledger(run.name)), out / "studies"
        write_latency_reports(latencies, folder)
        return (*latency_lines(latencies), f"reports: {folder}")
    if is_training_study(run):
        return leave_study(database, results, out)
    growth, sections = bert_base_growth(results), tuple(_sections(database, run, out))
    write_reports(results, out, bert_base_growth=growth, sections=sections)
    return (*last_lines(results, bert_base_growth=growth, sections=sections), f"reports: {out}")


def _sections(database: "Database", run: RunRecord, out: Path) -> Iterator["Section"]:
    """What studies bring to the reports of a run; an ablation leaves files of its own beside."""
    from stream.study.ablation.section import ablation_section
    from stream.study.ablation.values import load_ablations
    from stream.study.ablation.write import write_ablation_reports
    from stream.study.training.page import studies_section
    from stream.study.training.results import studies_beside

    if ablations := load_ablations(database.ledger(run.name)):
        write_ablation_reports(run, ablations, out / "studies")
        yield ablation_section(ablations)
    if studies := studies_beside(database, run):
        yield studies_section(studies)


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
