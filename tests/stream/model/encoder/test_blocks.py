"""Fused sub-layers against the plain operations, values and gradients, and which sub-layers they cover."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from stream.model.encoder import fused, layer
from stream.model.encoder.adapter import BottleneckAdapter, apply_adapter
from stream.model.encoder.affine import LayerNorm, Linear, project
from stream.model.encoder.blocks import Finish, attention_block, covers, feed_forward_block
from stream.model.encoder.encoder import encode
from stream.model.encoder.fused import attention
from stream.model.encoder.packing import Batch, Packing, pack
from stream.model.methods.bottleneck import houlsby
from stream.model.methods.method import Method, fresh_parameters
from stream.model.methods.specification import method_named
from tests.stream.tiny import TINY, tiny_backbone

LENGTHS = (4, 1, 3)
TOKENS, HIDDEN, HEADS, WIDE, SIZE = sum(LENGTHS), 6, 2, 8, 5
EPS = 1e-12


@pytest.fixture(params=[1, 1 << 22], ids=["a row a piece", "one piece"])
def pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Two piece sizes."""
    monkeypatch.setattr(fused, "PIECE_BYTES", request.param)
    return int(request.param)


def random(*shape: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(shape, generator=generator, dtype=torch.float64)


def linear(out: int, into: int, seed: int) -> Linear:
    return Linear(random(out, into, seed=seed, scale=0.5), random(out, seed=seed + 100))


def own_tensors(adapted: bool) -> tuple[Tensor, ...]:
    """The layer norm's two tensors, and before them the adapter's four."""
    norm = (1 + random(HIDDEN, seed=20, scale=0.1), random(HIDDEN, seed=21))
    adapter = (
        random(SIZE, HIDDEN, seed=22, scale=0.5),
        random(SIZE, seed=23),
        random(HIDDEN, SIZE, seed=24, scale=0.5),
        random(HIDDEN, seed=25),
    )
    return tuple(t.requires_grad_() for t in ((*adapter, *norm) if adapted else norm))


def finish(own: tuple[Tensor, ...], mask: Tensor | None) -> Finish:
    adapter = BottleneckAdapter(*own[:4]) if len(own) == 6 else None
    return Finish(adapter, LayerNorm(*own[-2:]), EPS, mask)


def plain_finish(end: Finish, y: Tensor, x: Tensor) -> Tensor:
    y = y if end.mask is None else y * end.mask
    y = y if end.adapter is None else apply_adapter(end.adapter, y, x)
    return F.layer_norm(x + y, (HIDDEN,), *end.norm, EPS)


def packing() -> Packing:
    ids = torch.zeros(len(LENGTHS), max(LENGTHS), dtype=torch.int64)
    return pack(Batch(token_ids=ids, lengths=torch.tensor(LENGTHS)))


def multipliers(*shape: int) -> Tensor:
    return (random(*shape, seed=30) > -0.8).double() * 1.25


def fused_attention(x: Tensor, end: Finish, mask: Tensor | None) -> Tensor:
    projections, output = linear(3 * HIDDEN, HIDDEN, 1), linear(HIDDEN, HIDDEN, 2)
    return attention_block(x, projections, output, end, packing(), mask, HEADS)


def plain_attention(x: Tensor, end: Finish, mask: Tensor | None) -> Tensor:
    projections, output = linear(3 * HIDDEN, HIDDEN, 1), linear(HIDDEN, HIDDEN, 2)
    apart = F.linear(x, *projections).view(TOKENS, 3, HEADS, -1)
    return plain_finish(end, F.linear(attention(apart, packing(), mask), *output), x)


def fused_feed_forward(x: Tensor, end: Finish, _: Tensor | None) -> Tensor:
    return feed_forward_block(x, linear(WIDE, HIDDEN, 3), linear(HIDDEN, WIDE, 4), end, "none")


def plain_feed_forward(x: Tensor, end: Finish, _: Tensor | None) -> Tensor:
    inner = F.gelu(F.linear(x, *linear(WIDE, HIDDEN, 3)))
    return plain_finish(end, F.linear(inner, *linear(HIDDEN, WIDE, 4)), x)


Block = Callable[[Tensor, Finish, Tensor | None], Tensor]
each_block = pytest.mark.parametrize(
    ("ours", "plain"),
    [(fused_attention, plain_attention), (fused_feed_forward, plain_feed_forward)],
    ids=["attention", "feed-forward"],
)
with_adapter = pytest.mark.parametrize("adapted", [False, True], ids=["no adapter", "adapter"])
with_masks = pytest.mark.parametrize("masked", [False, True], ids=["no dropout", "dropout"])


def masks(masked: bool) -> tuple[Tensor | None, Tensor | None]:
    """Dropout's multipliers of the sub-layer's result and of the attention weights."""
    if not masked:
        return None, None
    return multipliers(TOKENS, HIDDEN), multipliers(len(LENGTHS), HEADS, max(LENGTHS), max(LENGTHS))


@each_block
@with_adapter
@with_masks
def test_a_block_is_its_plain_operations(
    pieces: int, ours: Block, plain: Block, adapted: bool, masked: bool
) -> None:
    """Values, and gradients of the input and of every own tensor, are those of plain operations."""
    own, (mask, weights_mask) = own_tensors(adapted), masks(masked)
    x, outward = random(TOKENS, HIDDEN, seed=9).requires_grad_(), random(TOKENS, HIDDEN, seed=10)
    found, expected = (block(x, finish(own, mask), weights_mask) for block in (ours, plain))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    by_found, by_expected = (torch.autograd.grad(y, (x, *own), outward) for y in (found, expected))
    for a, b in zip(by_found, by_expected, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-11)


@each_block
@with_adapter
@with_masks
def test_a_blocks_gradients(ours: Block, plain: Block, adapted: bool, masked: bool) -> None:
    """The backward pass is the derivative of the forward pass, by finite differences."""
    own, (mask, weights_mask) = own_tensors(adapted), masks(masked)

    def block(x: Tensor, *tensors: Tensor) -> Tensor:
        return ours(x, finish(tensors, mask), weights_mask)

    x = random(TOKENS, HIDDEN, seed=9).requires_grad_()
    assert torch.autograd.gradcheck(block, (x, *own), fast_mode=True)


@each_block
@with_adapter
def test_own_tensors_learn_above_a_frozen_input(ours: Block, plain: Block, adapted: bool) -> None:
    """Where the input needs no gradient the own tensors get the same ones as where it does."""
    own, outward = own_tensors(adapted), random(TOKENS, HIDDEN, seed=10)
    x = random(TOKENS, HIDDEN, seed=9)
    alone = torch.autograd.grad(ours(x, finish(own, None), None), own, outward)
    with_input = torch.autograd.grad(ours(x.requires_grad_(), finish(own, None), None), own, outward)
    for a, b in zip(alone, with_input, strict=True):
        assert torch.equal(a, b)


@each_block
def test_frozen_layer_norms_get_no_gradient(ours: Block, plain: Block) -> None:
    """An adapter below a frozen layer norm (adapter-l) learns as plain operations say."""
    own = own_tensors(adapted=True)
    own = (*own[:4], own[4].detach(), own[5].detach())
    x, outward = random(TOKENS, HIDDEN, seed=9), random(TOKENS, HIDDEN, seed=10)
    found, expected = (
        torch.autograd.grad(block(x, finish(own, None), None), own[:4], outward) for block in (ours, plain)
    )
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-11)


@each_block
def test_a_block_leaves_its_input_alone(ours: Block, plain: Block) -> None:
    """The input and the gradient that comes in hold what they held."""
    x, outward = random(TOKENS, HIDDEN, seed=9).requires_grad_(), random(TOKENS, HIDDEN, seed=10)
    before = x.detach().clone(), outward.clone()
    ours(x, finish(own_tensors(adapted=False), None), None).backward(outward)
    assert torch.equal(x.detach(), before[0])
    assert torch.equal(outward, before[1])


def test_what_is_covered() -> None:
    """Frozen products with no adapter or the paper's are fused; other forms and trained products are not."""
    frozen, adapter = linear(HIDDEN, HIDDEN, 2), BottleneckAdapter(*own_tensors(adapted=True)[:4])
    assert covers(None, frozen)
    assert covers(adapter, frozen)
    assert not covers(adapter._replace(activation="relu"), frozen)
    assert not covers(adapter._replace(parallel=True), frozen)
    assert not covers(adapter._replace(norm=LayerNorm(*own_tensors(adapted=False))), frozen)
    assert not covers(adapter._replace(hidden=linear(SIZE, SIZE, 5)), frozen)
    assert not covers(None, frozen, Linear(frozen.weight.clone().requires_grad_(), frozen.bias))
    assert not covers(None, Linear(frozen.weight, frozen.bias.clone().requires_grad_()))


METHODS = ("houlsby", "adapter-l", "layer-norm", "feature", "lora", "fine-tune:1", "houlsby:deep")


def gradients(method: Method, dtype: torch.dtype = torch.float32) -> tuple[Tensor, dict[str, Tensor]]:
    """Logits of two padded texts, and the gradient of every trained tensor of the method."""
    backbone, sites = tiny_backbone(dtype=dtype), method.sites(TINY, 3)
    tensors = {
        name: (value + 0.1 * torch.randn(value.shape, generator=torch.Generator().manual_seed(i)))
        for i, (name, value) in enumerate(fresh_parameters(sites, backbone, {}, 0).items())
    }
    tensors = {name: value.requires_grad_() for name, value in tensors.items()}
    ids = torch.tensor([[2, 9, 14, 3], [2, 30, 3, 0]])
    found = encode(backbone, tensors, Batch(token_ids=ids, lengths=torch.tensor([4, 3])))
    found.square().sum().backward()
    return found.detach(), {n: t.grad if t.grad is not None else torch.zeros(()) for n, t in tensors.items()}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_learns_as_without_fusing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logits and all gradients of each method equal those of an encoder that fuses nothing."""
    method = method_named(name, adapter_size=4)
    logits, by_tensor = gradients(method)
    monkeypatch.setattr(layer, "covers", lambda *_: False)
    plain_logits, plain_by_tensor = gradients(method)
    torch.testing.assert_close(logits, plain_logits, rtol=0, atol=1e-5)
    for site, gradient in plain_by_tensor.items():
        torch.testing.assert_close(by_tensor[site], gradient, rtol=1e-4, atol=1e-4, msg=site)


def test_pads_teach_nothing() -> None:
    """The gradients of a padded batch are the sums of those of its texts alone, without a pad."""
    backbone, sites = tiny_backbone(), houlsby(4).sites(TINY, 3)
    tensors = {n: t.requires_grad_() for n, t in fresh_parameters(sites, backbone, {}, 0).items()}
    ids, lengths = torch.tensor([[2, 9, 14, 3], [2, 30, 3, 0], [2, 3, 0, 0]]), torch.tensor([4, 3, 2])

    def gradients_of(*batches: Batch) -> tuple[Tensor, ...]:
        losses = [encode(backbone, tensors, batch).square().sum() for batch in batches]
        return torch.autograd.grad(torch.stack(losses).sum(), list(tensors.values()))

    together = gradients_of(Batch(token_ids=ids, lengths=lengths))
    alone = gradients_of(
        *(Batch(token_ids=row[None, :n], lengths=n[None]) for row, n in zip(ids, lengths, strict=True))
    )
    for a, b in zip(together, alone, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_houlsby_takes_the_fused_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sub-layer of the default method is fused: without the plain operations nothing changes."""
    monkeypatch.setattr(layer, "normalise", None)
    gradients(houlsby(4))


def test_a_bias_inside_the_product() -> None:
    """In bfloat16 a projection is the exact W x + b to within one rounding of the result."""
    x, map_ = random(64, 48).bfloat16(), Linear(random(40, 48, seed=1).bfloat16(), random(40).bfloat16())
    exact = x.double() @ map_.weight.double().t() + map_.bias.double()
    assert ((project(x, map_).double() - exact).abs() <= exact.abs() * 2**-8 + 1e-3).all()
