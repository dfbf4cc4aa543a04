"""Measurements: recorded once, together or not at all, and their rows checked."""

import sqlite3
from contextlib import closing

import pytest

from db import ConflictError, DamageError, Database, Ledger
from db.records.measurements import Measurement
from tests.db.made_records import new_run


def measured(first: int, value: float | None = 0.5, study: str = "ablation") -> Measurement:
    """A measurement at a key of two numbers."""
    return Measurement(study=study, key={"last": 3, "first": first}, content={"value": value, "of": ["a", 1]})


def test_measurements_come_back_by_study(ledger: Ledger) -> None:
    """What a study recorded comes back with equal values; other studies of the run have their own."""
    ledger.record_measurement(measured(1))
    ledger.record_measurements([measured(0, None), measured(0, study="latency")])
    assert ledger.measurements("ablation") == (measured(0, None), measured(1))
    assert ledger.measurements("latency") == (measured(0, study="latency"),)
    assert ledger.measurements("size") == ()


def test_runs_have_measurements_of_their_own(database: Database, ledger: Ledger) -> None:
    """Another run may hold the same key, and reads only its own."""
    other = database.create_run(new_run("second"))
    ledger.record_measurement(measured(0, 0.25))
    other.record_measurement(measured(0, 0.75))
    assert ledger.measurements("ablation") == (measured(0, 0.25),)
    assert other.check_rows() == ledger.check_rows() == ()


def test_a_key_is_measured_once(ledger: Ledger) -> None:
    """A key in another order is the same key; of measurements that came with a repeated one none is kept."""
    ledger.record_measurement(measured(0))
    again = Measurement(study="ablation", key={"first": 0, "last": 3}, content={})
    with pytest.raises(ConflictError):
        ledger.record_measurements([measured(1), again])
    assert ledger.measurements("ablation") == (measured(0),)


def edited(ledger: Ledger, content: str) -> Ledger:
    """The ledger after another program changed what was measured."""
    with closing(sqlite3.connect(ledger.storage.address.file)) as connection, connection:
        connection.execute("UPDATE measurements SET content = ?", (content,))
    return ledger


def test_an_edited_measurement_is_named(file_ledger: Ledger) -> None:
    """The check names study and key of a row whose content changed, and nothing before."""
    file_ledger.record_measurement(measured(2))
    assert file_ledger.check_rows() == ()
    (damage,) = edited(file_ledger, '{"value":0.9}').check_rows()
    assert damage.what == 'row of ablation measurement {"first":2,"last":3}'
    assert damage.position is None


@pytest.mark.parametrize("content", ["not JSON", "[1]"])
def test_an_unreadable_measurement_is_damage(file_ledger: Ledger, content: str) -> None:
    """Content that no program of ours writes is damage, not a crash."""
    file_ledger.record_measurement(measured(0))
    with pytest.raises(DamageError, match="measurement row of ablation"):
        edited(file_ledger, content).measurements("ablation")
