"""`python -m stream.plan`: what a stream will cost, before anything is trained; nothing is downloaded."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from stream.commands import EXIT_DAMAGE, EXIT_DONE, EXIT_INTERRUPTED, EXIT_USER, heed_interrupts, report_error
from stream.errors import StreamError, UserError
from stream.options import add_stream_options, add_training_options, configurations_of
from stream.planning.planner import make_reports
from stream.planning.probe import PROBE_SECONDS
from stream.planning.text import plain_text, write_plans
from tasks import TaskError, resolve_home


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    options = parser().parse_args(arguments)
    heed_interrupts()
    try:
        configurations = configurations_of(options)
        first = configurations[0].seed  # every seed costs the same
        reports = make_reports(
            [one for one in configurations if one.seed == first],
            home=resolve_home(options.data_home),
            device_choice=options.device,
            probe_seconds=PROBE_SECONDS if options.probe else None,
        )
        if options.out is not None:
            write_plans(reports, options.out)
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        return EXIT_INTERRUPTED
    except (UserError, TaskError) as error:
        return report_error(error, EXIT_USER)
    except StreamError as error:
        return report_error(error, EXIT_DAMAGE)
    where = [] if options.out is None else [f"plan: {options.out}"]
    print("\n".join([*plain_text(reports), *where]))
    return EXIT_DONE


def parser() -> argparse.ArgumentParser:
    """All options with their defaults."""
    made = argparse.ArgumentParser(prog="python -m stream.plan", description=__doc__)
    add_stream_options(made)
    add_training_options(made)
    shown = made.add_argument_group("what is shown")
    shown.add_argument(
        "--probe",
        action=argparse.BooleanOptionalAction,
        default=True,
        help=f"train and evaluate for {PROBE_SECONDS:.0f} s a method to estimate the time; default: yes",
    )
    shown.add_argument("--out", type=Path, help="folder for plan.csv and plan.md; default: none is written")
    return made


if __name__ == "__main__":
    sys.exit(main())
