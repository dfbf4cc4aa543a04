"""What `python -m stream.verify` says of runs that are no plain proof."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from stream import verify
from tests.end_to_end.conftest import Outcome


def test_a_task_recorded_under_anothers_name_is_damage(
    run: Callable[..., Outcome], capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a run that was continued with its tasks in another order: position and both names are said."""
    assert run("--name", "mine", "--tasks", "birds,clouds", "--epochs", "1").code == 0
    names = json.dumps(["birds", "doors"])
    with closing(sqlite3.connect("runs.db")) as connection, connection:
        connection.execute("UPDATE runs SET task_names = ?", (names,))
    assert verify.main(["--run", "mine"]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert "position 1" in last
    assert "'clouds'" in last
    assert "'doors'" in last
