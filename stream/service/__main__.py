"""`python -m stream.service`: how long tasks would wait at a training service with a recorded run's times.

The database is opened read-only and nothing is trained: the simulated clock jumps from event to event.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from db.storage.files import require_run
from stream.commands.command import print_lines, run_command
from stream.process import EXIT_DONE, heed_interrupts
from stream.results.folder import reports_folder
from stream.service.names import DEFAULT_JOBS, DEFAULT_REPLICATIONS, FEWEST_JOBS, Expected, Policy


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    return run_command(partial(_service, parser().parse_args(arguments)))


def _service(options: argparse.Namespace) -> int:
    require_run(options.db, options.run)
    from db import Database

    with Database.open(options.db, read_only=True) as database:
        ledger = database.ledger(options.run)
        from stream.service.markdown import service_lines
        from stream.service.recorded_times import recorded_times
        from stream.service.work import report_of
        from stream.service.write import write_service_reports

        heed_interrupts()
        times = recorded_times(
            ledger, expected=Expected(options.expected), with_reevaluation=options.reevaluation
        )
        report = report_of(options, ledger, times)
    out = options.out or reports_folder(options.run) / "service"
    write_service_reports(report, out)
    print_lines((*service_lines(report), f"reports: {out}"))
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
        choices=[*map(str, Expected)],
        default=Expected.TOKENS.value,
        help="what shortest-first and fair-share know of a task beforehand; default: tokens",
    )
    service.add_argument(
        "--reevaluation", action="store_true", help="add the time of re-evaluating all earlier tasks"
    )
    return made


if __name__ == "__main__":
    sys.exit(main())
