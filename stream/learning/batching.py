"""Which examples form a training batch: similar lengths together, in an order that the seed decides."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


def epoch_batches(lengths: npt.NDArray[np.int64], *, batch_size: int, seed: int, epoch: int) -> list[Indices]:
    """Example indices of each batch of an epoch.

    Examples are shuffled, ordered by length (ties stay shuffled) and cut; the batches are then shuffled, so
    that padding is little and no epoch goes from short to long.

    Args:
        lengths: tokens of each example, [examples].
        batch_size: examples of a batch; the last one cut may have fewer.
        seed: the task's seed.
        epoch: 0-based.
    """
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(lengths))
    order = order[np.argsort(lengths[order], kind="stable")]
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    return [batches[i] for i in generator.permutation(len(batches))]


def interleaved(
    batches: Sequence[list[tuple[int, Indices]]], *, seed: int, epoch: int
) -> list[tuple[int, Indices]]:
    """Batches of several tasks in one order that the seed decides; those of one task stay as they are."""
    joined = [batch for part in batches for batch in part]
    if len(batches) < 2:
        return joined
    return [joined[i] for i in np.random.default_rng([seed, epoch, len(batches)]).permutation(len(joined))]
