"""What the user asked for, resolved: one frozen value that is stored with the run and compared on `--resume`.

Only command lines know it; every class below takes plain arguments. Nothing heavy is imported for it.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from stream.engine.choosing.study_grid import StudyGrid
from stream.engine.choosing.sweep import Sweep
from stream.engine.scheduler import AnyOrder, Order
from stream.errors import UserError
from stream.learning.recipe import Recipe
from stream.model.backbone.names import MINILM, DeviceChoice
from stream.model.methods.family import family_of
from stream.results.coverage import FULL, parse_coverage
from tasks.errors import did_you_mean
from tasks.sources.availability import DataMode
from tasks.suites.suite import suite_parts
from tasks.task import Limits
from tasks.windows import SPAN_LENGTH


class Preset(StrEnum):
    """Budgets of data and training."""

    QUICK = "quick"
    """Capped data, about ten minutes for 17 tasks on two cores; the default on a CPU."""
    STANDARD = "standard"
    """All data, about 21 million training tokens for 17 tasks; the default on a GPU."""
    PAPER = "paper"
    """All data and the paper's epochs (Houlsby et al. 2019, Table 4)."""


_LIMITS = {
    Preset.QUICK: Limits(max_train=1000, max_valid=200, max_test=300),
    Preset.STANDARD: Limits(),
    Preset.PAPER: Limits(),
}
_RECIPES = {
    Preset.QUICK: Recipe(token_budget=100_000, min_epochs=1, max_epochs=10),
    Preset.STANDARD: Recipe(token_budget=1_000_000, min_epochs=2, max_epochs=30),
    Preset.PAPER: Recipe(paper_epochs=True, token_budget=1_500_000, min_epochs=20),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class RunConfiguration:
    """Everything that decides a run's numbers, apart from the machine."""

    suite: str
    preset: Preset
    limits: Limits
    recipe: Recipe
    """A rate that is left open becomes the method's own."""
    tasks: tuple[str, ...] | None = None
    """None: all of the suite."""
    data: DataMode = DataMode.AUTO
    split_seed: int = 0
    order: AnyOrder = Order.PAPER
    seed: int = 0
    backbone: str = MINILM
    method: str = "houlsby"
    adapter_size: int | None = None
    """None: the backbone's default."""
    reevaluate: str = FULL
    """How much is evaluated again after each arrival, as `stream.results.coverage` reads it."""
    sweep: Sweep | None = None
    """What is chosen among for each task; None: nothing is."""
    choices_from: str | None = None
    """The run whose choices are taken: later seeds repeat what the first one chose."""
    study: StudyGrid | None = None
    """What a study trains instead of a stream."""

    def __post_init__(self) -> None:
        parse_coverage(self.reevaluate)
        if self.recipe.learning_rate is None:
            rate = family_of(self.method).learning_rate
            object.__setattr__(self, "recipe", replace(self.recipe, learning_rate=rate))

    def to_json(self) -> dict[str, Any]:
        """Plain values, as stored."""
        return asdict(self)

    @property
    def suite_name(self) -> str:
        """The suite without folders and endings, e.g. `additional17`."""
        parts = (part.rsplit("/", 1)[-1].removesuffix(".toml") for part in suite_parts(self.suite))
        return "+".join(_as_file_name(part) for part in parts)

    @property
    def method_name(self) -> str:
        """The method in a form that fits a file's name, e.g. `fine-tune-2`."""
        return _as_file_name(self.method)

    def default_name(self) -> str:
        """Name of a run that was given none, e.g. `additional17-houlsby-quick`."""
        if self.study is not None:
            return f"{self.suite_name}-study-{self.study.name}"
        return f"{self.suite_name}-{self.method_name}-{self.preset}"


def _as_file_name(text: str) -> str:
    return re.sub(r"[^\w.]+", "-", text)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a run is kept and shown; none of it changes a number."""

    database: str = "sqlite:///runs.db"
    """URL."""
    data_home: Path | None = None
    """Folder with the suites' files; None: only the cache and downloads."""
    name: str | None = None
    """Of the run; None: named after suite, method and preset."""
    resume: bool = False
    out: Path | None = None
    """Folder of the reports; None: runs/NAME."""
    device: DeviceChoice = "auto"
    reuse: bool = True
    """Whether what the database holds already is taken over instead of trained again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Overrides:
    """Single settings that the user put over the preset's; None leaves the preset's."""

    max_train: int | None = None
    max_test: int | None = None
    num_epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    max_length: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None or 0 < value < math.inf:
                continue
            option = "--epochs" if field.name == "num_epochs" else f"--{field.name.replace('_', '-')}"
            wanted = "more than 0" if math.isfinite(value) else "a finite number"
            raise UserError(f"{option} is {value}; it must be {wanted}.")


def preset_named(name: str) -> Preset:
    """The preset of that name.

    Raises:
        UserError: there is none.
    """
    if name not in list(Preset):
        raise UserError(f"There is no preset {name!r}; {did_you_mean(name, list(Preset))}")
    return Preset(name)


def limits_for(preset: Preset, overrides: Overrides) -> Limits:
    """The preset's caps with the user's over them; a cap on the test split caps validation too."""
    limits = _LIMITS[preset]
    return Limits(
        max_train=overrides.max_train or limits.max_train,
        max_valid=overrides.max_test or limits.max_valid,
        max_test=overrides.max_test or limits.max_test,
    )


def recipe_for(preset: Preset, overrides: Overrides, method: str | None = None) -> Recipe:
    """The preset's training settings with the method's rate and then the user's settings over them.

    Without a method the rate is left open unless the user set one, and `RunConfiguration` takes its method's.

    Raises:
        UserError: there is no such method.
    """
    rate = None if method is None else family_of(method).learning_rate
    recipe = asdict(_RECIPES[preset]) | {"learning_rate": rate}
    names = ("num_epochs", "batch_size", "learning_rate", "max_length")
    chosen = {name: getattr(overrides, name) for name in names} | {"span_max_length": overrides.max_length}
    return Recipe(**{**recipe, **{name: value for name, value in chosen.items() if value is not None}})


def with_added(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """A stored configuration with the settings that came since, as they were when there was no choice.

    Runs from before then evaluated everything again.
    """
    recipe = {"span_max_length": SPAN_LENGTH, **configuration.get("recipe", {})}
    return {"reevaluate": FULL, **configuration, "recipe": recipe}


def difference(
    stored: Mapping[str, Any], asked: Mapping[str, Any], prefix: str = ""
) -> dict[str, tuple[Any, Any]]:
    """Settings that differ between two configurations, each with (stored, asked); keys are dotted paths."""
    differing: dict[str, tuple[Any, Any]] = {}
    for key in sorted({*stored, *asked}):
        before, now = _plain(stored.get(key)), _plain(asked.get(key))
        if isinstance(before, Mapping) and isinstance(now, Mapping):
            differing |= difference(before, now, prefix=f"{prefix}{key}.")
        elif before != now:
            differing[f"{prefix}{key}"] = (before, now)
    return differing


def _plain(value: Any) -> Any:
    """The value as JSON would give it back."""
    match value:
        case tuple() | list():
            return [_plain(item) for item in value]
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case _:
            return value
