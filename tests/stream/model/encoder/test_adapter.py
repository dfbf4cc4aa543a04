import pytest
import torch
from torch import Tensor, nn

from stream.model.backbone.architecture import count_parameters
from stream.model.encoder.adapter import BottleneckAdapter, adapter_shapes, apply_adapter
from stream.model.encoder.encoder import encode
from stream.model.methods.bottleneck import houlsby
from tests.stream.model.written_down import ROWS, affine, gelu_tanh, one_row, padded
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


def test_placement() -> None:
    """Adapters sit after the attention output and after the feed-forward output, before residual and norm."""
    backbone = tiny_backbone()
    generator = torch.Generator().manual_seed(5)
    own = {
        site.name: 0.3 * torch.randn(site.shape, generator=generator) + site.name.endswith("norm.weight")
        for site in houlsby(6).sites(TINY, num_labels=3)
    }
    tensors = {**backbone.tensors, **own}

    def adapted(sublayer: str, y: Tensor, x: Tensor) -> Tensor:
        inner = gelu_tanh(affine(tensors, f"{sublayer}.adapter.down", y))
        return y + affine(tensors, f"{sublayer}.adapter.up", inner)

    expected = torch.stack([one_row(tensors, row, adapted) for row in ROWS])
    torch.testing.assert_close(encode(backbone, own, padded()), expected, rtol=0, atol=2e-5)
