"""Low-rank updates against full projections written down; `python -m benchmarks equivalence` has PEFT."""

import pytest
import torch
from torch import Tensor

from stream.model.backbone.architecture import BERT_BASE_UNCASED
from stream.model.encoder.encoder import encode
from stream.model.encoder.low_rank import find_low_rank, low_rank_shapes, merge
from stream.model.methods.catalogue import lora
from stream.model.methods.method import fresh_parameters, sum_sites
from tests.stream.model.written_down import ROWS, one_row, padded
from tests.stream.plain_bert import mean_pooled, plain_bert
from tests.stream.tiny import TINY, random_head, tiny_backbone

BACKBONE = tiny_backbone()


def random_trained(rank: int = 3, alpha: float = 5.0) -> dict[str, Tensor]:
    """What a training of LoRA holds, none of it zero."""
    generator = torch.Generator().manual_seed(7)
    sites = lora(rank, alpha).trained_sites(TINY, 3)
    return {site.name: 0.3 * torch.randn(site.shape, generator=generator) for site in sites}


def stored(rank: int = 3, alpha: float = 5.0) -> dict[str, Tensor]:
    return dict(lora(rank, alpha).materialise(random_trained(rank, alpha)))


def updated(rank: int, alpha: float) -> dict[str, Tensor]:
    """The backbone's tensors with W + (alpha / r) B A in place of W (Hu et al. 2021, equation 3)."""
    trained, tensors = random_trained(rank, alpha), dict(BACKBONE.tensors)
    for layer in range(TINY.num_layers):
        for part in ("query", "value"):
            site = f"layer.{layer}.attention.{part}"
            up, down = trained[f"{site}.lora.up.weight"], trained[f"{site}.lora.down.weight"]
            tensors[f"{site}.weight"] = tensors[f"{site}.weight"] + alpha / rank * (up @ down)
    return tensors | {name: trained[name] for name in ("head.weight", "head.bias")}


@pytest.mark.parametrize(("rank", "alpha"), [(3, 5.0), (1, 1.0), (8, 16.0)])
def test_it_computes_the_updated_projections(rank: int, alpha: float) -> None:
    """Query and value are those of W + (alpha / r) B A, nothing else changes."""
    tensors = updated(rank, alpha)
    expected = torch.stack([one_row(tensors, row) for row in ROWS])
    torch.testing.assert_close(encode(BACKBONE, stored(rank, alpha), padded()), expected, rtol=0, atol=2e-5)


def test_it_is_a_transformers_model_with_updated_projections() -> None:
    """A `transformers` BERT whose query and value weights are updated by hand gives the same to 1e-5."""
    tensors, batch = updated(3, 5.0), padded()
    with torch.no_grad():
        pooled = mean_pooled(plain_bert(tensors), batch)
    expected = pooled @ tensors["head.weight"].T + tensors["head.bias"]
    torch.testing.assert_close(encode(BACKBONE, stored(), batch), expected, rtol=0, atol=1e-5)


def test_gradients_are_those_of_the_updated_projections() -> None:
    """Each factor gets the gradient of the product that it is part of, alpha / r included."""
    ours = {name: tensor.requires_grad_() for name, tensor in random_trained().items()}
    by_ours = torch.autograd.grad(
        encode(BACKBONE, lora(3, 5.0).materialise(ours), padded()).square().sum(), list(ours.values())
    )
    plain = {name: tensor.detach().requires_grad_() for name, tensor in ours.items()}
    tensors = dict(BACKBONE.tensors) | plain
    for name in [n.removesuffix(".lora.up.weight") for n in plain if n.endswith(".lora.up.weight")]:
        update = plain[f"{name}.lora.up.weight"] @ plain[f"{name}.lora.down.weight"]
        tensors[f"{name}.weight"] = BACKBONE.tensors[f"{name}.weight"] + 5.0 / 3 * update
    logits = torch.stack([one_row(tensors, row) for row in ROWS])
    by_plain = torch.autograd.grad(logits.square().sum(), list(plain.values()))
    for name, one, other in zip(ours, by_ours, by_plain, strict=True):
        assert float((one - other).abs().max()) < 1e-4 * float(other.abs().max()), name


def test_fresh_updates_are_zero() -> None:
    """The second factor starts at zero: fresh tasks give the backbone's logits bit for bit (section 4.1)."""
    method = lora()
    fresh = fresh_parameters(method.trained_sites(TINY, 3), BACKBONE, {}, 0)
    bare = {name: fresh[name] for name in ("head.weight", "head.bias")}
    assert torch.equal(
        encode(BACKBONE, method.materialise(fresh), padded()), encode(BACKBONE, bare, padded())
    )
    assert all(tensor.any() for name, tensor in fresh.items() if name.endswith(".down.weight"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_merged_and_unmerged_agree(dtype: torch.dtype) -> None:
    """Updates added to the projections give the logits of updates beside them: 1e-5 in float32.

    In bfloat16 both round: on this backbone logits of order 1 differ by 0.02.
    """
    backbone = tiny_backbone(dtype=dtype)
    own = stored() | random_head(3, seed=2)
    difference = (encode(backbone, own, padded()) - encode(backbone, merge(backbone, own), padded())).abs()
    assert float(difference.max()) < (1e-5 if dtype is torch.float32 else 0.2)


def test_what_is_merged_holds_no_factors() -> None:
    """Merged are copies of query and value and their biases; head and backbone stay as they were."""
    before, own = BACKBONE.fingerprint(), stored()
    merged = merge(BACKBONE, own)
    assert set(merged) == {"head.weight", "head.bias"} | {
        f"layer.{i}.attention.{part}.{leaf}"
        for i in range(TINY.num_layers)
        for part in ("query", "value")
        for leaf in ("weight", "bias")
    }
    assert merged["head.weight"] is own["head.weight"]
    assert BACKBONE.fingerprint() == before


@pytest.mark.parametrize(
    "parts", [("query",), ("key",), ("value",), ("key", "value"), ("query", "key", "value")]
)
def test_each_projection_can_be_updated(parts: tuple[str, ...]) -> None:
    """An update lands in the projection that its name says, whichever others have one of whatever rank."""
    generator = torch.Generator().manual_seed(3)
    at, d = "layer.0.attention", TINY.hidden_size
    own = {
        f"{at}.{part}.lora.{factor}.weight": torch.randn(shape, generator=generator)
        for rank, part in enumerate(parts, start=1)
        for factor, shape in (("down", (rank, d)), ("up", (d, rank)))
    }
    found = find_low_rank(own, at, own.__getitem__)
    assert found is not None
    products = {
        part: own[f"{at}.{part}.lora.up.weight"] @ own[f"{at}.{part}.lora.down.weight"] for part in parts
    }
    expected = [products.get(part, torch.zeros(d, d)) for part in ("query", "key", "value")]
    torch.testing.assert_close(found.up @ found.down, torch.cat(expected))


def test_a_task_without_factors_has_no_update() -> None:
    """Nothing is inserted where a task holds no factors."""
    assert find_low_rank(random_head(2), "layer.0.attention", BACKBONE.tensors.__getitem__) is None


@pytest.mark.parametrize("rank", [1, 4, 8])
def test_its_size(rank: int) -> None:
    """LoRA stores 2 r d scalars for each of two projections a layer: 4 r d L, and the head."""
    counts = sum_sites(lora(rank).sites(BERT_BASE_UNCASED, 2))
    assert (counts.other, counts.head) == (4 * rank * 768 * 12, 2 * 769)
    assert counts.adapter == counts.layer_norm == 0
    assert len(low_rank_shapes(BERT_BASE_UNCASED, rank)) == 12 * 4


def test_alpha_is_stored_in_the_factors() -> None:
    """Stored factors carry alpha / r: a task that is served needs no number beside its tensors."""
    trained, kept = random_trained(2, 6.0), stored(2, 6.0)
    for name, tensor in kept.items():
        factor = 3.0 if name.endswith(".lora.up.weight") else 1.0
        torch.testing.assert_close(tensor, trained[name] * factor, rtol=0, atol=0)
