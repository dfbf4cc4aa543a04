"""Latencies as plain values."""

import numpy as np
import pytest

from db.records.measurements import Measurement
from stream.study.latency.values import STUDY, Quartiles, latency_key, latency_study
from tests.stream.made_latencies import made_latency, made_latency_study
from tests.stream.made_runs import made_run


def test_quartiles_are_those_of_numpy() -> None:
    """Interpolated between neighbours; of one value all three are it."""
    values = [3.0, 1.0, 4.0, 1.5, 9.0]
    found = Quartiles.of(values)
    assert (found.low, found.median, found.high) == (1.5, 3.0, 4.0)
    assert found.median == np.median(values)
    assert Quartiles.of([2.0]) == Quartiles(low=2.0, median=2.0, high=2.0)


def test_the_overhead_is_taken_pair_by_pair() -> None:
    """A drift that doubles both sides of a pair changes nothing: +20.7 % stays +20.7 %."""
    latency = made_latency(bare_seconds=(0.0198, 0.0396, 0.0099), seconds=(0.0239, 0.0478, 0.01195))
    assert latency.overhead.median == pytest.approx(0.207, abs=1e-3)
    assert latency.overhead.low == pytest.approx(latency.overhead.high)
    assert latency.milliseconds.median == pytest.approx(23.9)
    assert latency.bare_milliseconds.median == pytest.approx(19.8)


def test_measurements_become_a_study_in_order() -> None:
    """By method, size, batch and length as numbers; panels, batches and lengths are those that occur."""
    keys = [("houlsby", 64, 16, 8), ("houlsby", 8, 1, 8), ("adapter-l", 8, 4, 128), ("lora", None, 1, 16)]
    content = {"seconds": [0.2, 0.3], "bare_seconds": [0.1, 0.1], "num_passes": 2}
    found = [Measurement(study=STUDY, key=latency_key(*key), content=content) for key in keys]
    run = made_run(())
    object.__setattr__(run, "configuration", {"measures": STUDY, "clock": "wall time"})
    environment = {"device_model": "cpu x", "dtype": "float32", "num_threads": 2}
    object.__setattr__(run, "environment", environment)
    study = latency_study(run, found)
    assert study.panels == (("adapter-l", 8), ("houlsby", 8), ("houlsby", 64), ("lora", None))
    assert (study.batch_sizes, study.lengths) == ((1, 4, 16), (8, 16, 128))
    assert (study.device, study.clock, study.num_threads) == ("cpu x", "wall time", 2)
    assert study.latencies[0].seconds == (0.2, 0.3)


def test_a_panel_holds_its_method_and_size_only() -> None:
    """By batch size and length."""
    study = made_latency_study()
    assert set(study.of_panel(("houlsby", 8))) == {(1, 16), (1, 128), (4, 16), (4, 128)}
    assert {one.adapter_size for one in study.of_panel(("lora", None)).values()} == {None}
