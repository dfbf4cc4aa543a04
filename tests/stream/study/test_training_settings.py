"""What each study of trainings compares, from its command line."""

from argparse import ArgumentParser, Namespace

import pytest

from stream.study.training.command import TRAINING_STUDIES, size_settings, variant_settings


def options_of(study: str, *given: str) -> Namespace:
    (command,) = (one for one in TRAINING_STUDIES if one.name == study)
    parser = ArgumentParser()
    command.add_options(parser)
    return parser.parse_args(["--tasks", "one", *given])


def test_a_rate_is_that_of_the_adapters_and_what_stands_beside_them_keeps_its_own() -> None:
    """At a rate that suits adapters, full fine-tuning learns nothing."""
    given = options_of("size", "--sizes", "8,64", "--learning-rate", "3e-3")
    settings, reference = size_settings(given, 24, 6)
    assert reference == "fine-tune"
    assert {setting.method: setting.learning_rates for setting in settings} == {
        "houlsby:size=8": (3e-3,),
        "houlsby:size=64": (3e-3,),
        "layer-norm": (1e-2,),
        "fine-tune:1": (1e-4,),
        "fine-tune:2": (1e-4,),
        "fine-tune:4": (1e-4,),
        "fine-tune": (1e-4,),
    }


@pytest.mark.parametrize(
    ("given", "rates"), [((), (3e-3,)), (("--learning-rate", "1e-3,3e-3"), (1e-3, 3e-3))]
)
def test_every_variant_is_tried_at_the_same_rates(given: tuple[str, ...], rates: tuple[float, ...]) -> None:
    """A difference between variants is none of rates."""
    settings, reference = variant_settings(options_of("variants", *given), 24, 6)
    assert reference == "houlsby:size=24"
    assert [setting.learning_rates for setting in settings] == [rates] * 8
