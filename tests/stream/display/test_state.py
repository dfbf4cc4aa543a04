from dataclasses import replace

import pytest

from db.records import RunStatus
from stream.display import state as states
from stream.display.estimate import seconds_left
from stream.display.state import StreamState
from stream.results.run_results import RunResults
from tests.stream.display.made_states import (
    ended,
    made_epoch,
    made_progress,
    made_stream,
    row_of,
    under_way,
)
from tests.stream.made_runs import made_results

FORGETFUL = {(1, 0): 0.4, (2, 0): 0.3, (2, 1): 0.45}


def replayed(results: RunResults, start: StreamState, first: int = 0) -> StreamState:
    state = start
    for task in results.tasks[first:]:
        for comparison in row_of(results, task.position):
            state = states.task_evaluated(state, comparison, now=0.0)
        state = states.arrival_finished(state, task, results.growth.points[task.position])
    return state


@pytest.mark.parametrize("values", [None, FORGETFUL])
def test_events_and_ledger_agree(values: dict[tuple[int, int], float] | None) -> None:
    """A run told event by event ends in the state that is read from its results."""
    results = made_stream(3, 3, values=values)
    told = replayed(results, states.state_from_results(made_stream(3, 0), now=0.0))
    read = states.state_from_results(results, now=0.0)
    assert told.evaluation_seconds == pytest.approx(read.evaluation_seconds)
    assert replace(told, run=read.run, evaluation_seconds=read.evaluation_seconds) == read


def test_forgetting_is_that_of_the_matrix() -> None:
    """The running average forgetting equals the one that the accuracy matrix computes from all its rows."""
    results = made_stream(3, 3, values={**FORGETFUL, (1, 0): 0.7})
    state = states.state_from_results(results, now=0.0)
    assert state.forgetting == pytest.approx(results.matrix.average_forgetting())
    assert state.forgetting == pytest.approx(((0.7 - 0.3) + (0.51 - 0.45)) / 2)


def test_forgetting_is_undefined_for_one_task() -> None:
    """After one arrival there is nothing to forget, which is not a forgetting of zero."""
    assert states.state_from_results(made_stream(3, 1), now=0.0).forgetting is None


def test_repeated_events_change_nothing() -> None:
    """A resumed loop that repeats finished arrivals leaves the very same state."""
    results = made_stream(3, 2)
    state = states.state_from_results(results, now=0.0)
    assert states.task_evaluated(state, results.comparisons[0], now=1.0) is state
    assert states.arrival_finished(state, results.tasks[0], results.growth.points[0]) is state
    assert states.epoch_finished(state, made_epoch(1, 0), now=1.0) is state
    assert states.training_progressed(state, made_progress(0, 3), now=1.0) is state


def test_a_cell_counts_once() -> None:
    """A comparison that arrives twice within the row under way is counted once."""
    results = made_stream(3, 3)
    state = states.state_from_results(made_stream(3, 2), now=0.0)
    for _ in range(2):
        state = states.task_evaluated(state, row_of(results, 2)[0], now=0.0)
    assert (state.proof.num_equal, state.proof.num_expected) == (4, 6)


def test_a_row_cut_short_is_continued() -> None:
    """After a kill between two re-evaluations the row goes on, and its comparisons are expected once."""
    results = made_stream(3, 3)
    cut = replace(
        results,
        matrix=type(results.matrix).from_cells(
            results.run.task_names, {(c.after, c.on): c.value for c in results.comparisons[:4]}
        ),
        comparisons=results.comparisons[:4],
        proof=replace(results.proof, num_equal=4),
    )
    state = states.state_from_results(cut, now=0.0)
    assert (state.num_finished, state.row, state.current and state.current.name) == (
        2,
        (0.5,),
        "corporate-messaging",
    )
    for comparison in row_of(results, 2):
        state = states.task_evaluated(state, comparison, now=0.0)
    assert (state.proof.num_equal, state.proof.num_expected) == (6, 6)


def test_a_row_not_begun_is_expected_once() -> None:
    """After a kill between learning and the first re-evaluation the proof of the ledger expects the row."""
    results = made_stream(3, 3)
    learned = replace(
        results,
        matrix=made_stream(3, 2).matrix,
        comparisons=results.comparisons[:3],
        proof=replace(results.proof, num_equal=3),
    )
    state = states.state_from_results(learned, now=0.0)
    state = states.task_evaluated(state, row_of(results, 2)[0], now=0.0)
    assert (state.proof.num_equal, state.proof.num_expected) == (4, 6)


def test_altered_values_are_not_equal() -> None:
    """Equal digests beside another value do not count as equal: one of the stored numbers was altered."""
    comparison = replace(row_of(made_stream(2, 2), 1)[0], value=0.1, digest_equal=True)
    state = states.task_evaluated(states.state_from_results(made_stream(2, 1), now=0.0), comparison, now=0.0)
    assert state.proof.num_different == 1


def test_a_restart_begins_a_new_list_of_epochs() -> None:
    """Epochs of an attempt that was given up are not drawn with those of the next one."""
    state = states.epoch_finished(under_way(3, 1), made_epoch(1, 1, attempt=1), now=130.0)
    assert state.current is not None
    assert [epoch.attempt for epoch in state.current.epochs] == [1]


def test_time_left_counts_tasks_and_cells() -> None:
    """Half of one task, one more task and the cells still to come, at the means so far."""
    state = under_way(3, 1)
    # 60 of 120 steps in 20 s: 20 s to go; one more task at 1.5 s; 5 of 6 cells at 0.1 s.
    assert seconds_left(state, now=120.0) == pytest.approx(20.0 + 1.5 + 0.5)


def test_time_left_is_unknown_at_first() -> None:
    """Before anything was measured no time is promised."""
    assert seconds_left(states.state_from_results(made_stream(3, 0), now=0.0), now=9.0) is None


def test_an_ended_run_has_no_time_left() -> None:
    """A run that ended, even half way, promises nothing."""
    results = ended(made_stream(3, 1), RunStatus.INTERRUPTED)
    state = states.run_finished(states.state_from_results(results, now=0.0), results, now=5.0)
    assert seconds_left(state, now=9.0) is None
    assert state.run.status is RunStatus.INTERRUPTED


def test_a_removed_task_is_not_missed() -> None:
    """A row without the cell of a removed task is complete, and forgetting leaves that task out."""
    whole = made_results(("a", "b", "c"), removed=(0,), values={(2, 1): 0.4})
    cells = {(c.after, c.on): c.value for c in whole.comparisons if (c.after, c.on) != (2, 0)}
    results = replace(whole, matrix=type(whole.matrix).from_cells(whole.run.task_names, cells))
    state = states.state_from_results(results, now=0.0)
    assert (state.num_finished, state.current) == (3, None)
    assert state.forgetting == pytest.approx(0.11)


def test_notices_are_bounded() -> None:
    """Of many notices the newest are kept."""
    state = under_way(3, 1)
    for number in range(20):
        state = states.noticed(state, f"notice {number}")
    assert len(state.notices) == states.NUM_NOTICES
    assert state.notices[-1] == "notice 19"
