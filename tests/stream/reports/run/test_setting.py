"""The setting of a run in words."""

from dataclasses import replace

from stream.reports.run.setting import setting_text
from tests.stream.made_runs import made_run

RECIPE = {"learning_rate": 0.003, "batch_size": 32, "max_length": 128, "num_epochs": 2}


def test_what_decides_the_numbers_is_named() -> None:
    """Size, rate, batches, length, number format and threads stand beside preset and seed."""
    run = replace(
        made_run("ab"),
        configuration={
            "preset": "quick",
            "recipe": RECIPE,
            "method_options": {"adapter_size": 24},
            "seed": 7,
        },
        environment={"device": "cpu", "dtype": "bfloat16", "num_threads": 2},
    )
    assert setting_text(run) == (
        "preset quick; 2 epochs; adapter size 24; learning rate 0.003; batches of 32; "
        "texts of at most 128 tokens; computed in bfloat16 on 2 threads; seed 7"
    )


def test_what_is_chosen_for_each_task_is_not() -> None:
    """A rate that each task chose is no setting of the run."""
    run = replace(
        made_run("ab"),
        configuration={"preset": "quick", "recipe": RECIPE, "sweep": {"learning_rates": [1e-3, 1e-2]}},
    )
    assert "learning rate" not in (setting_text(run) or "")
