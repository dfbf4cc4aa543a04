"""Forward passes timed in pairs: bare backbone and a task's tensors in turn, so that drift falls on both."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from stream.model.backbone.backbone import Backbone
from stream.model.encoder.encoder import Encoder, assemble, logits
from stream.model.encoder.low_rank import merge
from stream.model.encoder.packing import Batch
from stream.model.methods.method import Method, fresh_parameters

LEAST_SECONDS = 0.02
"""A timing holds so many passes that it lasts about as long; single short passes would measure the clock."""
_WARM_UP_PASSES = 2
NUM_LABELS = 2
"""Classes of the head, the same on both sides."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """How time is read on a device."""

    text: str
    """In words."""
    seconds: Callable[[Callable[[], object]], float]
    """Seconds that a call takes."""


def clock_for(device: torch.device, num_threads: int) -> Clock:
    """CUDA events; for one thread the processor's time, to which other processes do not add; wall time."""
    if device.type == "cuda":
        return Clock(text="CUDA events", seconds=_event_seconds)
    if num_threads == 1:
        return Clock(text="processor time of the one thread", seconds=_read_around(time.process_time))
    return Clock(text="wall time", seconds=_read_around(time.perf_counter))


def _read_around(read: Callable[[], float]) -> Callable[[Callable[[], object]], float]:
    def seconds(run: Callable[[], object]) -> float:
        started = read()
        run()
        return read() - started

    return seconds


def _event_seconds(run: Callable[[], object]) -> float:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    start.record()
    run()
    end.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(end)) / 1e3


@dataclass(frozen=True, kw_only=True, slots=True)
class Timings:
    """Seconds of one forward pass on both sides, pair by pair."""

    bare_seconds: tuple[float, ...]
    seconds: tuple[float, ...]
    num_passes: int
    """Passes that each timing is a mean over."""


@torch.inference_mode()
def timed_pairs(bare: Encoder, other: Encoder, batch: Batch, *, repeats: int, clock: Clock) -> Timings:
    """Time both encoders on a batch, `repeats` times each; which one goes first alternates."""
    sides = (bare, other)
    for encoder in sides:
        for _ in range(_WARM_UP_PASSES):
            logits(encoder, batch)
    once = clock.seconds(lambda: logits(bare, batch))
    num_passes = max(1, math.ceil(LEAST_SECONDS / max(once, 1e-6)))

    def passes(encoder: Encoder) -> float:
        def run() -> None:
            for _ in range(num_passes):
                logits(encoder, batch)

        return clock.seconds(run) / num_passes

    found: tuple[list[float], list[float]] = ([], [])
    for repeat in range(repeats):
        for side in (0, 1) if repeat % 2 == 0 else (1, 0):
            found[side].append(passes(sides[side]))
    return Timings(bare_seconds=tuple(found[0]), seconds=tuple(found[1]), num_passes=num_passes)


def full_batch(backbone: Backbone, batch_size: int, length: int) -> Batch:
    """Random token ids without padding; the ids change no time."""
    generator = torch.Generator().manual_seed(0)
    shape = (batch_size, length)
    ids = torch.randint(backbone.architecture.vocab_size, shape, generator=generator)
    return Batch(token_ids=ids, lengths=torch.full((batch_size,), length)).to(backbone.device)


def encoder_of(backbone: Backbone, method: Method, *, merged: bool = False) -> Encoder:
    """An encoder with fresh tensors of a method, whose values change no time.

    `merged` adds low-rank updates to the weights beforehand, so that no product is left of them.
    """
    sites = method.trained_sites(backbone.architecture, NUM_LABELS)
    parameters: Mapping[str, Tensor] = method.materialise(fresh_parameters(sites, backbone, {}, 0))
    placed = {name: tensor.to(backbone.device) for name, tensor in parameters.items()}
    return assemble(backbone, merge(backbone, placed) if merged else placed)
