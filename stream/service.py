"""`python -m stream.service`: how long tasks would wait at a training service with a recorded run's times.

The database is opened read-only and nothing is trained: the simulated clock jumps from event to event.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from db import Database, Ledger, LedgerError, UsageError
from stream.commands import EXIT_DAMAGE, EXIT_DONE, EXIT_INTERRUPTED, EXIT_USER, heed_interrupts, report_error
from stream.errors import StreamError, UserError
from stream.queueing.policies import Policy
from stream.queueing.study import outcome_of
from stream.recorded_times import Expected, RecordedTimes, recorded_times
from stream.reports.service_markdown import service_lines
from stream.reports.service_report import ServiceReport
from stream.reports.service_write import write_service_reports
from stream.service_options import DEFAULT_JOBS, DEFAULT_REPLICATIONS, FEWEST_JOBS, settings_from, study_from

EXPECTED_TEXTS = {
    Expected.TOKENS: "the training tokens of all epochs",
    Expected.SIZE: "the number of training examples",
    Expected.MEASURED: "the measured time itself, which nobody knows beforehand",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    options = parser().parse_args(arguments)
    heed_interrupts()
    try:
        with Database.open(options.db, read_only=True) as database:
            ledger = database.ledger(options.run)
            times = recorded_times(
                ledger, expected=Expected(options.expected), with_reevaluation=options.reevaluation
            )
            report = report_of(options, ledger, times)
        out = options.out or Path("runs") / options.run / "service"
        write_service_reports(report, out)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except (UserError, UsageError) as error:
        return report_error(error, EXIT_USER)
    except (StreamError, LedgerError) as error:
        return report_error(error, EXIT_DAMAGE)
    for line in (*service_lines(report), f"reports: {out}"):
        print(line)
    return EXIT_DONE


def parser() -> argparse.ArgumentParser:
    """Return the command line of `python -m stream.service`."""
    made = argparse.ArgumentParser(prog="python -m stream.service", description=__doc__)
    made.add_argument("--db", default="sqlite:///runs.db", metavar="URL", help="default: sqlite:///runs.db")
    made.add_argument("--run", required=True, metavar="NAME", help="the recorded run")
    made.add_argument("--out", type=Path, metavar="DIR", help="default: runs/NAME/service")
    stream = made.add_argument_group("what arrives")
    stream.add_argument(
        "--arrivals",
        required=True,
        help="all-at-once, every:SECONDS, poisson:RATE_PER_HOUR or trace:FILE (CSV: task, time_seconds, "
        "customer, priority)",
    )
    stream.add_argument("--repeat", metavar="N", help="so many tasks, drawn from the recorded ones")
    stream.add_argument("--rates", help="arrivals per hour to compare, such as 4,8,12")
    stream.add_argument("--loads", help="loads per worker to compare, such as 0.5,0.7,0.9")
    stream.add_argument("--seed", default="0")
    stream.add_argument(
        "--replications",
        metavar="N",
        help=f"independent streams; default: {DEFAULT_REPLICATIONS}, or as many as have {FEWEST_JOBS:,} to "
        f"{DEFAULT_JOBS:,} tasks in all",
    )
    stream.add_argument("--warm-up", default="0", metavar="N", help="first arrivals that are not counted")
    service = made.add_argument_group("how it is served; several values, separated by commas, are compared")
    service.add_argument("--workers", default="1", help="default: 1")
    service.add_argument("--policy", default=Policy.FIRST_COME.value, help=f"{', '.join(Policy)}")
    service.add_argument(
        "--expected",
        choices=list(Expected),
        default=Expected.TOKENS,
        help="what shortest-first and fair-share know of a task beforehand; default: tokens",
    )
    service.add_argument(
        "--reevaluation", action="store_true", help="add the time of re-evaluating all earlier tasks"
    )
    return made


def report_of(options: argparse.Namespace, ledger: Ledger, times: RecordedTimes) -> ServiceReport:
    """Simulate what the options ask for.

    Raises:
        UserError: an option's value is not allowed, or options contradict each other.
    """
    study = study_from(options, times.tasks)
    shown, *compared = settings_from(options, times.tasks, study.trace)
    outcomes = {setting: outcome_of(study, setting) for setting in (shown, *compared)}
    environment = ledger.run().environment
    return ServiceReport(
        run=options.run,
        device=str(environment.get("device_model", environment.get("device", "an unknown machine"))),
        times="training and re-evaluation" if options.reevaluation else "training",
        expected=EXPECTED_TEXTS[Expected(options.expected)],
        study=study,
        base=outcomes[shown],
        sweep=tuple(outcomes[setting] for setting in compared),
        notes=(*times.notes, *_study_notes(options, ledger)),
    )


def _study_notes(options: argparse.Namespace, ledger: Ledger) -> Iterator[str]:
    """What has to be known about these options with this run."""
    patience = ledger.run().configuration.get("recipe", {}).get("patience")
    if options.expected == Expected.TOKENS and patience is not None:
        yield "training could stop early, so its tokens were not fully known beforehand"
    if options.reevaluation and options.repeat:
        yield (
            "re-evaluating takes longer with every task that was learned; times drawn from the recorded run "
            "are too short for a longer stream"
        )


if __name__ == "__main__":
    sys.exit(main())
