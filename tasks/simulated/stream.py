"""The tasks of a simulated stream, generated when they arrive: texts whose best classifier is known.

All tasks of a stream share one background of word frequencies and one set of classes, over slots. Class j
prefers slots 6 j to 6 j + 5; a task with fewer classes uses the first ones, and the slots of the others are
as good as any. Which words stand in the slots is the task's `vocabulary`. So the Bayes accuracy depends on
the number of classes, the length of the texts and the label noise alone: it is measured once for each such
combination, and a task then costs little more than its words.
"""

from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np
from jaxtyping import Bool, Float64

from tasks.fingerprint import task_fingerprint
from tasks.simulated.difficulty import STATED_ERROR, Difficulty, measure_difficulty
from tasks.simulated.texts import OWN_SHARE, OWN_WORDS, draw_split, text_lengths, word_list
from tasks.simulated.vocabulary import vocabulary
from tasks.simulated.word_model import WordModel
from tasks.stream_settings import MAX_CLASSES, Recurrence, SimulatedTask
from tasks.task import DataStatus, Limits, Task

MISSED = 0.005
"""A Bayes accuracy that is further than this from the one asked for is remarked upon."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """What tasks of one number of classes, text length and label noise have in common."""

    model: WordModel
    """Over slots; its clarity is still to be chosen."""
    difficulty: Difficulty


def generate_task(settled: SimulatedTask, *, title: str, limits: Limits, split_seed: int = 0) -> Task:
    """The task with its texts; equal arguments give equal bytes everywhere.

    Only the examples that `limits` leaves are generated, and example i of a split is the same under every
    limit. Another `split_seed` draws other examples from the same distribution.
    """
    stream = settled.stream
    model = slot_model(settled)
    spelled = task_words(settled)
    key = ("simulated stream", stream.seed, split_seed, settled.drawn_at)
    train, valid, test = (
        draw_split(model, (*key, split), size if cap is None else min(size, cap), words=spelled)
        for split, size, cap in (
            ("train", settled.num_train, limits.max_train),
            ("valid", settled.num_valid, limits.max_valid),
            ("test", settled.num_test, limits.max_test),
        )
    )
    name = stream.name_of(settled.position)
    labels = tuple(f"class {index:03d}" for index in range(settled.num_classes))
    return Task(
        name=name,
        title=title,
        data=DataStatus.SIMULATED,
        labels=labels,
        train=train,
        valid=valid,
        test=test,
        fingerprint=task_fingerprint(name, labels, (train, valid, test)),
        bayes_accuracy=round(_shape_of(settled).difficulty.accuracy(model.clarity), 4),
        notes=_notes(settled, model.clarity),
    )


def slot_model(settled: SimulatedTask) -> WordModel:
    """The distribution of a task's texts over slots, as clear as the accuracy aimed at needs."""
    shape = _shape_of(settled)
    return replace(shape.model, clarity=shape.difficulty.solve(settled.accuracy))


def task_words(settled: SimulatedTask) -> tuple[str, ...]:
    """The word in each slot of a task."""
    words = word_list()
    order = vocabulary(
        len(words),
        seed=settled.stream.seed,
        similarity=settled.stream.similarity,
        drift=settled.stream.drift,
        position=settled.origin,
    )
    return tuple(words[index] for index in order.tolist())


def _shape_of(settled: SimulatedTask) -> Shape:
    return _shape(settled.num_classes, settled.mean_words, settled.stream.label_noise)


@lru_cache(maxsize=64)
def _shape(num_classes: int, mean_words: int, label_noise: int | float) -> Shape:
    model = WordModel(
        class_shares=np.full(num_classes, 1 / num_classes),
        background=_background(),
        own_words=_own_slots(num_classes),
        own_share=OWN_SHARE,
        clarity=1.0,
        lengths=text_lengths(float(mean_words)),
        label_noise=label_noise,
    )
    key = ("difficulty", num_classes, mean_words, float(label_noise))  # 0 and 0.0 are one noise
    return Shape(model=model, difficulty=measure_difficulty(model, *key))


@cache
def _background() -> Float64[np.ndarray, " slots"]:
    """Equally frequent slots for the classes; the others fall off as Zipf's law with Mandelbrot's offset."""
    num_slots, num_own = len(word_list()), MAX_CLASSES * OWN_WORDS
    zipf = 1 / (np.arange(num_slots - num_own) + 10.0)
    rest = (num_slots - num_own) / num_slots
    background: Float64[np.ndarray, " slots"]
    background = np.append(np.full(num_own, 1 / num_slots), zipf / zipf.sum() * rest)
    return background


def _own_slots(num_classes: int) -> Bool[np.ndarray, "classes slots"]:
    own: Bool[np.ndarray, "classes slots"]
    own = np.arange(len(word_list())) // OWN_WORDS == np.arange(num_classes)[:, None]
    return own


def _notes(settled: SimulatedTask, clarity: float) -> tuple[str, ...]:
    """Few different ones, so that a report on many tasks says each once."""
    difficulty, stream = _shape_of(settled).difficulty, settled.stream
    noise = f"label noise of {100 * stream.label_noise:g} % included"
    notes = [f"Bayes accuracy to within {STATED_ERROR:.3f} (95 %), {noise}"]
    missed = difficulty.accuracy(clarity) - settled.accuracy
    if abs(missed) > MISSED:
        side = "most" if missed < 0 else "least"
        notes.append(f"Bayes accuracy is the {side} that classes, text length and label noise allow")
    if settled.repeats is not None:
        again = "the texts" if stream.recurrence is Recurrence.EXACT else "fresh texts of the classes"
        notes.append(f"recurring: {again} of {stream.name_of(settled.repeats)}")
    return tuple(notes)
