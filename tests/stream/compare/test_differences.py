"""Notes on what is unequal between runs."""

from typing import Any

import pytest

from stream.compare.differences import difference_notes, empty_notes, flat
from stream.compare.tabulation import run_labels
from stream.results.run_results import RunResults
from tests.stream.made_methods import five_methods, made_method

VALUES = (0.8, 0.7, 0.6)


def notes(*runs: RunResults) -> list[str]:
    """The notes on differences."""
    return list(difference_notes(run_labels(runs), runs))


def settings(**changes: Any) -> dict[str, Any]:
    """A configuration as stored, with changes."""
    return {
        "configuration": {"seed": 0, "limits": {"max_train": None}, "recipe": {"token_budget": 5}} | changes
    }


def test_equal_runs_have_no_differences() -> None:
    """Runs that differ in nothing but the method need no note."""
    assert notes(*five_methods()) == []


def test_unequal_data_are_named() -> None:
    """Tasks of one name with other examples are named once, for runs that differ alike."""
    other = made_method("lora", VALUES, task_changes={"fingerprint": "another"})
    assert notes(made_method("houlsby", VALUES), made_method("feature", VALUES), other) == [
        "other examples in houlsby, feature than in lora: a, b, c"
    ]


def test_unequal_settings_are_shown_with_both_values() -> None:
    """Seed, caps and budget are compared key by key."""
    found = notes(
        made_method("houlsby", VALUES, run_changes=settings()),
        made_method("lora", VALUES, run_changes=settings(seed=1)),
        made_method("feature", VALUES, run_changes=settings(limits={"max_train": 100})),
    )
    assert found == [
        "seed differs: 0 in houlsby, feature; 1 in lora",
        "limits.max_train differs: not set in houlsby, lora; 100 in feature",
    ]


@pytest.mark.parametrize(
    "own",
    [
        {"method": "lora"},
        {"adapter_size": 8},
        {"method_options": {"rank": 4}},
        {"recipe": {"token_budget": 5, "learning_rate": 0.1}},
        {"preset": "paper"},
    ],
)
def test_settings_of_a_method_are_no_difference(own: dict[str, Any]) -> None:
    """A method's own settings, its rate included, are what is compared."""
    first = made_method("houlsby", VALUES, run_changes=settings())
    assert notes(first, made_method("lora", VALUES, run_changes=settings(**own))) == []


def test_unequal_backbones_are_named_without_the_runs_that_have_none() -> None:
    """Another backbone is a note; pipelines without a backbone are not part of it."""
    runs = five_methods()
    small = made_method("lora", VALUES, run_changes={"backbone": "small", "backbone_sha256": "c" * 64})
    assert notes(runs[0], small, runs[4]) == [
        "the backbone differs: tiny (bbbbbbbb...) in houlsby; small (cccccccc...) in lora"
    ]


def test_unequal_machines_make_seconds_incomparable() -> None:
    """Another number of threads is said beside the seconds."""
    other = made_method("lora", VALUES, run_changes={"environment": {"device": "cpu", "num_threads": 2}})
    assert notes(made_method("houlsby", VALUES), other) == [
        "num_threads differs, so seconds do not compare: not set in houlsby; 2 in lora"
    ]


def test_many_tasks_are_counted() -> None:
    """A long list of tasks names six and counts the others."""
    names = tuple("abcdefghi")
    lacking = made_method("lora", VALUES[:1], names=("a",))
    found = notes(made_method("houlsby", [0.5] * 9, names=names), lacking)
    assert found[0].endswith("f (real), g (real) and 2 more tasks")


def test_empty_forgetting_has_its_reasons() -> None:
    """Joint and separate runs are named with why they have no forgetting."""
    runs = five_methods()
    found = " | ".join(empty_notes(run_labels(runs), runs))
    assert "no forgetting of joint: none by construction" in found
    assert "no forgetting of no-bert: not applicable" in found
    assert "undefined for the last arrival" in found


def test_settings_become_dotted_keys() -> None:
    """Nested settings are flattened; the options of a method stay whole."""
    assert flat({"recipe": {"x": {"y": 1}}, "method_options": {"rank": 4}}) == {
        "recipe.x.y": 1,
        "method_options": {"rank": 4},
    }
