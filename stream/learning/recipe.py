"""How a task is trained, as a value, and the hash that says two trainings are the same."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from stream.errors import UserError
from tasks.task import PaperColumn, Task, TaskKind
from tasks.windows import SPAN_LENGTH, TEXT_LENGTH


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """Settings of the training of one arrival."""

    learning_rate: float | None = 1e-3
    """Peak of the schedule; None is open: a run's configuration puts the rate of its method there."""
    num_epochs: int | None = None
    """None: as many as `token_budget` allows."""
    paper_epochs: bool = False
    """Take the paper's number of epochs (Table 4) where the task has one."""
    token_budget: int = 1_000_000
    """Training tokens of one arrival, where the number of epochs is not given."""
    min_epochs: int = 1
    max_epochs: int = 100
    patience: int | None = None
    """Stop after so many epochs without a better validation metric."""
    batch_size: int = 32
    max_length: int = TEXT_LENGTH
    """Tokens of a text, special tokens included."""
    span_max_length: int = SPAN_LENGTH
    """Tokens of a window of a span task, special tokens included."""
    warmup_fraction: float = 0.1
    """Share of the steps with a rising rate (Houlsby et al. 2019, section 3.1)."""
    weight_decay: float = 0.01
    """As in the paper's code, on weights only."""
    clip_norm: float = 1.0
    """Bound on the global norm of the gradient, as in the paper's code."""

    def for_task(self, task: Task) -> "Recipe":
        """This recipe with what the task's kind and its own card say over it."""
        chosen = {name: value for name, value in asdict(task.overrides).items() if value is not None}
        length = self.length_for(task.kind)
        window = length if task.kind is TaskKind.SPAN else SPAN_LENGTH
        return replace(self, max_length=length, span_max_length=window, **chosen)

    def length_for(self, kind: TaskKind) -> int:
        """Tokens of a text, or of a window, of a kind of task."""
        return self.span_max_length if kind is TaskKind.SPAN else self.max_length

    def epochs_for(
        self,
        task: Task,
        tokens_per_epoch: int,
        paper_column: PaperColumn = "adapters",
    ) -> int:
        """Epochs to train a task whose training split has that many tokens.

        `paper_column` says whose epochs of the paper's Table 4 apply where these are asked for.
        """
        if self.num_epochs is not None:
            return self.num_epochs
        if self.paper_epochs and task.paper is not None:
            return task.paper.epochs(paper_column)
        wanted = round(self.token_budget / max(tokens_per_epoch, 1))
        return min(max(wanted, self.min_epochs), self.max_epochs)

    @property
    def peak_rate(self) -> float:
        """The peak of the schedule. Raises UserError where it is open."""
        if self.learning_rate is None:
            raise UserError("the recipe has no learning rate; give it one, such as learning_rate=1e-3")
        return self.learning_rate

    def rate(self, step: int, num_steps: int) -> float:
        """Rate of a 0-based step: linear warm-up, then linear decay to zero (section 3.1)."""
        warmup = max(round(self.warmup_fraction * num_steps), 1)
        if step < warmup:
            return self.peak_rate * (step + 1) / warmup
        return self.peak_rate * (num_steps - step) / max(num_steps - warmup, 1)


def recipe_sha256(recipe: Recipe, **covers: str | int | Mapping[str, Any]) -> str:
    """Identity of a training: data, seed, method, backbone and settings; never position or time."""
    settings = asdict(recipe)
    if recipe.span_max_length == SPAN_LENGTH:  # identities from before there were windows stay as they are
        del settings["span_max_length"]
    content = {"recipe": settings, **covers}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
