import json
import math
from dataclasses import asdict, replace
from typing import Any

import pytest

from stream.engine.configuration import (
    Overrides,
    Preset,
    RunConfiguration,
    difference,
    limits_for,
    preset_named,
    recipe_for,
)
from stream.engine.scheduler import Order
from stream.errors import UserError
from stream.learning.recipe import Recipe
from tasks import DataMode, Limits

NONE = Overrides()


def configuration() -> RunConfiguration:
    return RunConfiguration(
        suite="suites/mine.toml",
        tasks=("a", "b"),
        data=next(iter(DataMode)),
        seed=3,
        preset=Preset.QUICK,
        limits=limits_for(Preset.QUICK, NONE),
        recipe=recipe_for(Preset.QUICK, NONE),
    )


def stored() -> dict[str, object]:
    """The configuration as it comes back from the ledger."""
    found: dict[str, object] = json.loads(json.dumps(configuration().to_json()))
    return found


def test_presets_by_name() -> None:
    """Each preset answers to its name; another name is answered with the nearest one."""
    assert [preset_named(preset.value) for preset in Preset] == list(Preset)
    with pytest.raises(UserError, match=r"no preset 'quik'; .*quick"):
        preset_named("quik")


def test_quick_caps_every_split_and_the_others_none() -> None:
    """`quick` caps training, validation and test; `standard` and `paper` take all data."""
    quick = limits_for(Preset.QUICK, NONE)
    assert all(cap is not None and cap > 0 for cap in asdict(quick).values())
    assert limits_for(Preset.STANDARD, NONE) == limits_for(Preset.PAPER, NONE) == Limits()


def test_budgets_rise_from_preset_to_preset() -> None:
    """`standard` trains on more tokens than `quick`; only `paper` takes the paper's epochs."""
    quick, standard, paper = (recipe_for(preset, NONE) for preset in Preset)
    assert quick.token_budget < standard.token_budget <= paper.token_budget
    assert [recipe.paper_epochs for recipe in (quick, standard, paper)] == [False, False, True]
    assert 17 * standard.token_budget <= 36_000_000  # the bound on a CPU
    assert quick.max_length == standard.max_length == paper.max_length == 128


def test_caps_can_be_set() -> None:
    """The user's caps lie over the preset's; a cap on the test split caps validation too."""
    quick = limits_for(Preset.QUICK, NONE)
    assert limits_for(Preset.QUICK, Overrides(max_train=50)) == replace(quick, max_train=50)
    assert limits_for(Preset.STANDARD, Overrides(max_test=9)) == Limits(max_valid=9, max_test=9)


def test_training_settings_can_be_set() -> None:
    """Each setting of the user lies over the preset's, and what was not set stays."""
    chosen = Overrides(num_epochs=3, batch_size=16, learning_rate=3e-4, max_length=64)
    standard = recipe_for(Preset.STANDARD, NONE)
    assert recipe_for(Preset.STANDARD, chosen) == replace(
        standard, num_epochs=3, batch_size=16, learning_rate=3e-4, max_length=64, span_max_length=64
    )
    assert recipe_for(Preset.STANDARD, Overrides(max_train=1)) == standard


@pytest.mark.parametrize(("method", "rate"), [("houlsby", 3e-3), ("fine-tune", 1e-4), ("layer-norm", 1e-2)])
def test_a_rate_that_nobody_set_is_the_methods_own(method: str, rate: float) -> None:
    """A configuration in Python trains as the command line does, whatever its method; a given rate stays."""

    def made(recipe: Recipe) -> RunConfiguration:
        quick = Preset.QUICK
        return RunConfiguration(
            suite="mine.toml", preset=quick, limits=limits_for(quick, NONE), recipe=recipe, method=method
        )

    assert made(recipe_for(Preset.QUICK, NONE)).recipe.learning_rate == rate
    assert made(recipe_for(Preset.QUICK, NONE)).recipe == recipe_for(Preset.QUICK, NONE, method)
    assert made(recipe_for(Preset.QUICK, Overrides(learning_rate=0.5))).recipe.learning_rate == 0.5


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("max_train", "--max-train"),
        ("max_test", "--max-test"),
        ("num_epochs", "--epochs"),
        ("batch_size", "--batch-size"),
        ("learning_rate", "--learning-rate"),
        ("max_length", "--max-length"),
    ],
)
@pytest.mark.parametrize("value", [0, -3])
def test_settings_are_positive(name: str, option: str, value: int) -> None:
    """A setting that is not positive is the user's mistake; the sentence names the option and the value."""
    given: Any = float(value) if name == "learning_rate" else value
    with pytest.raises(UserError) as caught:
        Overrides(**{name: given})
    assert str(caught.value) == f"{option} is {given}; it must be more than 0."
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_rate_is_a_number(value: float) -> None:
    """A learning rate that is no finite number is the user's mistake as well."""
    with pytest.raises(UserError, match=f"--learning-rate is {value}; it must be a finite number"):
        Overrides(learning_rate=value)


def test_a_stored_configuration_is_equal_to_itself() -> None:
    """What went through JSON differs in nothing from what was stored."""
    assert difference(stored(), configuration().to_json()) == {}


def test_differences_are_named_by_path() -> None:
    """Each setting that differs is named once, with the stored and the asked value."""
    asked = replace(
        configuration(),
        seed=4,
        tasks=("b", "a"),
        order=Order.RANDOM,
        recipe=replace(configuration().recipe, learning_rate=1e-4),
        limits=replace(configuration().limits, max_test=None),
    )
    assert difference(stored(), asked.to_json()) == {
        "limits.max_test": (configuration().limits.max_test, None),
        "order": ("paper", "random"),
        "recipe.learning_rate": (configuration().recipe.learning_rate, 1e-4),
        "seed": (3, 4),
        "tasks": (["a", "b"], ["b", "a"]),
    }


def test_settings_that_only_one_side_has_are_differences() -> None:
    """A setting of another version of the program is a difference where it has a value."""
    assert difference({"old": 1}, {"new": 2, "none": None}) == {"new": (None, 2), "old": (1, None)}


def test_default_names() -> None:
    """A run without a name is called after suite, method and preset; a suite file after its stem."""
    assert configuration().default_name() == "mine-houlsby-quick"
    assert replace(configuration(), suite="additional17").default_name() == "additional17-houlsby-quick"
    joined = replace(configuration(), suite="additional17+data/mine.toml")
    assert joined.default_name() == "additional17+mine-houlsby-quick"
