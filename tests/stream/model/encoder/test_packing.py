"""A batch without its padding: what is kept, where it lies, and the way to heads and back."""

import torch
from torch import Tensor

from stream.model.encoder.packing import MULTIPLE, Batch, Packing, pack

LENGTHS = (3, 1, 4)
INSIDE = [(0, 0), (0, 1), (0, 2), (1, 0), (2, 0), (2, 1), (2, 2), (2, 3)]
"""(row, position) of the tokens of rows of 3, 1 and 4 tokens, written down."""


def packing_of(*lengths: int) -> Packing:
    ids = torch.zeros(len(lengths), max(lengths), dtype=torch.int64)
    return pack(Batch(token_ids=ids, lengths=torch.tensor(lengths)))


def grid(*rest: int) -> Tensor:
    return torch.randn(3, 4, *rest, generator=torch.Generator().manual_seed(0))


def test_the_tokens_are_kept_in_order() -> None:
    """Packing keeps exactly the positions that hold tokens, row by row."""
    x = grid(5)
    assert torch.equal(packing_of(*LENGTHS).pack(x), torch.stack([x[at] for at in INSIDE]))


def test_unpacking_puts_tokens_back_and_zero_elsewhere() -> None:
    """Unpacked, each token lies where it lay, and padding is zero."""
    packing, x = packing_of(*LENGTHS), grid(5)
    back = packing.unpack(packing.pack(x))
    for row in range(3):
        for position in range(4):
            expected = x[row, position] if (row, position) in INSIDE else torch.zeros(5)
            assert torch.equal(back[row, position], expected)


def test_positions_count_within_a_row() -> None:
    """Each token knows its place in its row, with and without padding."""
    assert packing_of(*LENGTHS).positions.tolist() == [position for _, position in INSIDE]
    assert packing_of(2, 2).positions.tolist() == [0, 1, 0, 1]


def test_a_full_batch_is_left_as_it_is() -> None:
    """Where no row is shorter nothing is cut, copied or hidden."""
    packing, x = packing_of(4, 4, 4), grid(5)
    assert packing.at is None
    assert packing.bias(x.dtype) is None
    assert packing.pack(x).data_ptr() == x.data_ptr()
    assert torch.equal(packing.unpack(packing.pack(x)), x)


def test_heads_get_their_rows() -> None:
    """[part, row, head, position] holds that head's piece of that token's part; zero at padding."""
    for lengths in (LENGTHS, (4, 4, 4)):
        packing, x = packing_of(*lengths), grid(2, 3, 5)
        apart = packing.to_heads(packing.pack(x))
        assert apart.shape == (2, 3, 3, 4, 5)
        for row, length in enumerate(lengths):
            assert torch.equal(apart[:, row, :, :length], x[row, :length].permute(1, 2, 0, 3))
            assert not apart[:, row, :, length:].any()


def test_heads_are_put_together_again() -> None:
    """From heads back to tokens every value returns to its place."""
    for lengths in (LENGTHS, (4, 4, 4)):
        packing = packing_of(*lengths)
        tokens = packing.pack(grid(2, 3, 5))
        assert torch.equal(packing.from_heads(packing.to_heads(tokens)), tokens)


def test_the_list_is_filled_up() -> None:
    """A list of 5 tokens ends in 3 pads; they hold what padding holds and no token's place."""
    packing = packing_of(3, 2)
    x = grid(5)[:2, :3]
    packed = packing.pack(x)
    assert (len(packed), packing.num_tokens) == (MULTIPLE, 5)
    assert torch.equal(packed[5:], x[1, 2].expand(3, -1))
    assert torch.equal(packing.unpack(packed)[packing.inside], packed[:5])
    assert not packing.unpack(packed)[1, 2].any()


def test_heads_are_a_copy() -> None:
    """Writing to the heads leaves the tokens alone, for a single row of one token too."""
    for lengths in ((1,), (4, 4, 4), LENGTHS):
        packing = packing_of(*lengths)
        tokens = torch.ones(sum(lengths), 3, 2, 5)
        packing.to_heads(tokens).zero_()
        assert tokens.all()


def test_padding_is_hidden() -> None:
    """The bias is the format's minimum at padding and zero at tokens."""
    bias = packing_of(*LENGTHS).bias(torch.bfloat16)
    assert bias is not None
    hidden = bias == torch.finfo(torch.bfloat16).min
    assert [(r, p) for r in range(3) for p in range(4) if not hidden[r, p]] == INSIDE
    assert not bias[~hidden].any()
