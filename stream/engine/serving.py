"""Stored tasks as they are served: everything an evaluation reads is read from the ledger and hashed for it.

What the bytes were made into (an assembled encoder, padded batches) stays in memory and is used again where
the bytes read now have the same SHA-256. States below a task's first own tensor belong to the backbone: they
are used as long as its compute tensors hash to what they were made from, which is asked once per arrival.
"""

from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

from db import Ledger
from db.records import HashedBytes
from stream.learning.evaluation import (
    EvaluationPlan,
    EvaluationSet,
    FrozenStates,
    evaluate_set,
    frozen_states,
    lay_out,
    make_plan,
)
from stream.learning.learner import Learner
from stream.learning.objectives.objective import Objective, Scoring
from stream.model.backbone.parameters import TaskParameters, fingerprint
from stream.model.encoder.encoder import Encoder, assemble, first_own_level
from stream.results.metrics import Evaluation
from tasks.task import MAIN_SPLIT

RESIDENT_BYTES = 256 * 2**20
"""Bound on each of the three kinds of values kept: encoders, padded test splits, frozen states."""
_OVERHEAD_BYTES = 1024
"""What a small tensor costs beside its numbers, about."""


class _Served(NamedTuple):
    """One task's own tensors made ready."""

    encoder: Encoder
    level: int
    """Layers that lie below everything in the encoder that is not the backbone's."""
    num_bytes: int


class TaskServer:
    """Evaluates the tasks of a run as they are served after an arrival.

    Arguments:
        learner: backbone and method.
        ledger: the run; it may be open for reading only.
        max_bytes: bound on each kind of value kept.
    """

    def __init__(self, learner: Learner, ledger: Ledger, *, max_bytes: int = RESIDENT_BYTES) -> None:
        self._learner = learner
        self._ledger = ledger
        self._max_bytes = max_bytes
        self._scorings: dict[int, Scoring] = {}
        self._sets: Resident[EvaluationSet] = Resident(max_bytes, lambda kept: kept.num_bytes)
        self._encoders: Resident[_Served] = Resident(max_bytes, lambda kept: kept.num_bytes)
        self._states: Resident[FrozenStates] = Resident(max_bytes, lambda kept: kept.num_bytes)
        self._shared: tuple[str, TaskParameters] | None = None
        self._verified: tuple[int, str] | None = None

    def evaluate(self, *, after: int, on: int, split: str = MAIN_SPLIT) -> tuple[Evaluation, EvaluationPlan]:
        """Evaluate own(on) over shared(after) over the backbone; return the plan beside the result.

        Raises:
            ConflictError: the task was removed or not learned yet.
            DamageError: stored bytes are missing or changed.
        """
        own, tests = self._ledger.read_served(on, split)
        scoring = self._scoring(on)
        laid_out = self._sets.get(tests.sha256, lambda: self._laid_out(tests, scoring.objective))
        served = self._served(own, after)
        level = served.level if scoring.objective.pools else min(served.level, len(served.encoder.layers))
        below = self._below(served.encoder, laid_out, (tests.sha256, level), after) if level else None
        evaluation = evaluate_set(served.encoder, laid_out, scoring=scoring, below=below)
        return evaluation, laid_out.plan

    def _scoring(self, on: int) -> Scoring:
        if on not in self._scorings:
            task = self._ledger.task(on)
            self._scorings[on] = Scoring.of(task.kind, task.metric, task.secondary)
        return self._scorings[on]

    def _laid_out(self, tests: HashedBytes, objective: Objective) -> EvaluationSet:
        tokens, backbone = objective.restore(tests.content), self._learner.backbone
        return lay_out(tokens, make_plan(tokens, backbone), backbone)

    def _served(self, own: HashedBytes, after: int) -> _Served:
        if self._learner.method.shares:
            # A shared body has a new hash after every arrival: only the newest is worth keeping.
            return self._assembled(own, self._shared_body(after))
        return self._encoders.get(own.sha256, lambda: self._assembled(own, None))

    def _assembled(self, own: HashedBytes, shared: TaskParameters | None) -> _Served:
        backbone = self._learner.backbone
        parameters = TaskParameters.from_bytes(own.content).to(backbone.device)
        served = parameters if shared is None else parameters.over(shared)
        return _Served(
            encoder=assemble(backbone, served),
            level=first_own_level(served, backbone.architecture),
            num_bytes=parameters.num_parameters * backbone.dtype.itemsize + len(parameters) * _OVERHEAD_BYTES,
        )

    def _shared_body(self, after: int) -> TaskParameters | None:
        """The shared tensors in the compute format."""
        newest = self._ledger.read_shared(after + 1)
        if newest is None:
            return None
        if self._shared is None or self._shared[0] != newest.sha256:
            backbone = self._learner.backbone
            read = TaskParameters.from_bytes(newest.content)
            placed = {name: tensor.to(backbone.device, backbone.dtype) for name, tensor in read.items()}
            self._shared = newest.sha256, TaskParameters(placed)
        return self._shared[1]

    def _below(
        self, encoder: Encoder, laid_out: EvaluationSet, key: tuple[str, int], after: int
    ) -> FrozenStates | None:
        """The states under a key of test set and level; None where those of every token are too many."""
        architecture, level = encoder.architecture, key[1]
        if level <= architecture.num_layers:
            num_tokens = sum(rows * length for rows, length in laid_out.plan.shapes)
            num_bytes = num_tokens * architecture.hidden_size * self._learner.backbone.dtype.itemsize
            if num_bytes > self._max_bytes:
                return None
        self._verify_backbone(after)
        return self._states.get(key, lambda: frozen_states(encoder, laid_out.batches, level))

    def _verify_backbone(self, after: int) -> None:
        """Forget all frozen states if the backbone's tensors are no longer those they were made from.

        Training comes between two arrivals, so once per arrival is enough.
        """
        if self._verified is not None and self._verified[0] == after:
            return
        found = fingerprint(self._learner.backbone.compute)
        if self._verified is not None and self._verified[1] != found:
            self._states.clear()
        self._verified = after, found


Value = TypeVar("Value")


class Resident(Generic[Value]):
    """At most `max_bytes` of values by key.

    Arguments:
        max_bytes: bound on the sum of `size` over the values kept.
        size: bytes of a value.
    """

    def __init__(self, max_bytes: int, size: Callable[[Value], int]) -> None:
        self._max_bytes = max_bytes
        self._size = size
        self._kept: dict[Hashable, Value] = {}
        self.num_bytes = 0
        """Of the values kept."""

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value kept under the key, or make it and keep it where it fits."""
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        made = make()
        num_bytes = self._size(made)
        if self.num_bytes + num_bytes <= self._max_bytes:
            self._kept[key] = made
            self.num_bytes += num_bytes
        return made

    def clear(self) -> None:
        """Keep nothing any more."""
        self._kept.clear()
        self.num_bytes = 0

    def __len__(self) -> int:
        return len(self._kept)
