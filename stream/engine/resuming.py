"""What `--resume` compares: a run is continued with what it was started with, and with nothing else.

Nothing is ever learned under another task's name: names, order and number of the tasks are compared too.
"""

from collections.abc import Sequence
from itertools import zip_longest

from db import ConfigurationError
from db.records import NewRun, RunRecord
from stream.engine.configuration import difference, with_added
from stream.errors import UserError


def check_same(stored: RunRecord, new: NewRun) -> None:
    """A run is continued with the configuration, the backbone and the tasks that it was started with.

    Raises:
        ConfigurationError: a setting or the backbone differs.
        UserError: the tasks do.
    """
    changed = difference(with_added(stored.configuration), new.configuration)
    if stored.backbone_sha256 != new.backbone_sha256:
        changed["backbone_sha256"] = (stored.backbone_sha256, new.backbone_sha256)
    if changed:
        raise ConfigurationError(new.name, changed)
    check_names(new.name, stored.task_names, new.task_names)


def check_names(run: str, recorded: Sequence[str], now: Sequence[str]) -> None:
    """The stream still has the tasks that were recorded, in the recorded order.

    Raises:
        UserError: one differs; the sentence names the first position where it does, counted from 0.
    """
    for position, (before, after) in enumerate(zip_longest(recorded, now)):
        if before != after:
            raise UserError(
                f"The run '{run}' was recorded with {_task(before)} at position {position}, where the suite "
                f"has {_task(after)} now: let the suite name the recorded tasks in the recorded order, "
                "or start a new run with another --name."
            )


def _task(name: str | None) -> str:
    return "no task" if name is None else f"'{name}'"
