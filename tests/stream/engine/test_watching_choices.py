"""A viewer of a run that chooses sees which candidate is in training, and the dashboard says so."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from db import Database
from stream.display.estimate import seconds_left
from stream.display.progress import candidate_fields
from stream.display.protocol import ChoosingProgress
from stream.display.state import candidate_progressed, state_from_results
from stream.engine.following import candidate_in_training
from stream.engine.simulator import simulate
from tests.made_choices import Watching, choosing
from tests.stream.made_runs import made_results
from tests.stream.tiny import tiny_backbone
from tests.tiny_runs import NAMES, RECIPE, quick_and_single, start_run, tiny_learner, tiny_stream, tiny_task

PROGRESS = ChoosingProgress(
    position=0,
    number=3,
    num_candidates=6,
    label="size 8, rate 0.003",
    rung=0,
    num_rungs=3,
    num_epochs=1,
    valid=None,
    leader="size 2, rate 0.003",
    leader_valid=0.853,
)


@pytest.fixture(autouse=True, scope="module")
def _quick() -> Iterator[None]:
    with quick_and_single():
        yield


def test_a_viewer_sees_what_the_run_shows(tmp_path: Path) -> None:
    """Stopped inside the third candidate's first epoch, the rows say third of six, and who leads."""
    watching = Watching(stop_at=8)  # begin, epoch, end; begin, epoch, end; begin, epoch
    with Database.open(f"sqlite:///{tmp_path}/runs.db") as database:
        learner = tiny_learner(tiny_backbone(), recipe=replace(RECIPE, num_epochs=4))
        ledger = start_run(database, learner, NAMES[:1])
        with pytest.raises(KeyboardInterrupt):
            simulate(tiny_stream([tiny_task(NAMES[0])]), learner, ledger, watching, choosing())
        assert candidate_in_training(ledger, 0) == watching.candidates[-1]
    assert (watching.candidates[-1].number, watching.candidates[-1].num_candidates) == (3, 6)


def test_the_line_names_candidate_rung_and_leader() -> None:
    """One line: place, rung, what sets the candidate apart, and the leader with its score."""
    state = state_from_results(made_results(names=("a", "b"), num_learned=0), now=0.0)
    state = candidate_progressed(state, PROGRESS, now=1.0)
    assert state.current is not None
    (parts,) = candidate_fields(state.current)
    assert [str(part) for part in parts] == [
        "candidate 3/6, rung 1/3",
        "size 8, rate 0.003",
        "leads 85.3 %: size 2, rate 0.003",
    ]
    assert candidate_progressed(state, PROGRESS, now=2.0) is state


def test_no_time_is_promised_while_settings_are_chosen() -> None:
    """Recorded times are of chosen candidates only, so no estimate is made from them."""
    results = made_results(names=("a", "b", "c"), num_learned=2)
    assert seconds_left(state_from_results(results, now=0.0), now=5.0) is not None
    run = replace(results.run, configuration={"sweep": {"halving": True}, "choices_from": None})
    assert seconds_left(state_from_results(replace(results, run=run), now=0.0), now=5.0) is None
