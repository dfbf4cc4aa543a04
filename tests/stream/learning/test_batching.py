import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream.learning.job import Indices, epoch_batches

LENGTHS = np.random.default_rng(0).integers(3, 128, size=500)


def batches(*, seed: int = 0, epoch: int = 0, lengths: Indices = LENGTHS) -> list[list[int]]:
    return [batch.tolist() for batch in epoch_batches(lengths, batch_size=32, seed=seed, epoch=epoch)]


@given(
    lengths=st.lists(st.integers(1, 40), max_size=70),
    batch_size=st.integers(1, 9),
    seed=st.integers(0, 2**63 - 1),
    epoch=st.integers(0, 99),
)
def test_every_example_once(lengths: list[int], batch_size: int, seed: int, epoch: int) -> None:
    """An epoch holds every example once, in full batches but for one."""
    found = epoch_batches(np.array(lengths, dtype=np.int64), batch_size=batch_size, seed=seed, epoch=epoch)
    assert sorted(int(i) for batch in found for i in batch) == list(range(len(lengths)))
    assert len(found) == -(-len(lengths) // batch_size)
    assert sum(len(batch) != batch_size for batch in found) <= 1


def test_seed_and_epoch_decide() -> None:
    """The same seed and epoch give the same batches; another of either gives others."""
    assert batches() == batches()
    assert batches(seed=1) != batches()
    assert batches(epoch=1) != batches()
    assert batches(seed=1, epoch=0) != batches(seed=0, epoch=1)


def test_examples_of_one_length_are_mixed_anew() -> None:
    """Which examples of one length meet in a batch changes from epoch to epoch."""
    equal = np.full(128, 9)
    first, second = ({frozenset(batch) for batch in batches(epoch=epoch, lengths=equal)} for epoch in (0, 1))
    assert not first & second


def test_there_is_little_padding() -> None:
    """Batches of similar lengths pad less than a fifth of what random ones pad."""

    def padding(found: list[list[int]]) -> float:
        padded = sum(len(batch) * int(LENGTHS[batch].max()) for batch in found)
        return 1 - int(LENGTHS.sum()) / padded

    order = np.random.default_rng(1).permutation(len(LENGTHS)).tolist()
    assert padding(batches()) < padding([order[start : start + 32] for start in range(0, 500, 32)]) / 5


def test_lengths_do_not_rise_through_an_epoch() -> None:
    """Long and short batches come in mixed order."""
    longest = [int(LENGTHS[batch].max()) for batch in batches()]
    assert abs(np.corrcoef(longest, range(len(longest)))[0, 1]) < 0.6
    assert longest != sorted(longest)
