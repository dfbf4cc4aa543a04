"""What every side is given: the same examples of the same tasks, tokenised once here, as files."""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stream.learning.encoding import encode_split
from stream.model.backbone.loading import load_backbone
from stream.model.backbone.names import MINILM
from tasks import DataMode, Limits, Split, Task, load_task, open_suite

SUITE = "additional17"
MAX_LENGTH = 128
"""Tokens of a text."""
WARM_UP_STEPS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskFiles:
    """One task to be trained or evaluated."""

    name: str
    data: str
    """`real`, `partial` or `simulated`."""
    num_labels: int
    num_train: int
    num_test: int
    train: Path
    warm_up: Path
    """The first examples of `train`."""
    test: Path


def load_tasks(names: Sequence[str], home: Path | None, limits: Limits) -> list[Task]:
    """Tasks of additional17: real data where it is at hand, simulated stand-ins otherwise.

    Raises:
        SuiteError: there is no task of that name.
        DataError: data cannot be read.
    """
    suite = open_suite(SUITE)
    cards = suite.select(tuple(names)).cards if names else suite.cards
    mode = DataMode.SIMULATED if home is None else DataMode.AUTO
    return [load_task(card, home=home, mode=mode, limits=limits) for card in cards]


def write_tasks(tasks: Sequence[Task], folder: Path, *, batch_size: int) -> tuple[TaskFiles, ...]:
    """Tokenise tasks into files of a folder, and keep the tasks themselves as `tasks.pickle` there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tasks.pickle").write_bytes(pickle.dumps(list(tasks)))
    tokenizer = load_backbone(MINILM).tokenizer

    def written(split: Split, name: str) -> Path:
        path = folder / f"{name}.safetensors"
        path.write_bytes(encode_split(tokenizer, split, max_length=MAX_LENGTH).tokens.to_bytes())
        return path

    return tuple(
        TaskFiles(
            name=task.name,
            data=task.data.value,
            num_labels=len(task.labels),
            num_train=len(task.train),
            num_test=len(task.test),
            train=written(task.train, f"{task.name}-train"),
            warm_up=written(first(task.train, WARM_UP_STEPS * batch_size), f"{task.name}-warm-up"),
            test=written(task.test, f"{task.name}-test"),
        )
        for task in tasks
    )


def read_tasks(folder: Path) -> list[Task]:
    """The tasks that `write_tasks` left in a folder."""
    tasks: list[Task] = pickle.loads((folder / "tasks.pickle").read_bytes())
    return tasks


def first(split: Split, count: int) -> Split:
    """The first examples of a split."""
    pairs = None if split.pairs is None else split.pairs[:count]
    return Split(texts=split.texts[:count], labels=split.labels[:count], pairs=pairs)


def data_of(files: Sequence[TaskFiles]) -> Mapping[str, str]:
    """Where each task's examples come from."""
    return {task.name: task.data for task in files}
