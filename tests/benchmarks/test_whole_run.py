from pathlib import Path

import pytest

from benchmarks.meter import REST, Meter, Reading
from benchmarks.tiny_backbone import save_tiny_backbone
from benchmarks.whole_run import OVERHEAD, PARTS, overhead_share, run_measured
from stream.display import DisplayKind
from stream.engine.configuration import Overrides, Preset, RunConfiguration, limits_for, recipe_for
from stream.learning.learner import Learner
from tasks import DataMode


@pytest.mark.parametrize("display", ["dashboard", "plain"])
def test_every_part_of_a_run_has_its_time(tmp_path: Path, display: DisplayKind) -> None:
    """A small run spends time in every part, all named, and is the run that it would be unmeasured."""
    few = Overrides(num_epochs=1, batch_size=20, max_length=32)
    configuration = RunConfiguration(
        suite="simulated:2,train=40,valid=10,test=20,classes=2..4,words=8",
        data=DataMode.SIMULATED,
        backbone=str(save_tiny_backbone(tmp_path / "backbone")),
        adapter_size=8,
        preset=Preset.QUICK,
        limits=limits_for(Preset.QUICK, few),
        recipe=recipe_for(Preset.QUICK, few),
    )
    learn = Learner.learn
    meter, results = run_measured(configuration, None, display)
    assert len(results.comparisons) == 3
    assert set(meter.wall) == set(PARTS)
    assert all(meter.wall[part] > 0 for part in PARTS)
    assert set(meter.cpu) == set(PARTS)
    assert Learner.learn is learn
    assert {*OVERHEAD, REST} < set(PARTS)


def test_overhead_counts_what_the_display_draws_meanwhile() -> None:
    """Of 100 seconds the ledger took 2, and another thread drew for 3 while the loop trained: 5 %."""
    readings = iter(
        [Reading(0, 0, 0), Reading(0, 0, 0), Reading(98, 95, 3), Reading(98, 95, 3), Reading(100, 96, 3)]
    )
    meter = Meter(lambda _: "display", lambda: next(readings))
    for part in ("train", "ledger"):
        with meter.inside(part):
            pass
    assert overhead_share(meter) == pytest.approx(0.05)
