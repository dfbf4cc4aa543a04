"""How much longer a run takes, roughly."""

from stream.display.state import StreamState

MIN_STEPS_FOR_ESTIMATE = 5
"""Fewer optimiser steps say nothing about the time left: the first ones warm caches up."""


def seconds_left(state: StreamState, now: float) -> float | None:
    """Return a rough time to the end, from the mean time of tasks and re-evaluations so far.

    None where nothing has been measured that says anything, and where settings are chosen: the recorded times
    are those of the chosen candidates. Later tasks may be larger or smaller: it is an estimate and to be
    shown as one.
    """
    settings = state.run.configuration
    is_choosing = settings.get("sweep") is not None and settings.get("choices_from") is None
    if state.ended_at is not None or is_choosing:
        return None
    times = [task.seconds for task in state.tasks if task.seconds is not None]
    here = _current_seconds_left(state, now)
    if not times and here is None:
        return None
    elapsed = now - state.current.started_at if state.current else 0.0
    mean = sum(times) / len(times) if times else elapsed + (here or 0.0)
    to_come = state.num_tasks - len(state.tasks) - (1 if _is_training(state) else 0)
    num_cells = state.num_tasks * (state.num_tasks + 1) // 2 - state.proof.num_done
    cell = state.evaluation_seconds / state.proof.num_done if state.proof.num_done else 0.0
    under_way = here if here is not None else max(0.0, mean - elapsed) if _is_training(state) else 0.0
    return to_come * mean + under_way + max(0, num_cells) * cell


def _is_training(state: StreamState) -> bool:
    """Whether the current arrival's parameters are still to come."""
    current = state.current
    return current is not None and not state.row and current.position >= len(state.tasks)


def _current_seconds_left(state: StreamState, now: float) -> float | None:
    current = state.current
    if current is None or current.progress is None or not _is_training(state):
        return None
    steps = current.progress.step - current.first_step
    if steps < MIN_STEPS_FOR_ESTIMATE:
        return None
    left = current.progress.num_steps - current.progress.step
    return max(0.0, left * (now - current.first_step_at) / steps)
