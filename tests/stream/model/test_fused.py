"""Attention and feed-forward in pieces against the plain operations, values and gradients."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from stream.model import fused
from stream.model.fused import attention, feed_forward

BATCH, LENGTH, HEADS, WIDTH = 5, 4, 2, 3


@pytest.fixture(params=[1, 600, 1 << 22], ids=["a row a piece", "two rows a piece", "one piece"])
def pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Several piece sizes: 5 rows of 256 bytes (attention) or 20 of 64 (feed-forward) fall apart."""
    monkeypatch.setattr(fused, "PIECE_BYTES", request.param)
    return int(request.param)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def projections(batch: int = BATCH, length: int = LENGTH) -> Tensor:
    return random(batch, length, 3, HEADS, WIDTH).requires_grad_()


def padding_bias() -> Tensor:
    """Rows of 4, 3, 2, 1 and 4 tokens."""
    lengths = torch.tensor([4, 3, 2, 1, 4])
    hidden = torch.arange(LENGTH) >= lengths[:, None]
    return torch.zeros(BATCH, LENGTH, dtype=torch.float64).masked_fill(hidden, -1e9)[:, None, None]


def dropout_mask() -> Tensor:
    return (random(BATCH, HEADS, LENGTH, LENGTH, seed=2) > -0.5).double() * 1.4


def plain_attention(query_key_value: Tensor, bias: Tensor | None, mask: Tensor | None) -> Tensor:
    query, key, value = (query_key_value[:, :, i].transpose(1, 2) for i in range(3))
    scores = query @ key.transpose(2, 3) / WIDTH**0.5
    weights = torch.softmax(scores if bias is None else scores + bias, -1)
    return ((weights if mask is None else weights * mask) @ value).transpose(1, 2).flatten(2)


with_bias = pytest.mark.parametrize("biased", [False, True], ids=["no bias", "bias"])
with_mask = pytest.mark.parametrize("masked", [False, True], ids=["no mask", "mask"])


@with_bias
@with_mask
def test_attention_is_plain_softmax_attention(pieces: int, biased: bool, masked: bool) -> None:
    """Attention in pieces gives the values and gradients of softmax attention written plainly."""
    bias, mask = padding_bias() if biased else None, dropout_mask() if masked else None
    x, outward = projections(), random(BATCH, LENGTH, HEADS * WIDTH, seed=3)
    ours, plain = attention(x, bias, mask), plain_attention(x, bias, mask)
    torch.testing.assert_close(ours, plain, rtol=0, atol=1e-12)
    (by_ours,) = torch.autograd.grad(ours, x, outward)
    (by_plain,) = torch.autograd.grad(plain, x, outward)
    torch.testing.assert_close(by_ours, by_plain, rtol=0, atol=1e-12)


@with_bias
@with_mask
def test_attentions_gradients(pieces: int, biased: bool, masked: bool) -> None:
    """The backward pass of attention is the derivative of its forward pass, by finite differences."""
    bias, mask = padding_bias() if biased else None, dropout_mask() if masked else None
    assert torch.autograd.gradcheck(lambda x: attention(x, bias, mask), (projections(),), fast_mode=True)


@pytest.mark.parametrize(("batch", "length"), [(1, 1), (1, 4), (5, 1), (5, 4)])
def test_attention_leaves_its_input_alone(batch: int, length: int) -> None:
    """The projections hold what they held, whatever their shape, after forward and backward."""
    x = projections(batch, length)
    before = x.detach().clone()
    attention(x, None, None).sum().backward()
    assert torch.equal(x.detach(), before)


def frozen_pairs() -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    return (random(8, 6, seed=4), random(8, seed=5)), (random(6, 8, seed=6), random(6, seed=7))


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_feed_forward_is_the_plain_one(pieces: int, approximate: str) -> None:
    """The feed-forward in pieces gives the values and the input's gradient of plain operations."""
    up, down = frozen_pairs()
    x, outward = random(BATCH, LENGTH, 6).requires_grad_(), random(BATCH, LENGTH, 6, seed=3)
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
    x = random(BATCH, LENGTH, 6).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: feed_forward(x, up, down, approximate), (x,), fast_mode=True)


def test_a_transposed_gradient_is_understood() -> None:
    """A gradient that arrives with other strides gives the same result as a contiguous one."""
    up, down = frozen_pairs()
    x = random(BATCH, LENGTH, 6).requires_grad_()
    outward = random(6, LENGTH, BATCH, seed=3).transpose(0, 2)
    (strided,) = torch.autograd.grad(feed_forward(x, up, down, "none"), x, outward)
    (contiguous,) = torch.autograd.grad(feed_forward(x, up, down, "none"), x, outward.contiguous())
    torch.testing.assert_close(strided, contiguous, rtol=0, atol=1e-14)


def test_nothing_is_kept_where_nothing_learns() -> None:
    """Without a gradient to come, no attention weights or inner values are stored."""
    x = projections().detach()
    up, down = frozen_pairs()
    assert attention(x, None, None).grad_fn is None
    assert feed_forward(random(BATCH, LENGTH, 6), up, down, "none").grad_fn is None


def test_pieces_cover_each_row_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slices of a batch cover its rows once, in order, each of at most the bytes allowed."""
    monkeypatch.setattr(fused, "PIECE_BYTES", 100)
    slices = list(fused._pieces(11, 30, torch.device("cpu")))
    assert [row for piece in slices for row in range(11)[piece]] == list(range(11))
    assert {len(range(11)[piece]) for piece in slices} == {3, 2}
    assert list(fused._pieces(0, 30, torch.device("cpu"))) == []
    assert list(fused._pieces(11, 30, torch.device("cuda"))) == [slice(0, 11)]
