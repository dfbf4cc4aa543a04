"""The reports of a run, whatever kind of run it is: a stream, a study that trains, or one of latencies."""

from pathlib import Path

from db import Database
from stream.latencies import is_latency_study, load_latencies
from stream.model.forecast import bert_base_growth
from stream.reports import last_lines, write_reports
from stream.reports.latency.text import latency_lines
from stream.reports.latency.write import write_latency_reports
from stream.reports.studies import study_lines, write_study_reports
from stream.results import RunResults
from stream.study_results import is_training_study, load_study, studies_beside


def leave_reports(database: Database, results: RunResults, out: Path) -> tuple[str, ...]:
    """Write everything that the run leaves into `out`; return its last lines for the terminal.

    Raises:
        UserError: the folder cannot be made or written.
        DamageError: a row cannot be read.
    """
    run = results.run
    if is_latency_study(run):
        latencies, folder = load_latencies(database.ledger(run.name)), out / "studies"
        write_latency_reports(latencies, folder)
        return (*latency_lines(latencies), f"reports: {folder}")
    if is_training_study(run):
        study = load_study(database.ledger(run.name))
        write_study_reports(study, out)
        return (*study_lines(study), f"reports: {out}")
    growth = bert_base_growth(results)
    write_reports(results, out, bert_base_growth=growth, studies=studies_beside(database, run))
    return (*last_lines(results, bert_base_growth=growth), f"reports: {out}")
