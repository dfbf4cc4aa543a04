"""The options that decide a run's numbers, the same for every command that takes them."""

import argparse
from collections.abc import Sequence

from stream.configuration import Overrides, Preset, RunConfiguration, limits_for, preset_named, recipe_for
from stream.coverage import FULL
from stream.errors import UserError
from stream.model.backbone import MINILM
from stream.model.precision import choose_device
from stream.model.specification import METHODS, SIZED_METHODS
from stream.scheduler import Order
from tasks import DataMode


def add_stream_options(parser: argparse.ArgumentParser) -> None:
    """What is learned, and in which order."""
    what = parser.add_argument_group("what is learned")
    what.add_argument(
        "--suite", required=True, help="additional17, simulated:COUNT, a TOML file, or several joined with +"
    )
    what.add_argument("--tasks", help="only these tasks of the suite, separated by commas")
    what.add_argument("--data", choices=list(DataMode), default=DataMode.AUTO, help="default: auto")
    what.add_argument("--data-home", help="folder with the suites' files; also STREAM_DATA")
    what.add_argument("--order", choices=list(Order), default=Order.PAPER, help="default: paper")
    what.add_argument("--seed", type=int, default=0)


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """How it is learned."""
    how = parser.add_argument_group("how it is learned")
    how.add_argument("--backbone", default=MINILM, help="minilm, a name of the Hugging Face hub, or a folder")
    how.add_argument(
        "--method",
        default="houlsby",
        help=f"{', '.join(METHODS)}; with options after colons, such as fine-tune:2, lora:rank=4 or "
        "houlsby:placement=attention; several separated by commas, one run each; default: houlsby",
    )
    how.add_argument(
        "--adapter-size",
        type=_sizes,
        metavar="N[,N...]",
        help="default: nearest the paper's 1.14 %% per task; several make a run or plan of each size",
    )
    how.add_argument("--preset", help=f"{', '.join(Preset)}; default: quick on a CPU, standard on a GPU")
    how.add_argument("--max-train", type=int, help="cap on the training examples of a task")
    how.add_argument("--max-test", type=int, help="cap on its validation and test examples")
    how.add_argument("--epochs", type=int)
    how.add_argument("--batch-size", type=int)
    how.add_argument("--learning-rate", type=float, help="default: the method's own")
    how.add_argument("--max-length", type=int, help="tokens of a text; default: 128")
    how.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")


def configurations_of(options: argparse.Namespace, reevaluate: str = FULL) -> tuple[RunConfiguration, ...]:
    """What decides the numbers of each method's run.

    Args:
        options: of both groups.
        reevaluate: how much is evaluated again after each arrival.

    Raises:
        UserError: an option's value is not allowed.
    """
    sizes: tuple[int, ...] = options.adapter_size or ()
    methods = _with_sizes(tuple(name.strip() for name in options.method.split(",")), sizes)
    repeated = sorted({name for name in methods if methods.count(name) > 1})
    if repeated:
        raise UserError(f"--method names {repeated[0]!r} twice; name each method once.")
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

    def configured(method: str) -> RunConfiguration:
        return RunConfiguration(
            suite=options.suite,
            tasks=None if options.tasks is None else tuple(name.strip() for name in options.tasks.split(",")),
            data=DataMode(options.data),
            split_seed=0,
            order=Order(options.order),
            seed=options.seed,
            backbone=options.backbone,
            method=method,
            adapter_size=sizes[0] if len(sizes) == 1 else None,
            preset=preset,
            limits=limits_for(preset, overrides),
            recipe=recipe_for(preset, overrides, method),
            reevaluate=reevaluate,
        )

    return tuple(configured(method) for method in methods)


def _sizes(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        allowed = "it must be a whole number, or several separated by commas"
        raise argparse.ArgumentTypeError(f"{text!r}; {allowed}") from None


def _with_sizes(methods: Sequence[str], sizes: Sequence[int]) -> tuple[str, ...]:
    """Each method with adapters once per size, where there are several sizes and it states none itself."""
    if len(sizes) < 2:
        return tuple(methods)
    found: list[str] = []
    for method in methods:
        name, *parts = method.split(":")
        own = any(part.startswith("size=") or part.isdigit() for part in parts)
        sized = name in SIZED_METHODS and not own
        found += [f"{method}:size={size}" for size in sizes] if sized else [method]
    return tuple(found)
