import pytest
import torch
from torch import Tensor

from stream.model.encoder import dropout
from stream.model.encoder.dropout import NO_DROPOUT, Dropout, GeneratorDropout, MaskPool, StepDropout
from stream.model.encoder.encoder import encode
from tests.stream.tiny import CPU, random_head, tiny_backbone, tiny_tokens

SHAPE = (40, 50)


@pytest.fixture(autouse=True)
def small_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pools of 16,384 values: the real ones take a tenth of a second each."""
    monkeypatch.setattr(dropout, "POOL_SIZE", 1 << 14)


def pool(seed: int = 0, probability: float = 0.1) -> MaskPool:
    return MaskPool(seed, probability, device=CPU, dtype=torch.float32)


def mask(step: int = 0, *, seed: int = 0, site: int = 1, shape: tuple[int, ...] = SHAPE) -> Tensor:
    return pool(seed).mask(step, site, shape, torch.zeros(()))


@pytest.mark.parametrize("shape", [SHAPE, (200, 200)], ids=["from the pool", "larger than the pool"])
def test_values(shape: tuple[int, ...]) -> None:
    """A mask holds 0 and 1/(1-p) only."""
    values = mask(shape=shape)
    assert values.shape == shape
    assert set(values.unique().tolist()) == {0.0, torch.tensor(1 / 0.9).item()}


@pytest.mark.parametrize("probability", [0.1, 0.4])
def test_share_dropped(probability: float) -> None:
    """The share of zeros is the probability and the mean multiplier 1, within four standard errors."""
    values = pool(probability=probability).mask(3, 1, (10_000,), torch.zeros(()))
    error = 4 * (probability * (1 - probability) / 10_000) ** 0.5
    assert abs(float((values == 0).double().mean()) - probability) < error
    assert abs(float(values.double().mean()) - 1) < error / (1 - probability)


@pytest.mark.parametrize("shape", [SHAPE, (200, 200)], ids=["from the pool", "larger than the pool"])
def test_same_seed_step_and_site_same_mask(shape: tuple[int, ...]) -> None:
    """A mask follows from seed, step, site and shape; nothing that was drawn before matters."""
    first = mask(7, site=3, shape=shape)
    used = pool()
    for step in range(5):
        used.mask(step, 1, shape, torch.zeros(()))
    assert torch.equal(used.mask(7, 3, shape, torch.zeros(())), first)


@pytest.mark.parametrize("size", [2_000, 12_000, 16_383, 16_384, 20_000])
def test_steps_sites_and_seeds_differ(size: int) -> None:
    """Other steps, sites and seeds give other masks at every size, up to the pool's own and beyond."""
    masks = [mask(0, shape=(size,)), mask(1, shape=(size,)), mask(2, shape=(size,))]
    masks += [mask(0, site=2, shape=(size,)), mask(0, seed=1, shape=(size,))]
    for i, one in enumerate(masks):
        for other in masks[:i]:
            assert 0.12 < float((one != other).double().mean()) < 0.24  # 2p(1-p) = 0.18 where independent


def test_sites_are_counted_in_forward_order() -> None:
    """The n-th call of a step gets the n-th site's mask; a probability of zero takes no site."""
    masks = pool()
    step = StepDropout({0.1: masks}, 5)
    ones = torch.ones(SHAPE)
    assert step(ones, 0.0) is ones
    assert torch.equal(step(ones, 0.1), masks.mask(5, 1, SHAPE, ones))
    second = step.mask(SHAPE, 0.1, ones)
    assert second is not None
    assert torch.equal(second, masks.mask(5, 2, SHAPE, ones))
    assert step.mask(SHAPE, 0.0, ones) is None


def test_a_mask_has_the_format_of_what_it_multiplies() -> None:
    """A pool in bfloat16 multiplies float32 values without changing their format, and the reverse."""
    for inner in (torch.float32, torch.bfloat16):
        masks = MaskPool(0, 0.1, device=CPU, dtype=inner)
        for outer in (torch.float32, torch.bfloat16):
            assert StepDropout({0.1: masks}, 0)(torch.ones(SHAPE, dtype=outer), 0.1).dtype is outer


def test_no_dropout_is_the_identity() -> None:
    """Evaluation drops nothing."""
    x = torch.ones(SHAPE)
    off: Dropout = NO_DROPOUT
    assert off(x, 0.5) is x
    assert off.mask(SHAPE, 0.5, x) is None
    assert off.within(0.5) == 0.0


def test_masks_of_a_pool_have_to_be_handed_in() -> None:
    """An operation that draws its own mask would not draw it from the pool."""
    assert StepDropout({0.1: pool()}, 0).within(0.1) is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_the_generators_dropout_follows_from_its_seed(dtype: torch.dtype) -> None:
    """The same seed drops the same entries, one site another than the next; the others are scaled up."""
    dropped, x = GeneratorDropout(), torch.ones(SHAPE, dtype=dtype)
    found: list[tuple[Tensor, Tensor | None]] = []
    with torch.random.fork_rng():
        for _ in range(2):
            torch.manual_seed(7)
            found.append((dropped(x, 0.5), dropped.mask(SHAPE, 0.5, x)))
    (values, drawn), (again, drawn_again) = found
    assert drawn is not None
    assert drawn_again is not None
    assert torch.equal(values, again)
    assert torch.equal(drawn, drawn_again)
    assert not torch.equal(values, drawn)
    assert drawn.dtype is dtype
    assert set(drawn.unique().tolist()) == set(values.unique().tolist()) == {0.0, 2.0}


def test_the_generators_dropout_of_nothing_is_the_identity() -> None:
    """Where nothing is dropped, nothing is drawn either."""
    dropped, x = GeneratorDropout(), torch.ones(SHAPE)
    assert dropped(x, 0.0) is x
    assert dropped.mask(SHAPE, 0.0, x) is None
    assert dropped.within(0.25) == 0.25


def test_every_site_of_the_encoder_drops() -> None:
    """A step of the encoder uses 2 sites outside the layers and 3 in each, all with their own mask."""
    backbone = tiny_backbone()
    batch = tiny_tokens(["ba be bi", "bo bu"]).batch(torch.tensor([0, 1]), 5)
    asked: list[tuple[tuple[int, ...], float]] = []

    class Recorded(StepDropout):
        def mask(self, shape: tuple[int, ...], probability: float, like: Tensor) -> Tensor | None:
            asked.append((shape, probability))
            return super().mask(shape, probability, like)

    dropped = encode(backbone, random_head(2), batch, Recorded({0.1: pool()}, 0))
    attended, hidden = (2, 4, 5, 5), (16, 32)  # rows of 5 and 4 tokens and 7 pads
    assert [shape for shape, _ in asked] == [hidden, *[attended, hidden, hidden] * 2, (2, 32)]
    assert not torch.allclose(dropped, encode(backbone, random_head(2), batch))
