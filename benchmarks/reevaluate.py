"""Speed of re-evaluating stored tasks: from the ledger's bytes to a digest, against a plain loop."""

import tempfile
from pathlib import Path

import torch

from benchmarks.material import num_measured, simulated_tokens, tokens_per_second
from benchmarks.plain_peer import PlainPeer
from benchmarks.result import Figure, Result, interleaved, ratios
from db import write_file_durably
from stream.learning.encoding import TokenSet
from stream.learning.evaluation import evaluate, evaluation_rows, make_plan
from stream.learning.objectives.objective import BY_ACCURACY
from stream.model.backbone.backbone import Backbone
from stream.model.backbone.loading import load_backbone
from stream.model.backbone.names import MINILM, DeviceChoice
from stream.model.backbone.parameters import TaskParameters
from stream.model.backbone.precision import choose_device, choose_dtype
from stream.model.methods.bottleneck import default_adapter_size, houlsby
from stream.model.methods.method import fresh_parameters

NUM_LABELS = 3
_TASKS = (("airline", 320), ("us-economic-performance", 160), ("20-newsgroups", 64))


def measure_reevaluation(repeats: int, choice: DeviceChoice) -> Result:
    """Tokens per second over three tasks of different lengths, reading and hashing included."""
    device = choose_device(choice)
    backbone = load_backbone(MINILM, device=device, dtype=choose_dtype(device))
    size = default_adapter_size(backbone.architecture)
    sets = [simulated_tokens(backbone, name, num_measured(count, device)) for name, count in _TASKS]
    sites = houlsby(size).sites(backbone.architecture, NUM_LABELS)
    content = TaskParameters(fresh_parameters(sites, backbone, {}, 0)).to_bytes()
    peer = PlainPeer(size, NUM_LABELS).eval().to(device)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "parameters.safetensors"
        write_file_durably(path, content)
        speeds = interleaved(
            {
                name: lambda run=run: tokens_per_second(sets, run, device)
                for name, run in {
                    "this project": lambda: _ours(backbone, path, sets),
                    "plain float32": lambda: _plain(peer, sets, torch.float32, device),
                    "plain bfloat16 autocast": lambda: _plain(peer, sets, torch.bfloat16, device),
                }.items()
            },
            repeats,
        )
    figures = [Figure(name=name, unit="tokens/s", values=values) for name, values in speeds.items()]
    figures += [
        Figure(name=f"this project / {name}", unit="x", values=ratios(speeds["this project"], values))
        for name, values in speeds.items()
        if name != "this project"
    ]
    return Result(
        title="re-evaluating three tasks on MiniLM from stored bytes, against transformers with adapters",
        figures=tuple(figures),
        setting={
            "device": device.type,
            "batch_size": evaluation_rows(device),
            "adapter_size": size,
            "data": "simulated",
            "repeats": repeats,
        },
    )


def _ours(backbone: Backbone, path: Path, sets: list[TokenSet]) -> None:
    for tokens in sets:
        parameters = TaskParameters.from_bytes(path.read_bytes()).to(backbone.device)
        evaluate(backbone, parameters, tokens, scoring=BY_ACCURACY, plan=make_plan(tokens, backbone))


@torch.inference_mode()
def _plain(peer: PlainPeer, sets: list[TokenSet], dtype: torch.dtype, device: torch.device) -> None:
    """Examples in their order, batches as large as ours, padded to their longest text."""
    rows = evaluation_rows(device)
    for tokens in sets:
        for start in range(0, len(tokens), rows):
            examples = torch.arange(start, min(start + rows, len(tokens)))
            batch = tokens.batch(examples, int(tokens.lengths[examples].max())).to(device)
            with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
                peer(batch).argmax(1)
