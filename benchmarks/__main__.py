"""`python -m benchmarks NAME`: measure, print and keep the result; `NAME --help` shows its options."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from benchmarks.ablation import measure_ablation
from benchmarks.equivalence import check_equivalence
from benchmarks.growth import measure_growth
from benchmarks.ledger import measure_ledger
from benchmarks.long_ledger import measure_long_ledger
from benchmarks.peers.comparison import PeersOptions, measure_peers
from benchmarks.reevaluate import measure_reevaluation
from benchmarks.result import Result, keep
from benchmarks.roofline import measure_roofline
from benchmarks.startup import measure_startup
from benchmarks.train import measure_training
from benchmarks.whole_run import WholeRunOptions, measure_stream
from db import LedgerError
from stream.errors import StreamError
from stream.model.backbone.precision import choose_device
from stream.results.coverage import FULL
from tasks import TaskError

BENCHMARKS: dict[str, Callable[[Namespace], Result]] = {
    "train": lambda options: measure_training(options.repeats, options.device),
    "reevaluate": lambda options: measure_reevaluation(options.repeats, options.device),
    "ledger": lambda options: measure_ledger(options.repeats),
    "equivalence": lambda options: check_equivalence(options.folder),
    "growth": lambda options: measure_growth(options.tasks, options.reevaluate),
    "long-ledger": lambda options: measure_long_ledger(options.tasks),
    "roofline": lambda options: measure_roofline(options.repeats),
    "peers": lambda options: measure_peers(_peers_options(options)),
    "startup": lambda options: measure_startup(options.before, options.repeats),
    "ablation": lambda options: measure_ablation(options.repeats, options.task, options.data_home),
    "stream": lambda options: measure_stream(
        WholeRunOptions(tasks=options.tasks, data_home=options.data_home, display=options.display)
    ),
}


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME", help=", ".join(BENCHMARKS))
    parsers = {name: names.add_parser(name) for name in BENCHMARKS}
    for name in ("train", "reevaluate", "ledger", "roofline", "peers", "ablation", "startup"):
        repeats = 3 if name == "peers" else 5
        parsers[name].add_argument(
            "--repeats",
            type=int,
            default=repeats,
            help=f"interleaved repeats; the median is reported ({repeats})",
        )
    for name in ("train", "reevaluate"):
        parsers[name].add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="(cpu)")
    for name in ("equivalence", "peers"):
        parsers[name].add_argument(
            "--folder", type=Path, help="where other libraries' environments are kept (the user's cache)"
        )
    for name in ("growth", "long-ledger"):
        parsers[name].add_argument("--tasks", type=int, default=1000, help="length of the stream (1000)")
    parsers["growth"].add_argument("--reevaluate", default=FULL, help="full (default), sample:P or digest")
    _add_peers(parsers["peers"])
    parsers["ablation"].add_argument("--task", default="airline", help="task of additional17 (airline)")
    parsers["ablation"].add_argument("--data-home", help="folder of the real files (STREAM_DATA)")
    parsers["startup"].add_argument(
        "--before", type=Path, required=True, help="another checkout whose commands are timed beside these"
    )
    _add_stream(parsers["stream"])
    for name in ("peers", "stream"):
        parsers[name].add_argument(
            "--data-home",
            type=Path,
            help="folder of the real files (STREAM_DATA); otherwise tasks are simulated",
        )
    return parser


def _add_stream(parser: ArgumentParser) -> None:
    default = WholeRunOptions()
    parser.add_argument(
        "--tasks", type=_names, default=default.tasks, help="tasks of the run (all of additional17)"
    )
    parser.add_argument(
        "--display",
        choices=("dashboard", "plain", "quiet"),
        default=default.display,
        help=f"what is drawn meanwhile, unseen ({default.display})",
    )


def _add_peers(parser: ArgumentParser) -> None:
    default = PeersOptions()
    parser.add_argument("--steps", type=int, help=f"optimiser steps of a training ({default.steps})")
    parser.add_argument("--seeds", type=int, help=f"seeds whose accuracies are reported ({default.seeds})")
    parser.add_argument("--threads", type=int, help="threads of every side (as many as torch takes)")
    parser.add_argument("--tasks", type=_names, help=f"tasks that are trained ({','.join(default.tasks)})")
    parser.add_argument("--stream", type=_names, help="tasks that are re-evaluated (all of additional17)")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _peers_options(options: Namespace) -> PeersOptions:
    given = {field.name: getattr(options, field.name) for field in fields(PeersOptions)}
    return PeersOptions(**{name: value for name, value in given.items() if value is not None})


def main() -> int:
    """Run one benchmark; return the exit code."""
    options = _parser().parse_args()
    try:
        result = BENCHMARKS[options.name](options)
    except (StreamError, TaskError, LedgerError) as error:
        print(error, file=sys.stderr)
        return error.exit_code if isinstance(error, StreamError) else 2
    print(result.text())
    device = choose_device(getattr(options, "device", "cpu"))
    name = options.name if device.type == "cpu" else f"{options.name}-{device.type}"
    print(f"kept in {keep(name, result, device)}")
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())
