import torch

from stream.learning.steps import Glimpse, LossSum, TrainingBatch, padded_length
from tests.stream.tiny import CPU


def test_few_lengths_are_captured() -> None:
    """On a GPU lengths are rounded up, to no more than there are positions; a CPU takes them as they are."""
    lengths = (1, 16, 17, 509)
    assert [padded_length(length, torch.device("cuda"), 510) for length in lengths] == [16, 16, 32, 510]
    assert [padded_length(length, CPU, 510) for length in lengths] == list(lengths)


def test_batches_of_one_shape_share_a_step() -> None:
    """The shape tells tasks, numbers of rows and lengths apart, and not which examples they are."""

    def batch(part: int, rows: int, length: int, first: int = 0) -> TrainingBatch:
        return TrainingBatch(part=part, indices=torch.arange(first, first + rows), length=length)

    assert batch(0, 8, 16).shape == batch(0, 8, 16, first=5).shape
    assert len({batch(*shape).shape for shape in ((0, 8, 16), (1, 8, 16), (0, 7, 16), (0, 8, 32))}) == 4


def test_losses_count_by_examples() -> None:
    """The sum weighs each batch's mean by its examples; a CPU's glimpse is that of the step at hand."""
    losses = LossSum(CPU)
    losses.add(torch.tensor(2.0), 3)
    losses.add(torch.tensor(0.5), 2)
    assert losses.value() == 7.0
    assert losses.glimpse(2) == Glimpse(step=2, value=7.0)
    losses.set(1.5)
    assert losses.value() == 1.5
