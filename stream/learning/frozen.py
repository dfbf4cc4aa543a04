"""What lies below a task's first own tensor: the same for all tasks, so it is computed once per test split.

Only states of a backbone whose compute tensors still hash to what they were made from may be used; they are
kept in memory alone, so they never outlive the process that made them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stream.model.batch import Batch
from stream.model.encoder import Encoder, states_below


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FrozenStates:
    """Hidden or pooled states of the batches of one token set."""

    level: int
    """Layers that lie below; more than there are where the states are pooled."""
    states: tuple[Tensor, ...]

    @property
    def num_bytes(self) -> int:
        """Bytes of all states."""
        return sum(state.nbytes for state in self.states)


@torch.inference_mode()
def frozen_states(encoder: Encoder, batches: Sequence[Batch], level: int) -> FrozenStates:
    """The states below `level` in the shapes they are used in: other shapes may give other bits."""
    return FrozenStates(level=level, states=tuple(states_below(encoder, batch, level) for batch in batches))
