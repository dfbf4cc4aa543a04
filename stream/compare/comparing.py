"""A comparison made and written: the work behind `python -m stream.compare`."""

from collections.abc import Sequence
from pathlib import Path

from db import Database
from db.records import Regime, RunRecord, RunStatus
from stream.compare.report import plain_lines, write_method_reports
from stream.compare.report.definitions import groups_note
from stream.compare.report.layout import grid_of
from stream.compare.report.plain import wrapped
from stream.compare.report.seeds import seed_lines
from stream.compare.seeds import seed_rows
from stream.compare.table import MethodTable
from stream.compare.tabulation import method_table
from stream.errors import UserError
from stream.process import EXIT_DAMAGE, EXIT_DONE
from stream.results.run_results import load_intact_results
from stream.study.ablation.text import ablations_text
from stream.study.ablation.values import load_ablations
from stream.study.latency.text import latency_summaries
from stream.study.latency.values import is_latency_study, load_latencies
from stream.study.training.results import is_training_study, load_study
from stream.study.training.text import study_summaries


def compare(
    database: Database, names: Sequence[str] | None, out: Path
) -> tuple[MethodTable, tuple[str, ...]]:
    """Compare the named runs, or all finished ones; write the reports and return the table and its lines.

    Raises:
        UserError: there is nothing to compare, or the folder cannot be written.
        DamageError: something stored is not what was recorded.
    """
    left_out: tuple[str, ...] = ()
    if names is None:
        names, left_out = finished_runs(database.runs())
    names, studied = studies_apart(database, names)
    table = method_table([load_intact_results(database.ledger(name)) for name in names])
    write_method_reports(table, out)
    several = seed_lines(seed_rows([column.results for column in table.columns]))
    beside = (*ablation_lines(database, names), *studied)
    apart = (*wrapped(note), "") if (note := groups_note(table)) else ()
    return table, (*apart, *plain_lines(grid_of(table), table.notes), *several, *beside, *left_out)


def ablation_lines(database: Database, names: Sequence[str]) -> tuple[str, ...]:
    """A line for each run whose adapters were removed by way of trial."""
    found = {name: load_ablations(database.ledger(name)) for name in names}
    return tuple(f"ablation of {name}: {ablations_text(some)}" for name, some in found.items() if some)


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
