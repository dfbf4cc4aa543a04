"""What `python -m stream.verify` says of runs that are no plain proof."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

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


def test_a_run_in_which_nothing_is_learned_is_not_verified(
    run: Callable[..., Outcome], capsys: pytest.CaptureFixture[str]
) -> None:
    """There is nothing to prove: exit code 2 and one sentence."""
    text = Path("birds.csv").read_text(encoding="utf-8")
    Path("birds.csv").write_text(text.replace("label", "lable"), encoding="utf-8")
    assert run("--name", "mine").code == 2
    assert verify.main(["--run", "mine"]) == 2
    assert "'mine' has learned no task yet" in capsys.readouterr().err


def test_a_method_that_forgot_is_as_recorded_and_not_proven(
    run: Callable[..., Outcome], capsys: pytest.CaptureFixture[str]
) -> None:
    """What is served now has the recorded bits; that earlier tasks changed on the way stands beside it."""
    assert run("--name", "mine", "--method", "sequential", "--epochs", "1").code == 0
    assert verify.main(["--run", "mine"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "as recorded: 3 of 3 tasks equal bit for bit; 3 earlier re-evaluations differ (sequential forgets)"
    )


def test_resuming_a_run_that_is_not_there_says_that_it_is_started(run: Callable[..., Outcome]) -> None:
    """A mistyped name is seen, with the runs there are; a run that is there is not announced."""
    small = ("--tasks", "birds", "--epochs", "1")
    first = run("--name", "mine", "--resume", *small)
    assert first.code == 0
    assert "there is no run named 'mine' yet: started; there are no runs yet\n" in first.out + first.err
    typed = run("--name", "mien", "--resume", *small)
    assert typed.code == 0
    assert "there is no run named 'mien' yet: started; the runs are mine\n" in typed.out + typed.err
    again = run("--name", "mine", "--resume", *small)
    assert "there is no run" not in again.out + again.err
    several = run("--name", "mien", "--resume", "--seeds", "2", *small)
    said = several.out + several.err
    assert "there is no run named 'mien-seed-0' yet: started; the runs are mine, mien\n" in said
