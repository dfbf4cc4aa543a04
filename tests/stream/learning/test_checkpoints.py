import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from db.records import EpochRecord
from stream.learning.checkpoints import NoCheckpoints, TrainingState

EPOCH = EpochRecord(
    position=3,
    attempt=1,
    epoch=0,
    train_loss=0.1 + 0.2,
    valid=1 / 3,
    learning_rate=1e-3,
    num_tokens=123,
    seconds=0.5,
)


def tensors(num: int, seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(i + 1, generator=generator) for i in range(num)]


def state() -> TrainingState:
    return TrainingState(
        attempt=1,
        step=17,
        loss_sum=0.1 + 0.2,
        epochs=(EPOCH, replace(EPOCH, epoch=1)),
        best_epoch=1,
        best_loss=math.pi,
        leaves=tensors(2, 0),
        best_leaves=tensors(2, 1),
        moments=tensors(12, 2),  # two digits: the order must be that of numbers, not of names
    )


def test_round_trip() -> None:
    """A restored state equals the stored one bit for bit, in the order of its tensors."""
    before = state()
    after = TrainingState.from_bytes(before.to_bytes("recipe"), "recipe")
    assert after is not None
    for name in ("attempt", "step", "loss_sum", "epochs", "best_epoch", "best_loss"):
        assert getattr(after, name) == getattr(before, name)
    for name in ("leaves", "best_leaves", "moments"):
        stored, restored = getattr(before, name), getattr(after, name)
        assert len(stored) == len(restored)
        assert all(torch.equal(one, other) for one, other in zip(stored, restored, strict=True))
    assert after.to_bytes("recipe") == before.to_bytes("recipe")


@pytest.mark.parametrize("value", [math.inf, math.nan, -0.0, 5e-324])
def test_any_loss_round_trips(value: float) -> None:
    """Losses keep every bit, infinities and not-a-number included."""
    restored = TrainingState.from_bytes(replace(state(), loss_sum=value, best_loss=value).to_bytes("r"), "r")
    assert restored is not None
    assert restored.loss_sum.hex() == restored.best_loss.hex() == value.hex()


def test_before_the_first_epoch() -> None:
    """A state without a finished epoch is stored and restored."""
    early = replace(state(), epochs=(), best_epoch=-1, best_loss=math.inf)
    restored = TrainingState.from_bytes(early.to_bytes("recipe"), "recipe")
    assert restored is not None
    assert (restored.epochs, restored.best_epoch) == ((), -1)


def test_another_recipe_is_not_gone_on_with() -> None:
    """A checkpoint of another recipe, seed or data set gives nothing: the arrival starts again."""
    assert TrainingState.from_bytes(state().to_bytes("recipe"), "another") is None


def test_no_checkpoints_keep_nothing() -> None:
    """What is handed to `NoCheckpoints` cannot be had back."""
    kept = NoCheckpoints()
    kept.save(3, b"content")
    assert kept.load() is None
