import math

import pytest
import torch
from torch import Tensor, nn

from stream.model.adapter import BottleneckAdapter, adapter_shapes, apply_adapter
from stream.model.architecture import count_parameters
from stream.model.batch import Batch
from stream.model.bottleneck import houlsby
from stream.model.encoder import encode
from tests.stream.tiny import TINY, tiny_backbone


def plain_adapter(hidden_size: int, size: int) -> nn.Sequential:
    """The adapter of the paper's figure 2 without its skip connection, as modules, with random tensors."""
    module = nn.Sequential(
        nn.Linear(hidden_size, size), nn.GELU(approximate="tanh"), nn.Linear(size, hidden_size)
    )
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.3)
    return module


def test_it_is_the_plain_module() -> None:
    """An adapter is down-projection, tanh GELU, up-projection and skip, as built from torch's modules."""
    torch.manual_seed(0)
    module = plain_adapter(20, 6)
    adapter = BottleneckAdapter(*module.parameters())
    x = torch.randn(3, 5, 20)
    torch.testing.assert_close(apply_adapter(adapter, x, x + 1), x + module(x), rtol=0, atol=1e-6)


def test_gradients_are_those_of_the_plain_module() -> None:
    """Each tensor and the input get the gradients that torch's modules give."""
    torch.manual_seed(0)
    module = plain_adapter(20, 6)
    adapter = BottleneckAdapter(
        *(parameter.detach().clone().requires_grad_() for parameter in module.parameters())
    )
    x = torch.randn(4, 20, requires_grad=True)
    weights = torch.randn(4, 20)
    ours = torch.autograd.grad((apply_adapter(adapter, x, x + 1) * weights).sum(), (x, *adapter[:4]))
    expected = torch.autograd.grad(((x + module(x)) * weights).sum(), (x, *module.parameters()))
    for one, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("d", "m"), [(768, 64), (384, 24), (32, 1)])
def test_its_number_of_parameters(d: int, m: int) -> None:
    """An adapter has 2md + m + d parameters (Houlsby et al. 2019, section 2.1)."""
    shapes = adapter_shapes("site", d, m)
    assert count_parameters(shapes) == 2 * m * d + m + d
    assert count_parameters(shapes) == sum(p.numel() for p in plain_adapter(d, m).parameters())


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt(centred.pow(2).mean(-1, keepdim=True) + TINY.layer_norm_eps) * weight + bias


def gelu(x: Tensor) -> Tensor:
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def gelu_tanh(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def one_row(tensors: dict[str, Tensor], ids: list[int]) -> Tensor:
    """Logits of one text, written down from the paper: one head after the other, no padding, no batch."""

    def affine(name: str, x: Tensor) -> Tensor:
        return x @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]

    def norm(name: str, x: Tensor) -> Tensor:
        return layer_norm(x, tensors[f"{name}.weight"], tensors[f"{name}.bias"])

    def adapted(name: str, x: Tensor) -> Tensor:
        return x + affine(f"{name}.up", gelu_tanh(affine(f"{name}.down", x)))

    x = tensors["embeddings.word"][ids] + tensors["embeddings.position"][: len(ids)]
    x = norm("embeddings.norm", x + tensors["embeddings.token_type"][0])
    width = TINY.hidden_size // TINY.num_heads
    for layer in ("layer.0", "layer.1"):
        query, key, value = (affine(f"{layer}.attention.{part}", x) for part in ("query", "key", "value"))
        heads = []
        for start in range(0, TINY.hidden_size, width):
            columns = slice(start, start + width)
            scores = query[:, columns] @ key[:, columns].T / math.sqrt(width)
            heads.append(torch.softmax(scores, -1) @ value[:, columns])
        attended = affine(f"{layer}.attention.output", torch.cat(heads, -1))
        x = norm(f"{layer}.attention.norm", x + adapted(f"{layer}.attention.adapter", attended))
        fed = affine(f"{layer}.feed_forward.down", gelu(affine(f"{layer}.feed_forward.up", x)))
        x = norm(f"{layer}.feed_forward.norm", x + adapted(f"{layer}.feed_forward.adapter", fed))
    return affine("head", x.mean(0))


def test_placement() -> None:
    """Adapters sit after the attention output and after the feed-forward output, before residual and norm."""
    backbone = tiny_backbone()
    generator = torch.Generator().manual_seed(5)
    own = {
        site.name: 0.3 * torch.randn(site.shape, generator=generator) + site.name.endswith("norm.weight")
        for site in houlsby(6).sites(TINY, num_labels=3)
    }
    rows = [[2, 30, 41, 52, 3], [2, 99, 3], [2, 17, 100, 6, 9, 44, 3]]
    batch = Batch(
        token_ids=torch.tensor([row + [0] * (9 - len(row)) for row in rows]),
        lengths=torch.tensor([len(row) for row in rows]),
    )
    tensors = {**backbone.tensors, **own}
    expected = torch.stack([one_row(tensors, row) for row in rows])
    torch.testing.assert_close(encode(backbone, own, batch), expected, rtol=0, atol=2e-5)
