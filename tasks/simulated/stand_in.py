"""Stand-ins for tasks of every kind, made of simulated classification tasks.

A pair is a simulated text cut in two halves, so its class shows in both together. A score is one of
`NUM_LEVELS` evenly spaced ones, each a class of the simulation. What the best model reaches is known for
accuracy only.
"""

from collections.abc import Callable
from dataclasses import replace

from tasks.card import TaskCard
from tasks.fingerprint import task_fingerprint
from tasks.simulated.spans import simulate_spans
from tasks.simulated.texts import simulate_task
from tasks.task import Limits, Split, Task, TaskKind

NUM_LEVELS = 6
"""Scores of a simulated regression."""
Rewrite = Callable[[Split], Split]


def stand_in(card: TaskCard, *, limits: Limits, seed: int) -> Task:
    """A simulated task of the card's kind and shape; equal arguments give equal bytes everywhere.

    Raises:
        DataError: The card tells neither classes nor sizes.
    """
    if card.kind is TaskKind.SPAN:
        return simulate_spans(card, limits=limits, seed=seed)
    is_regression = card.kind is TaskKind.REGRESSION
    shape = _with_levels(card) if is_regression else card
    task = simulate_task(shape, limits=limits, seed=seed, further_tests=tuple(card.tests))
    task = replace(
        task,
        kind=card.kind,
        secondary=card.secondary,
        published=card.published,
    )
    if is_regression:
        task = _scored(task, card.score_range or (0.0, 1.0))
    elif card.positive in task.labels:
        task = _positive_last(task, card.positive)
    if len(card.text) == 2:
        task = _rewritten(task, _halved)
    everything = (task.train, task.valid, task.test, *task.further_tests.values())
    return replace(task, fingerprint=task_fingerprint(task.name, task.labels, everything))


def _with_levels(card: TaskCard) -> TaskCard:
    """The card as one of equally frequent classes, one per level."""
    rows = (card.num_rows or 0) // NUM_LEVELS
    return replace(card, class_counts={f"level {level}": rows for level in range(NUM_LEVELS)})


def _scored(task: Task, score_range: tuple[float, float]) -> Task:
    low, high = score_range
    values = [low + (high - low) * level / (NUM_LEVELS - 1) for level in range(NUM_LEVELS)]

    def rewrite(split: Split) -> Split:
        return replace(split, labels=[values[int(label)] for label in split.labels])

    return replace(
        _rewritten(task, rewrite),
        labels=(),
        score_range=score_range,
        bayes_accuracy=None,
        notes=(task.notes[0], f"its scores lie on {NUM_LEVELS} levels; how well they can be told is unknown"),
    )


def _positive_last(task: Task, positive: str) -> Task:
    labels = (*(label for label in task.labels if label != positive), positive)
    index = [labels.index(label) for label in task.labels]

    def rewrite(split: Split) -> Split:
        return replace(split, labels=[index[int(label)] for label in split.labels])

    return replace(_rewritten(task, rewrite), labels=labels)


def _halved(split: Split) -> Split:
    words = [text.split(" ") for text in split.texts]
    return replace(
        split,
        texts=[" ".join(text[: (len(text) + 1) // 2]) for text in words],
        pairs=[" ".join(text[(len(text) + 1) // 2 :]) for text in words],
    )


def _rewritten(task: Task, rewrite: Rewrite) -> Task:
    return replace(
        task,
        train=rewrite(task.train),
        valid=rewrite(task.valid),
        test=rewrite(task.test),
        further_tests={name: rewrite(split) for name, split in task.further_tests.items()},
    )
