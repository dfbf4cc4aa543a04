"""Prefixes against `transformers` with a cache that holds them, and against attention written down."""

from collections.abc import Mapping

import pytest
import torch
import transformers
from torch import Tensor

from stream.model.backbone.architecture import BERT_BASE_UNCASED
from stream.model.backbone.parameters import TaskParameters
from stream.model.encoder import prefix as prefixes
from stream.model.encoder.encoder import assemble, encode, hidden_states
from stream.model.encoder.packing import Batch, pack
from stream.model.methods.catalogue import prefix
from stream.model.methods.method import sum_sites
from tests.stream.model.written_down import ROWS, one_row, padded
from tests.stream.plain_bert import plain_bert
from tests.stream.tiny import TINY, tiny_backbone

BACKBONE = tiny_backbone()
LENGTH = 4
METHOD = prefix(LENGTH, hidden=6)


def random_stored() -> dict[str, Tensor]:
    """A served task's prefixes, as large as keys and values are."""
    generator = torch.Generator().manual_seed(4)
    return {site.name: torch.randn(site.shape, generator=generator) for site in METHOD.sites(TINY, 3)}


def random_trained() -> dict[str, Tensor]:
    """What a training of prefixes holds."""
    generator = torch.Generator().manual_seed(6)
    return {
        site.name: 0.5 * torch.randn(site.shape, generator=generator)
        for site in METHOD.trained_sites(TINY, 3)
    }


def test_it_computes_what_is_written_down() -> None:
    """Texts of different lengths give the logits of attention over the prefix and their own tokens."""
    own = random_stored()
    expected = torch.stack([one_row({**BACKBONE.tensors, **own}, row) for row in ROWS])
    torch.testing.assert_close(encode(BACKBONE, own, padded()), expected, rtol=0, atol=2e-5)
    assert float((expected - encode(BACKBONE, own_head(own), padded())).abs().max()) > 0.1


def own_head(own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: own[name] for name in ("head.weight", "head.bias")}


def test_it_is_a_cache_of_transformers() -> None:
    """A `transformers` BERT whose cache holds the prefix gives the same hidden states, padding included."""
    own, batch = random_stored(), padded()
    model = plain_bert(BACKBONE.tensors)
    cache = transformers.DynamicCache(config=model.config)
    for layer in range(TINY.num_layers):
        key, value = (split_heads(own[f"layer.{layer}.attention.prefix.{p}"]) for p in ("key", "value"))
        cache.update(key, value, layer)
    inside = torch.arange(9) < batch.lengths[:, None]
    seen = torch.cat([torch.ones(len(ROWS), LENGTH, dtype=torch.bool), inside], dim=1)
    with torch.no_grad():
        expected = model(
            input_ids=batch.token_ids,
            attention_mask=seen.long(),
            position_ids=torch.arange(9).expand(len(ROWS), -1),  # a prefix takes no position
            past_key_values=cache,
        ).last_hidden_state
    ours = hidden_states(assemble(BACKBONE, own), batch)
    assert float((ours - expected)[inside].abs().max()) < 1e-5


def split_heads(vectors: Tensor) -> Tensor:
    """[rows, heads, prefix, width] of [prefix, hidden]."""
    return vectors.view(LENGTH, TINY.num_heads, -1).transpose(0, 1).expand(len(ROWS), -1, -1, -1)


def test_a_rows_logits_do_not_depend_on_padding() -> None:
    """Alone without padding and beside longer texts with it, a text has the same logits."""
    own = random_stored()
    together = encode(BACKBONE, own, padded(length=12))
    for i, row in enumerate(ROWS):
        alone = encode(BACKBONE, own, padded([row], length=len(row)))
        torch.testing.assert_close(together[i : i + 1], alone, rtol=0, atol=1e-5)


class Recorded:
    """A dropout with one mask, which is kept."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.multipliers = (torch.rand(shape, generator=torch.Generator().manual_seed(0)) > 0.3) / 0.7

    def __call__(self, x: Tensor, probability: float) -> Tensor:
        """`x` itself."""
        return x

    def mask(self, shape: tuple[int, ...], probability: float, like: Tensor) -> Tensor:
        """The mask."""
        assert shape == self.shape
        return self.multipliers

    def within(self, probability: float) -> float:
        """`probability`."""
        return probability


def test_attention_to_the_prefix_is_dropped_too() -> None:
    """Dropout's mask covers the weights of prefix and tokens, as if the prefix were tokens."""
    batch, length, heads, width = 2, 3, 4, 8
    generator = torch.Generator().manual_seed(1)
    grid = torch.randn(batch, length, 3, heads, width, generator=generator)
    own = prefixes.Prefix(*torch.randn(2, LENGTH, heads * width, generator=generator))
    dropout = Recorded((batch, heads, length, LENGTH + length))
    ids = torch.zeros(batch, length, dtype=torch.int64)
    packing = pack(Batch(token_ids=ids, lengths=torch.full((batch,), length)))
    found = prefixes.attend(own, packing.pack(grid), packing, dropout, 0.3)
    query, key, value = grid.permute(2, 0, 3, 1, 4)
    key, value = (
        torch.cat([vectors.view(LENGTH, heads, width).transpose(0, 1).expand(batch, -1, -1, -1), x], dim=2)
        for vectors, x in ((own.key, key), (own.value, value))
    )
    weights = torch.softmax(query @ key.transpose(2, 3) / width**0.5, -1) * dropout.multipliers
    expected = (weights @ value).transpose(1, 2).flatten(2).flatten(0, 1)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_materialise_is_the_networks_output() -> None:
    """Row p of a layer's keys is that layer's piece of W_up tanh(W_down e_p + b) + b' (section 4.3)."""
    trained = random_trained()
    served, d = METHOD.materialise(trained), TINY.hidden_size
    for p in range(LENGTH):
        inner = torch.tanh(
            trained["prefix.down.weight"] @ trained["prefix.embedding.weight"][p]
            + trained["prefix.down.bias"]
        )
        row = trained["prefix.up.weight"] @ inner + trained["prefix.up.bias"]
        for layer in range(TINY.num_layers):
            for i, part in enumerate(("key", "value")):
                start = (2 * layer + i) * d
                found = served[f"layer.{layer}.attention.prefix.{part}"][p]
                torch.testing.assert_close(found, row[start : start + d], rtol=0, atol=1e-6)


def test_the_network_learns_through_what_is_served() -> None:
    """Every tensor of the network gets the gradient that finite differences give."""
    trained = {name: tensor.double() for name, tensor in random_trained().items()}
    names = [name for name in trained if name.startswith("prefix.")]
    generator = torch.Generator().manual_seed(2)
    outward = {
        site.name: torch.randn(site.shape, generator=generator, dtype=torch.float64)
        for site in METHOD.body(TINY)
    }

    def loss(*values: Tensor) -> Tensor:
        served = METHOD.materialise(trained | dict(zip(names, values, strict=True)))
        return torch.stack([(served[name] * weight).sum() for name, weight in outward.items()]).sum()

    inputs = tuple(trained[name].requires_grad_() for name in names)
    assert torch.autograd.gradcheck(loss, inputs, fast_mode=True)


def test_logits_reach_the_network() -> None:
    """A loss on the logits moves every tensor that is trained."""
    trained = {name: tensor.requires_grad_() for name, tensor in random_trained().items()}
    loss = encode(BACKBONE, METHOD.materialise(trained), padded()).square().sum()
    gradients = torch.autograd.grad(loss, list(trained.values()))
    assert [name for name, g in zip(trained, gradients, strict=True) if not g.any()] == []


def test_the_network_is_not_stored() -> None:
    """Stored are exactly the declared vectors and the head, contiguous; the network's names are gone."""
    served = METHOD.materialise(random_trained())
    assert {name: tuple(tensor.shape) for name, tensor in served.items()} == {
        site.name: site.shape for site in METHOD.sites(TINY, 3)
    }
    assert not any(name.startswith("prefix.") for name in served)
    assert all(tensor.is_contiguous() for tensor in served.values())
    restored = TaskParameters.from_bytes(TaskParameters(served).to_bytes())
    assert torch.equal(encode(BACKBONE, restored, padded()), encode(BACKBONE, served, padded()))


def test_its_size() -> None:
    """A prefix of P stores 2 P d scalars a layer; the network that makes it counts while training only."""
    method = prefix(20, hidden=128)
    stored = sum_sites(method.sites(BERT_BASE_UNCASED, 2))
    trained = sum_sites(method.trained_sites(BERT_BASE_UNCASED, 2))
    assert (stored.other, stored.head) == (2 * 20 * 768 * 12, 2 * 769)
    width = 2 * 12 * 768
    assert trained.other == 20 * 768 + 128 * 768 + 128 + width * 128 + width
    assert trained.head == stored.head


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_hidden_padding_has_no_weight(dtype: torch.dtype) -> None:
    """What stands at padded positions changes no bit of the logits, in either format."""
    backbone, own, batch = tiny_backbone(dtype=dtype), random_stored(), padded()
    other = padded()
    outside = torch.arange(9) >= batch.lengths[:, None]
    other.token_ids[outside] = 77
    assert torch.equal(encode(backbone, own, batch), encode(backbone, own, other))
