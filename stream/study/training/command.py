"""The studies that train: what each one varies, and its command line.

All share one budget unless a larger one is asked for: at most 2,000 training examples a task, five epochs,
three seeds.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from functools import partial

from stream.commands.lists import positive_numbers, seeds_of, whole_numbers
from stream.commands.place import add_place_options, place_of
from stream.engine.choosing.study_grid import Setting, StudyGrid
from stream.engine.configuration import Overrides, Preset, RunConfiguration, limits_for, recipe_for
from stream.model.backbone.names import DEVICES, MINILM
from stream.model.methods.family import family_of
from stream.process import heed_interrupts
from stream.study.command import StudyCommand
from tasks.sources.availability import DataMode

MAX_TRAIN, MAX_TEST, EPOCHS, SEEDS = 2000, 1000, 5, 3
"""The budget where none is asked for; the second caps the validation split."""
SCALES = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Deviations of the initialisation study (Houlsby et al. 2019, section 3.6: within [1e-7, 1])."""
SIZES = tuple(2**n for n in range(10))
"""Sizes of the paper's Figure 4."""
RATES = (2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3)
"""Rates within the range of the paper's Figure 7, [2e-5, 1e-3]."""
VARIANTS = {
    "layer norm inside": "norm",
    "deeper": "deep",
    "tanh": "activation=tanh",
    "ReLU": "activation=relu",
    "attention only": "placement=attention",
    "feed-forward only": "placement=feed-forward",
    "parallel": "parallel",
}
"""Options of `houlsby` by what the figure calls them (section 3.6); the plain one's activation is GELU."""
PLAIN = "plain"
ADAPTERS = "adapters"

Settings = Callable[[Namespace, int, int], tuple[tuple[Setting, ...], str | None]]
"""From the options, the adapter size and the backbone's number of layers to settings and the reference."""


def init_scale_settings(
    options: Namespace, size: int, num_layers: int
) -> tuple[tuple[Setting, ...], str | None]:
    """Adapters whose fresh weights have each of the deviations."""
    scales = positive_numbers("--scales", options.scales).values or SCALES
    settings = [
        _adapters(options, ADAPTERS, f"houlsby:size={size}:scale={scale:g}", scale) for scale in scales
    ]
    return tuple(settings), None


def size_settings(options: Namespace, size: int, num_layers: int) -> tuple[tuple[Setting, ...], str | None]:
    """Adapters of each size; beside them, at their own rates, layer norms, top layers and all layers."""
    sizes = whole_numbers("--sizes", options.sizes).values or SIZES
    tops = [number for number in _tops(options, num_layers) if number < num_layers]
    beside = [("layer norms", "layer-norm")]
    beside += [("top layers", f"fine-tune:{number}") for number in tops]
    beside += [("fine-tuning", "fine-tune")]
    settings = [_adapters(options, ADAPTERS, f"houlsby:size={m}", float(m)) for m in sizes]
    settings += [
        Setting(series=series, x=None, method=method, learning_rates=(_own_rate(method),))
        for series, method in beside
    ]
    return tuple(settings), "fine-tune"


def _tops(options: Namespace, num_layers: int) -> Sequence[int]:
    """Numbers of top layers: those given, or powers of two below the backbone's."""
    given = whole_numbers("--top-layers", options.top_layers).values
    return given or [2**n for n in range(num_layers.bit_length()) if 2**n < num_layers]


def learning_rate_settings(
    options: Namespace, size: int, num_layers: int
) -> tuple[tuple[Setting, ...], str | None]:
    """Adapters and full fine-tuning at each of the rates."""
    rates = positive_numbers("--learning-rate", options.learning_rate).values or RATES
    methods = {ADAPTERS: f"houlsby:size={size}", "fine-tuning": "fine-tune"}
    return tuple(
        Setting(series=series, x=rate, method=method, learning_rates=(rate,))
        for series, method in methods.items()
        for rate in rates
    ), None


def variant_settings(
    options: Namespace, size: int, num_layers: int
) -> tuple[tuple[Setting, ...], str | None]:
    """The plain adapters and each of their variants."""
    plain = f"houlsby:size={size}"
    settings = [_adapters(options, PLAIN, plain)]
    settings += [_adapters(options, name, f"{plain}:{option}") for name, option in VARIANTS.items()]
    return tuple(settings), plain


def _adapters(options: Namespace, series: str, method: str, x: float | None = None) -> Setting:
    """Adapters at the rates asked for, or at their own."""
    given = positive_numbers("--learning-rate", options.learning_rate).values
    return Setting(series=series, x=x, method=method, learning_rates=given or (_own_rate(method),))


def _own_rate(method: str) -> float:
    return family_of(method).learning_rate


def add_options(parser: ArgumentParser) -> None:
    """The options that all studies of trainings have."""
    what = parser.add_argument_group("what is learned")
    what.add_argument("--suite", default="additional17", help="as for stream.run; default: additional17")
    what.add_argument("--tasks", required=True, help="tasks of the suite, separated by commas")
    what.add_argument(
        "--data", choices=[*map(str, DataMode)], default=DataMode.AUTO.value, help="default: auto"
    )
    what.add_argument("--data-home", help="folder with the suites' files; also STREAM_DATA")
    how = parser.add_argument_group("how it is learned")
    how.add_argument("--backbone", default=MINILM, help="minilm, a name of the Hugging Face hub, or a folder")
    how.add_argument("--adapter-size", type=int, help="default: nearest the paper's 1.14 %% per task")
    how.add_argument("--max-train", type=int, default=MAX_TRAIN, help=f"per task; default: {MAX_TRAIN}")
    how.add_argument("--max-test", type=int, default=MAX_TEST, help=f"validation; default: {MAX_TEST}")
    how.add_argument("--epochs", type=int, default=EPOCHS, help=f"default: {EPOCHS}")
    how.add_argument("--seeds", default=str(SEEDS), help=f"a number or a list of them; default: {SEEDS}")
    how.add_argument(
        "--learning-rate",
        help="of the adapters; or a list, of which the best one counts; default: the method's own",
    )
    how.add_argument("--batch-size", type=int, help="examples of a training step; default: 32")
    how.add_argument("--max-length", type=int, help="tokens of a text; default: 128")
    how.add_argument("--device", choices=DEVICES, default="auto", help="auto: a GPU where there is one")
    add_place_options(
        parser, default_name="SUITE-study-NAME", displays=["plain", "quiet"], auto="plain lines"
    )


def _add_init_scale_options(parser: ArgumentParser) -> None:
    add_options(parser)
    parser.add_argument("--scales", help="deviations; default: 1e-7 to 1, each ten times the last")


def _add_size_options(parser: ArgumentParser) -> None:
    add_options(parser)
    parser.add_argument("--sizes", help="adapter sizes; default: 1, 2, 4 ... 512")
    parser.add_argument("--top-layers", help="numbers of top layers; default: powers of two")


def configuration_of(name: str, settings_of: Settings, options: Namespace) -> RunConfiguration:
    """What decides the numbers of a study.

    Raises:
        UserError: an option's value is not allowed.
    """
    from stream.model.backbone.loading import load_backbone
    from stream.model.backbone.precision import choose_device, choose_dtype
    from stream.model.methods.bottleneck import default_adapter_size
    from stream.model.methods.specification import method_named

    device = choose_device(options.device)
    architecture = load_backbone(options.backbone, device=device, dtype=choose_dtype(device)).architecture
    size = default_adapter_size(architecture) if options.adapter_size is None else options.adapter_size
    settings, reference = settings_of(options, size, architecture.num_layers)
    for setting in settings:
        method_named(setting.method, adapter_size=1).sites(architecture, 1)
    overrides = Overrides(
        max_train=options.max_train,
        max_test=options.max_test,
        num_epochs=options.epochs,
        batch_size=options.batch_size,
        max_length=options.max_length,
    )
    return RunConfiguration(
        suite=options.suite,
        tasks=tuple(task.strip() for task in options.tasks.split(",")),
        data=DataMode(options.data),
        backbone=options.backbone,
        method=settings[0].method,
        adapter_size=size,
        preset=Preset.STANDARD,
        limits=limits_for(Preset.STANDARD, overrides),
        recipe=recipe_for(Preset.STANDARD, overrides, settings[0].method),
        study=StudyGrid(name=name, seeds=seeds_of(options.seeds, 0), settings=settings, reference=reference),
    )


def run_study(name: str, settings_of: Settings, options: Namespace) -> tuple[str, ...]:
    """Make or continue a study; its display says what came of it."""
    from stream.display import open_display
    from stream.engine.session import run_session
    from stream.study.training.write import leave_study

    heed_interrupts()
    display = open_display("plain" if options.display == "auto" else options.display)
    run_session(configuration_of(name, settings_of, options), place_of(options), display, leave_study)
    return ()


def _command(
    name: str, summary: str, settings_of: Settings, add: Callable[[ArgumentParser], None] = add_options
) -> StudyCommand:
    return StudyCommand(
        name=name, summary=summary, add_options=add, run=partial(run_study, name, settings_of)
    )


TRAINING_STUDIES = (
    _command(
        "init-scale",
        "validation over the deviation of fresh adapter weights",
        init_scale_settings,
        _add_init_scale_options,
    ),
    _command(
        "size",
        "validation over adapter sizes, beside layer norms, top layers and full fine-tuning",
        size_settings,
        _add_size_options,
    ),
    _command("learning-rate", "adapters and fine-tuning over learning rates", learning_rate_settings),
    _command("variants", "variants of the adapter against the plain one", variant_settings),
)
