"""tasks.simulated.texts.settling."""

import math
from collections.abc import Iterator

from tasks.stream_settings import MOST_WORDS, SimulatedTask, StreamSettings


def settle_tasks(stream: StreamSettings) -> Iterator[SimulatedTask]:
    """The tasks of a stream in order; a few microseconds each."""
    from tasks.simulated.word_model import random_stream

    # One row of random numbers per task: rows stay what they are, however many follow.
    rows = random_stream(stream.seed, "simulated stream", "settings").random((stream.tasks, 7)).tolist()
    own: list[int] = []
    for position in range(stream.tasks):
        is_repeat = stream.recurring > 0 and (position + 1) % stream.recurring == 0
        repeats = own[math.floor(rows[position][6] * len(own))] if is_repeat else None
        if repeats is None:
            own.append(position)
        yield _settle(stream, position, repeats, rows[position if repeats is None else repeats])


def _settle(
    stream: StreamSettings, position: int, repeats: int | None, uniforms: list[float]
) -> SimulatedTask:
    return SimulatedTask(
        stream=stream,
        position=position,
        repeats=repeats,
        num_classes=stream.classes.whole(uniforms[0]),
        num_train=stream.train.size(uniforms[1]),
        num_valid=stream.valid.size(uniforms[2]),
        num_test=stream.test.size(uniforms[3]),
        mean_words=min(stream.words.size(uniforms[4]), MOST_WORDS),
        accuracy=stream.accuracy.even(uniforms[5]),
    )
