"""`python -m stream.plan`: what a stream will cost, before anything is trained; nothing is downloaded."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from stream.commands.command import print_lines, run_command
from stream.commands.options import add_stream_options, add_training_options, configurations_of
from stream.plan import PROBE_SECONDS
from stream.process import EXIT_DONE, heed_interrupts
from tasks.sources.homes import resolve_home


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    return run_command(
        partial(_plan, parser().parse_args(arguments)), interrupted="interrupted; nothing was written"
    )


def _plan(options: argparse.Namespace) -> int:
    configurations = configurations_of(options)
    from stream.plan.planner import make_reports
    from stream.plan.text import plain_text, write_plans

    heed_interrupts()
    first = configurations[0].seed  # every seed costs the same
    reports = make_reports(
        [one for one in configurations if one.seed == first],
        home=resolve_home(options.data_home),
        device_choice=options.device,
        probe_seconds=PROBE_SECONDS if options.probe else None,
    )
    where = []
    if options.out is not None:
        write_plans(reports, options.out)
        where = [f"plan: {options.out}"]
    print_lines([*plain_text(reports), *where])
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
