"""Evaluation with another library: one model on a split, and a stream of stored adapters on theirs."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.peers.library.examples import Batching, Examples
from benchmarks.peers.library.models import Method, Setting, adapters_model, add_task, cast


@torch.inference_mode()
def predictions(model: Any, examples: Examples, batching: Batching, *, autocast: bool) -> Tensor:
    """Class of each example, in order."""
    model.eval()
    found = torch.empty(len(examples), dtype=torch.long)
    for chosen in batching.in_order(examples):
        batch = examples.batch(chosen)
        del batch["labels"]
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            found[chosen] = model(**batch).logits.argmax(1)
    return found


def accuracy(model: Any, examples: Examples, batching: Batching, *, autocast: bool) -> float:
    """Share of the examples that are classified rightly."""
    found = predictions(model, examples, batching, autocast=autocast)
    return float((found == examples.labels).float().mean())


@dataclass(frozen=True)
class StoredStream:
    """Adapters of many tasks, each with its head in a folder of its own, and their test splits."""

    backbone: str
    folder: Path
    tests: Mapping[str, Examples]

    def store(self, num_labels: Mapping[str, int], method: Method) -> None:
        """Save a fresh adapter and head for each task, as `save_adapter` does."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for name in self.tests:
            model = adapters_model(self.backbone, Setting())
            add_task(model, name, num_labels[name], method)
            model.save_adapter(str(self.folder / name), name)

    def loaded_model(self, setting: Setting, *, resident: bool) -> Any:
        """The backbone, with all adapters where they are to be resident."""
        model = adapters_model(self.backbone, setting)
        for name in self.tests if resident else ():
            self._load(model, name)
        cast(model, setting)
        return model.eval()

    def evaluate(
        self, model: Any, batching: Batching, *, resident: bool, autocast: bool, tasks: list[str]
    ) -> dict[str, float]:
        """Accuracy by task: its adapter and head are switched to, or loaded from their files and dropped."""
        found: dict[str, float] = {}
        for name in tasks:
            if resident:
                model.set_active_adapters(name)
                model.active_head = name
            else:
                self._load(model, name)
            found[name] = accuracy(model, self.tests[name], batching, autocast=autocast)
            if not resident:
                model.delete_adapter(name)
                model.delete_head(name)
        return found

    def _load(self, model: Any, name: str) -> None:
        model.load_adapter(str(self.folder / name), load_as=name, set_active=True)
        model.active_head = name
