"""`python -m stream.run`: a stream of tasks, learned one by one, with proof that none was forgotten."""

import argparse
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from db import ConflictError, LedgerError, UsageError
from stream.commands import EXIT_DAMAGE, EXIT_DONE, EXIT_INTERRUPTED, EXIT_USER, report_error
from stream.configuration import (
    Overrides,
    Preset,
    RunConfiguration,
    limits_for,
    preset_named,
    recipe_for,
)
from stream.display import open_display
from stream.errors import RunInterrupted, StreamError, UserError
from stream.model.backbone import MINILM
from stream.model.precision import choose_device
from stream.results import ProofStatus, RunResults
from stream.scheduler import Order
from stream.session import Place, run_session
from tasks import DataMode, TaskError, resolve_home


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = parser().parse_args(given)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        results = run_session(configuration_of(options), place_of(options), open_display(options.display))
    except RunInterrupted as interruption:
        command = resume_command(given, interruption.name)
        print(f"interrupted; everything done so far is saved. Go on with:\n  {command}", file=sys.stderr)
        return EXIT_INTERRUPTED
    except KeyboardInterrupt:
        print("interrupted before anything was started", file=sys.stderr)
        return EXIT_INTERRUPTED
    except (UserError, TaskError, UsageError, ConflictError) as error:
        return report_error(error, EXIT_USER)
    except (StreamError, LedgerError) as error:
        return report_error(error, EXIT_DAMAGE)
    return exit_code(results)


def exit_code(results: RunResults) -> int:
    """1 only where a method that promises isolation forgot."""
    forgot = results.proof.status is ProofStatus.FORGOTTEN and results.run.isolated
    return EXIT_DAMAGE if forgot else EXIT_DONE


def parser() -> argparse.ArgumentParser:
    """All options with their defaults."""
    made = argparse.ArgumentParser(prog="python -m stream.run", description=__doc__)
    what = made.add_argument_group("what is learned")
    what.add_argument(
        "--suite", required=True, help="additional17, simulated:COUNT, a TOML file, or several joined with +"
    )
    what.add_argument("--tasks", help="only these tasks of the suite, separated by commas")
    what.add_argument("--data", choices=list(DataMode), default=DataMode.AUTO, help="default: auto")
    what.add_argument("--data-home", help="folder with the suites' files; also STREAM_DATA")
    what.add_argument("--order", choices=list(Order), default=Order.PAPER, help="default: paper")
    what.add_argument("--seed", type=int, default=0)
    how = made.add_argument_group("how it is learned")
    how.add_argument("--backbone", default=MINILM, help="minilm, a name of the Hugging Face hub, or a folder")
    how.add_argument("--method", default="houlsby", help="houlsby or sequential; default: houlsby")
    how.add_argument("--adapter-size", type=int, help="default: nearest the paper's 1.14 %% per task")
    how.add_argument("--preset", help=f"{', '.join(Preset)}; default: quick on a CPU, standard on a GPU")
    how.add_argument("--max-train", type=int, help="cap on the training examples of a task")
    how.add_argument("--max-test", type=int, help="cap on its validation and test examples")
    how.add_argument("--epochs", type=int)
    how.add_argument("--batch-size", type=int)
    how.add_argument("--learning-rate", type=float)
    how.add_argument("--max-length", type=int, help="tokens of a text; default: 128")
    how.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    where = made.add_argument_group("where it is kept and shown")
    where.add_argument("--db", default="sqlite:///runs.db", help="default: sqlite:///runs.db")
    where.add_argument("--name", help="name of the run; default: SUITE-METHOD-PRESET")
    where.add_argument("--resume", action="store_true", help="go on with the run of that name")
    where.add_argument("--out", type=Path, help="folder of the reports; default: runs/NAME")
    where.add_argument("--display", choices=["auto", "dashboard", "plain", "quiet"], default="auto")
    return made


def configuration_of(options: argparse.Namespace) -> RunConfiguration:
    """What decides the run's numbers.

    Raises:
        UserError: an option's value is not allowed.
    """
    on_gpu = choose_device(options.device).type == "cuda"
    preset = preset_named(options.preset or (Preset.STANDARD if on_gpu else Preset.QUICK))
    overrides = Overrides(
        max_train=options.max_train,
        max_test=options.max_test,
        num_epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        max_length=options.max_length,
    )
    return RunConfiguration(
        suite=options.suite,
        tasks=None if options.tasks is None else tuple(name.strip() for name in options.tasks.split(",")),
        data=DataMode(options.data),
        split_seed=0,
        order=Order(options.order),
        seed=options.seed,
        backbone=options.backbone,
        method=options.method,
        adapter_size=options.adapter_size,
        preset=preset,
        limits=limits_for(preset, overrides),
        recipe=recipe_for(preset, overrides),
    )


def place_of(options: argparse.Namespace) -> Place:
    """Where the run is kept and shown."""
    return Place(
        database=options.db,
        data_home=resolve_home(options.data_home),
        name=options.name,
        resume=options.resume,
        out=options.out,
        device=options.device,
    )


def resume_command(given: Sequence[str], name: str) -> str:
    """The command that goes on with the interrupted run of that name."""
    options = parser().parse_args(given)
    named = [] if options.name == name else ["--name", name]
    resumed = [] if options.resume else ["--resume"]
    return f"python -m stream.run {shlex.join([*given, *named, *resumed])}"


if __name__ == "__main__":
    sys.exit(main())
