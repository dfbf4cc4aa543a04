"""What is measured and how long it takes: token sets of simulated tasks, so that no data is needed."""

import time
from collections.abc import Callable, Sequence

import torch

from stream.learning.encoding import TokenSet, encode_split
from stream.model.backbone.backbone import Backbone
from tasks import DataMode, Limits, load_task, open_suite


def simulated_tokens(backbone: Backbone, name: str, num_examples: int, *, max_length: int = 128) -> TokenSet:
    """Training tokens of the simulated stand-in of one task of additional17."""
    card = next(card for card in open_suite("additional17").cards if card.name == name)
    task = load_task(card, mode=DataMode.SIMULATED, limits=Limits(max_train=num_examples, max_test=10))
    return encode_split(backbone.tokenizer, task.train, max_length=max_length).tokens


GPU_FACTOR = 20
"""So many times as many examples are measured on a GPU, where fewer would be gone in a moment."""


def num_measured(count: int, device: torch.device) -> int:
    """Examples to measure, of so many on a CPU."""
    return count if device.type == "cpu" else GPU_FACTOR * count


def tokens_per_second(sets: Sequence[TokenSet], run: Callable[[], object], device: torch.device) -> float:
    """Tokens of these sets over the seconds of a run that goes through them once."""
    started = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return sum(tokens.num_tokens for tokens in sets) / (time.perf_counter() - started)
