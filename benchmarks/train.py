"""Training speed of one arrival against the plain way, on the same token batches."""

import sys
from dataclasses import replace
from unittest.mock import patch

import torch
import torch.nn.functional as F

from benchmarks.material import num_measured, simulated_tokens, tokens_per_second
from benchmarks.own_training import one_epoch
from benchmarks.plain_peer import PlainPeer
from benchmarks.result import Figure, Result, interleaved, ratios
from stream.learning import steps
from stream.learning.encoding import TokenSet
from stream.learning.job import epoch_batches
from stream.model.backbone.backbone import Backbone
from stream.model.backbone.loading import load_backbone
from stream.model.backbone.names import MINILM, DeviceChoice
from stream.model.backbone.precision import choose_device, choose_dtype
from stream.model.methods.bottleneck import default_adapter_size, houlsby

BATCH_SIZE = 32
NUM_LABELS = 3


def measure_training(repeats: int, choice: DeviceChoice) -> Result:
    """Tokens per second, one epoch over short and over long texts."""
    device = choose_device(choice)
    backbone = load_backbone(MINILM, device=device, dtype=choose_dtype(device))
    size = default_adapter_size(backbone.architecture)
    figures: list[Figure] = []
    for label, task, count in (("short texts", "airline", 320), ("long texts", "20-newsgroups", 64)):
        tokens = simulated_tokens(backbone, task, num_measured(count, device))
        figures += _figures(label, backbone, tokens, size, repeats)
    return Result(
        title="training one arrival on MiniLM, against transformers modules with adapters, same batches",
        figures=tuple(figures),
        setting={
            "device": device.type,
            "batch_size": BATCH_SIZE,
            "adapter_size": size,
            "data": "simulated",
            "repeats": repeats,
        },
    )


def _figures(label: str, backbone: Backbone, all_tokens: TokenSet, size: int, repeats: int) -> list[Figure]:
    tokens = replace(all_tokens, labels=all_tokens.labels % NUM_LABELS)
    device = backbone.device
    runs = {
        "this project": lambda: _ours(backbone, tokens, size),
        "plain float32": lambda: _plain(tokens, size, torch.float32, device),
        "plain bfloat16 autocast": lambda: _plain(tokens, size, torch.bfloat16, device),
    }
    if device.type == "cuda":
        runs["this project, kernel by kernel"] = lambda: _kernel_by_kernel(backbone, tokens, size)
    speeds = interleaved(runs, repeats)
    figures = [Figure(name=f"{label}: {name}", unit="tokens/s", values=v) for name, v in speeds.items()]
    ours = speeds.pop("this project")
    return figures + [
        Figure(name=f"{label}: this project / {name}", unit="x", values=ratios(ours, values))
        for name, values in speeds.items()
    ]


def _ours(backbone: Backbone, tokens: TokenSet, size: int) -> float:
    epoch = one_epoch(backbone, houlsby(size), tokens, num_labels=NUM_LABELS, batch_size=BATCH_SIZE)
    return tokens_per_second([tokens], epoch, backbone.device)


def _kernel_by_kernel(backbone: Backbone, tokens: TokenSet, size: int) -> float:
    """The same without a captured step."""
    with patch.object(steps, "CAPTURE_AT", sys.maxsize):
        return _ours(backbone, tokens, size)


def _plain(tokens: TokenSet, size: int, dtype: torch.dtype, device: torch.device) -> float:
    model = PlainPeer(size, NUM_LABELS).train().to(device)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-3)
    lengths = tokens.lengths.numpy()
    resident = tokens.to(device)

    def epoch() -> None:
        for examples in epoch_batches(lengths, batch_size=BATCH_SIZE, seed=0, epoch=0):
            chosen = torch.from_numpy(examples).to(device)
            batch = resident.batch(chosen, int(lengths[examples].max()))
            with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
                loss = F.cross_entropy(model(batch).float(), resident.labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()

    return tokens_per_second([tokens], epoch, device)
