"""Attention and feed-forward in pieces against the plain operations, values and gradients."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from stream.model.encoder import fused
from stream.model.encoder.affine import Linear
from stream.model.encoder.fused import attention, feed_forward
from stream.model.encoder.layer import attention_in_one
from stream.model.encoder.packing import Batch, Packing, pack

BATCH, LENGTH, HEADS, WIDTH = 5, 4, 2, 3


@pytest.fixture(params=[1, 600, 1 << 22], ids=["a row a piece", "two rows a piece", "one piece"])
def pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Several piece sizes: 5 rows of 256 bytes (attention) or 20 of 64 (feed-forward) fall apart."""
    monkeypatch.setattr(fused, "PIECE_BYTES", request.param)
    return int(request.param)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


PADDED = (4, 3, 4, 1, 4)
"""Tokens of each row."""


def packing_of(lengths: tuple[int, ...]) -> Packing:
    ids = torch.zeros(len(lengths), max(lengths), dtype=torch.int64)
    return pack(Batch(token_ids=ids, lengths=torch.tensor(lengths)))


def projections(tokens: int = BATCH * LENGTH) -> Tensor:
    return random(tokens, 3, HEADS, WIDTH).requires_grad_()


def dropout_mask() -> Tensor:
    return (random(BATCH, HEADS, LENGTH, LENGTH, seed=2) > -0.5).double() * 1.4


def plain_attention(query_key_value: Tensor, lengths: tuple[int, ...], mask: Tensor | None) -> Tensor:
    """Softmax attention row by row, each row without its padding; the mask is [row, head, key, query]."""
    rows = []
    for i, row in enumerate(query_key_value.split(list(lengths))):
        query, key, value = (row[:, part].transpose(0, 1) for part in range(3))
        weights = torch.softmax(query @ key.transpose(1, 2) / WIDTH**0.5, -1)
        if mask is not None:
            weights = weights * mask[i, :, : len(row), : len(row)].transpose(1, 2)
        rows.append((weights @ value).transpose(0, 1).flatten(1))
    return torch.cat(rows)


with_lengths = pytest.mark.parametrize("lengths", [(4,) * BATCH, PADDED], ids=["full", "padded"])
with_mask = pytest.mark.parametrize("masked", [False, True], ids=["no mask", "mask"])


@with_lengths
@with_mask
def test_attention_is_plain_softmax_attention(pieces: int, lengths: tuple[int, ...], masked: bool) -> None:
    """Attention in pieces gives the values and gradients of softmax attention written plainly."""
    mask, packing = dropout_mask() if masked else None, packing_of(lengths)
    x, outward = projections(sum(lengths)), random(sum(lengths), HEADS * WIDTH, seed=3)
    ours, plain = attention(x, packing, mask), plain_attention(x, lengths, mask)
    torch.testing.assert_close(ours, plain, rtol=0, atol=1e-12)
    (by_ours,) = torch.autograd.grad(ours, x, outward)
    (by_plain,) = torch.autograd.grad(plain, x, outward)
    torch.testing.assert_close(by_ours, by_plain, rtol=0, atol=1e-12)


@with_lengths
def test_attention_in_one_kernel_is_that_attention(lengths: tuple[int, ...]) -> None:
    """What a GPU takes gives the tokens of a padded grid the values that they have without padding."""
    grid = random(BATCH * LENGTH, 3, HEADS, WIDTH)
    inside = torch.arange(LENGTH) < torch.tensor(lengths).unsqueeze(-1)
    bias = torch.zeros(BATCH, LENGTH, dtype=grid.dtype).masked_fill_(~inside, torch.finfo(grid.dtype).min)
    found = attention_in_one(grid, bias, 0.0)[inside.flatten()]
    expected = plain_attention(grid[inside.flatten()], lengths, None)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@with_lengths
@with_mask
def test_attentions_gradients(pieces: int, lengths: tuple[int, ...], masked: bool) -> None:
    """The backward pass of attention is the derivative of its forward pass, by finite differences."""
    mask, packing = dropout_mask() if masked else None, packing_of(lengths)
    x = projections(sum(lengths))
    assert torch.autograd.gradcheck(lambda x: attention(x, packing, mask), (x,), fast_mode=True)


@pytest.mark.parametrize("lengths", [(1,), (4,), (1, 1, 1), (4, 4), (4, 1, 3)], ids=str)
def test_attention_leaves_its_input_alone(lengths: tuple[int, ...]) -> None:
    """The projections hold what they held, whatever their shape, after forward and backward."""
    x = projections(sum(lengths))
    before = x.detach().clone()
    attention(x, packing_of(lengths), None).sum().backward()
    assert torch.equal(x.detach(), before)


def frozen_pairs() -> tuple[Linear, Linear]:
    up, down = (
        Linear(random(8, 6, seed=4), random(8, seed=5)),
        Linear(random(6, 8, seed=6), random(6, seed=7)),
    )
    return up, down


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_feed_forward_is_the_plain_one(pieces: int, approximate: str) -> None:
    """The feed-forward in pieces gives the values and the input's gradient of plain operations."""
    up, down = frozen_pairs()
    x, outward = random(BATCH * LENGTH, 6).requires_grad_(), random(BATCH * LENGTH, 6, seed=3)
    ours = feed_forward(x, up, down, approximate)
    plain = F.linear(F.gelu(F.linear(x, *up), approximate=approximate), *down)
    torch.testing.assert_close(ours, plain, rtol=0, atol=1e-12)
    (by_ours,) = torch.autograd.grad(ours, x, outward)
    (by_plain,) = torch.autograd.grad(plain, x, outward)
    torch.testing.assert_close(by_ours, by_plain, rtol=0, atol=1e-12)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_feed_forwards_gradients(pieces: int, approximate: str) -> None:
    """The backward pass of the feed-forward is the derivative of its forward pass."""
    up, down = frozen_pairs()
    x = random(BATCH * LENGTH, 6).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: feed_forward(x, up, down, approximate), (x,), fast_mode=True)


def test_a_transposed_gradient_is_understood() -> None:
    """A gradient that arrives with other strides gives the same result as a contiguous one."""
    up, down = frozen_pairs()
    x = random(BATCH * LENGTH, 6).requires_grad_()
    outward = random(6, BATCH * LENGTH, seed=3).t()
    (strided,) = torch.autograd.grad(feed_forward(x, up, down, "none"), x, outward)
    (contiguous,) = torch.autograd.grad(feed_forward(x, up, down, "none"), x, outward.contiguous())
    torch.testing.assert_close(strided, contiguous, rtol=0, atol=1e-14)


def test_nothing_is_kept_where_nothing_learns() -> None:
    """Without a gradient to come, no attention weights or inner values are stored."""
    x = projections().detach()
    up, down = frozen_pairs()
    assert attention(x, packing_of((4,) * BATCH), None).grad_fn is None
    assert feed_forward(random(BATCH * LENGTH, 6), up, down, "none").grad_fn is None


def test_pieces_cover_each_row_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slices of a batch cover its rows once, in order, each of at most the bytes allowed."""
    monkeypatch.setattr(fused, "PIECE_BYTES", 100)
    slices = list(fused._pieces(11, 30, torch.device("cpu")))
    assert [row for piece in slices for row in range(11)[piece]] == list(range(11))
    assert [len(range(11)[piece]) for piece in slices] == [2, 3, 3, 3]
    assert list(fused._pieces(0, 30, torch.device("cpu"))) == []
    assert list(fused._pieces(11, 30, torch.device("cuda"))) == [slice(0, 11)]
