"""The options that decide a run's numbers, the same for every command that takes them."""

import argparse

from stream.commands.lists import Lists, positive_numbers, seeds_of, whole_numbers
from stream.engine.configuration import (
    Overrides,
    Preset,
    RunConfiguration,
    limits_for,
    preset_named,
    recipe_for,
)
from stream.engine.scheduler import AS_LISTED, AnyOrder, Order, order_names, parse_order
from stream.errors import UserError
from stream.model.backbone.names import DEVICES, MINILM, DeviceChoice
from stream.model.methods.family import METHODS, read_options
from stream.results.coverage import FULL
from tasks.sources.availability import DataMode
from tasks.suites.suite import SIMULATED, open_suite, shipped_suites


def add_stream_options(parser: argparse.ArgumentParser) -> None:
    """What is learned, and in which order."""
    what = parser.add_argument_group("what is learned")
    what.add_argument(
        "--suite",
        required=True,
        help=f"{', '.join(shipped_suites())}, {SIMULATED}, a TOML file, or several joined with +",
    )
    what.add_argument("--tasks", help="only these tasks of the suite, separated by commas")
    what.add_argument(
        "--data",
        choices=[*map(str, DataMode)],
        default=DataMode.AUTO.value,
        help="auto: real where it can be had, otherwise a simulated stand-in that says so; default: auto",
    )
    what.add_argument("--data-home", help="folder with the suites' files; also STREAM_DATA")
    what.add_argument(
        "--order",
        default=Order.PAPER.value,
        help=f"{', '.join(Order)}, or all tasks separated by commas; paper, also {AS_LISTED}, is that of the "
        "suite; default: paper",
    )
    what.add_argument(
        "--seed", type=int, default=0, help="of starting values, batches and a random order; default: 0"
    )
    what.add_argument(
        "--seeds",
        help="how many seeds, from --seed on, or a list of them: one run each, the splits are the same",
    )


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """How it is learned."""
    how = parser.add_argument_group("how it is learned")
    how.add_argument("--backbone", default=MINILM, help="minilm, a name of the Hugging Face hub, or a folder")
    how.add_argument(
        "--method",
        default="houlsby",
        help=f"{', '.join(METHODS)}; with options after colons, such as fine-tune:2, lora:rank=4 or "
        "houlsby:placement=attention; several separated by commas, one run each; fine-tune:auto chooses how "
        "many of the top layers; default: houlsby",
    )
    chosen = "a list such as {0}, or auto: chosen for each task on its validation split"
    how.add_argument(
        "--adapter-size",
        metavar="N",
        help=f"or {chosen.format('2,8,32')}; default: nearest the paper's 1.14 %% per task",
    )
    how.add_argument("--preset", help=f"{', '.join(Preset)}; default: quick on a CPU, standard on a GPU")
    how.add_argument("--max-train", type=int, help="cap on the training examples of a task")
    how.add_argument("--max-test", type=int, help="cap on its validation and test examples")
    how.add_argument("--epochs", metavar="N", help=f"or {chosen.format('5,10')}")
    how.add_argument("--batch-size", type=int, help="examples of a training step; default: 32")
    how.add_argument(
        "--learning-rate", metavar="X", help=f"or {chosen.format('1e-4,1e-3')}; default: the method's own"
    )
    how.add_argument(
        "--halving",
        choices=["on", "off"],
        default="on",
        help="stop weaker candidates of a choice early; default: on",
    )
    how.add_argument(
        "--max-length", type=int, help="tokens of a text; default: 128, for windows of span tasks 384"
    )
    how.add_argument("--device", choices=DEVICES, default="auto", help="auto: a GPU where there is one")


def configurations_of(options: argparse.Namespace, reevaluate: str = FULL) -> tuple[RunConfiguration, ...]:
    """What decides the numbers of each method's and each seed's run, the seeds of one method together.

    Args:
        options: of both groups.
        reevaluate: how much is evaluated again after each arrival.

    Raises:
        UserError: an option's value is not allowed.
    """
    methods = _methods(options.method)
    named = None if options.preset is None else preset_named(options.preset)
    lists = Lists(
        adapter_sizes=whole_numbers("--adapter-size", options.adapter_size),
        learning_rates=positive_numbers("--learning-rate", options.learning_rate),
        epochs=whole_numbers("--epochs", options.epochs),
        halving=options.halving == "on",
    )
    lists.check_sizes(methods)
    seeds = seeds_of(options.seeds, options.seed)
    tasks = None if options.tasks is None else tuple(name.strip() for name in options.tasks.split(","))
    order = _order(options.order, options.suite, tasks)
    overrides = Overrides(
        max_train=options.max_train,
        max_test=options.max_test,
        num_epochs=lists.epochs.single,
        batch_size=options.batch_size,
        learning_rate=lists.learning_rates.single,
        max_length=options.max_length,
    )

    preset = named or _usual_preset(options.device)

    def configured(method: str, seed: int) -> RunConfiguration:
        return RunConfiguration(
            suite=options.suite,
            tasks=tasks,
            data=DataMode(options.data),
            split_seed=0,
            order=order,
            seed=seed,
            backbone=options.backbone,
            method=method,
            adapter_size=lists.adapter_sizes.single,
            preset=preset,
            limits=limits_for(preset, overrides),
            recipe=recipe_for(preset, overrides, method),
            reevaluate=reevaluate,
            sweep=lists.sweep_for(method, preset),
        )

    return tuple(configured(method, seed) for method in methods for seed in seeds)


def _methods(text: str) -> tuple[str, ...]:
    """The methods named, each once and with options that it has."""
    methods = tuple(name.strip() for name in text.split(","))
    repeated = sorted({name for name in methods if methods.count(name) > 1})
    if repeated:
        raise UserError(f"--method names {repeated[0]!r} twice; name each method once.")
    for method in methods:
        read_options(method)
    return methods


def _order(text: str, suite: str, tasks: tuple[str, ...] | None) -> AnyOrder:
    """The order asked for; suite, tasks and an order of one's own are names that exist."""
    order, opened = parse_order(text), open_suite(suite)
    chosen = opened if tasks is None else opened.select(tasks)
    if not isinstance(order, Order):
        order_names([card.name for card in chosen.cards], {}, order, 0)
    return order


def _usual_preset(device: DeviceChoice) -> Preset:
    """`standard` on a GPU, `quick` on a CPU; torch says which there is, after all names were checked."""
    from stream.model.backbone.precision import choose_device

    return Preset.STANDARD if choose_device(device).type == "cuda" else Preset.QUICK
