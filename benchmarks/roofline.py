"""How near to the limit of matrix products training and evaluation are, by padded length and batch size.

The limit is the best rate of a product at the model's own shapes, measured in the same run; the work is
counted from the architecture. Times are the process's CPU time, so the share is that of the cores that were
used. Rows are full: a share says nothing about padding.
"""

import time
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F

from benchmarks.result import Figure, Result, interleaved
from stream.learning.flat import FlatParameters
from stream.model.backbone.architecture import Architecture
from stream.model.backbone.backbone import Backbone
from stream.model.backbone.loading import load_backbone
from stream.model.backbone.names import MINILM
from stream.model.backbone.precision import choose_device, choose_dtype
from stream.model.encoder.dropout import MaskPool, StepDropout
from stream.model.encoder.encoder import assemble, logits
from stream.model.encoder.packing import Batch
from stream.model.methods.bottleneck import default_adapter_size, houlsby
from stream.model.methods.method import fresh_parameters

NUM_LABELS = 3
ROWS = (8, 32, 128)
LENGTHS = (16, 32, 128)
_PEAK_TOKENS = (256, 1024)


def measure_roofline(repeats: int) -> Result:
    """Share of the products' peak and tokens per second, training and evaluation."""
    device = choose_device("cpu")
    backbone = load_backbone(MINILM, device=device, dtype=choose_dtype(device))
    size = default_adapter_size(backbone.architecture)
    shapes = [(rows, length) for rows in ROWS for length in LENGTHS]
    runs: dict[str, Callable[[], float]] = {"peak": lambda: peak(backbone)}
    for rows, length in shapes:
        runs[f"training {rows} x {length}"] = _training(backbone, size, rows, length)
        runs[f"evaluation {rows} x {length}"] = _evaluation(backbone, size, rows, length)
    measured = interleaved(runs, repeats)
    limits = measured.pop("peak")
    figures = [
        Figure(name="matrix-product peak of a core", unit="GFLOP/s", values=tuple(p / 1e9 for p in limits))
    ]
    for rows, length in shapes:
        for what in ("training", "evaluation"):
            name, trained = f"{what} {rows} x {length}", what == "training"
            work = flops_per_token(backbone.architecture, size, length, trained=trained)
            rates = measured[name]
            shares = tuple(rate * work / limit for rate, limit in zip(rates, limits, strict=True))
            figures.append(Figure(name=f"{name}: share of the peak", unit="", values=shares))
            figures.append(Figure(name=name, unit="tokens per CPU second", values=rates))
    return Result(
        title="share of the matrix-product peak on MiniLM (rows x length, full rows)",
        figures=tuple(figures),
        setting={"adapter_size": size, "dtype": str(backbone.dtype), "repeats": repeats},
    )


def flops_per_token(a: Architecture, size: int, length: int, *, trained: bool) -> float:
    """Floating-point operations of one token's products; a multiplication and an addition are two.

    In training each frozen product has one more (the input's gradient), attention's two and the adapters' two
    have two more each.
    """
    d, f = a.hidden_size, a.intermediate_size
    frozen = 2 * (4 * d * d + 2 * d * f)
    others = 2 * 2 * length * d + 2 * (2 * 2 * d * size)
    return a.num_layers * (frozen * (2 if trained else 1) + others * (3 if trained else 1))


def peak(backbone: Backbone) -> float:
    """Operations per CPU second of the fastest product at the model's shapes."""
    rates: list[float] = []
    for name in ("attention.query_key_value", "feed_forward.up", "feed_forward.down"):
        weight = backbone.compute[f"layer.0.{name}.weight"]
        for tokens in _PEAK_TOKENS:
            x = torch.randn(tokens, weight.shape[1]).to(weight.dtype)
            work = 2 * tokens * weight.numel()
            product = partial(torch.mm, x, weight.t())
            rates += [work / _cpu_seconds(product, 10) for _ in range(3)]
    return max(rates)


def _training(backbone: Backbone, size: int, rows: int, length: int) -> Callable[[], float]:
    """A function that trains some steps and returns tokens per CPU second."""
    a, sites = backbone.architecture, houlsby(size).sites(backbone.architecture, NUM_LABELS)
    flat = FlatParameters(sites, fresh_parameters(sites, backbone, {}, 0), backbone.device, backbone.dtype)
    optimiser = torch.optim.AdamW(flat.leaves, lr=1e-5, fused=True)
    pool = MaskPool(0, a.hidden_dropout, device=backbone.device, dtype=backbone.dtype)
    batch, labels = _batch(rows, length), torch.arange(rows) % NUM_LABELS

    def step() -> None:
        encoder = assemble(backbone, flat.tensors())
        found = logits(encoder, batch, StepDropout({a.hidden_dropout: pool}, 0))
        F.cross_entropy(found, labels).backward()
        flat.collect_gradients()
        torch.nn.utils.clip_grad_norm_(flat.leaves, 1.0)
        optimiser.step()

    return lambda: rows * length / _cpu_seconds(step, _steps(rows, length))


def _evaluation(backbone: Backbone, size: int, rows: int, length: int) -> Callable[[], float]:
    sites = houlsby(size).sites(backbone.architecture, NUM_LABELS)
    encoder = assemble(backbone, fresh_parameters(sites, backbone, {}, 0))
    batch = _batch(rows, length)

    @torch.inference_mode()
    def step() -> None:
        logits(encoder, batch)

    return lambda: rows * length / _cpu_seconds(step, _steps(rows, length))


def _batch(rows: int, length: int) -> Batch:
    ids = torch.randint(1000, 30000, (rows, length), generator=torch.Generator().manual_seed(0))
    return Batch(token_ids=ids, lengths=torch.full((rows,), length))


def _steps(rows: int, length: int) -> int:
    """About 2,000 tokens, one step at least."""
    return max(2048 // (rows * length), 1)


def _cpu_seconds(run: Callable[[], object], count: int) -> float:
    """CPU seconds of one of `count` runs."""
    started = time.process_time()
    for _ in range(count):
        run()
    return (time.process_time() - started) / count
