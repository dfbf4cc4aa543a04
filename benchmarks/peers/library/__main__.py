"""One side in another library's environment: `python -m benchmarks.peers.library`."""

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import torch

from benchmarks.peers.conversation import open_conversation
from benchmarks.peers.library.evaluation import StoredStream, accuracy
from benchmarks.peers.library.examples import Batching, Examples
from benchmarks.peers.library.models import Method, Setting, make_model, num_trained
from benchmarks.peers.library.training import Recipe, train

EVALUATION_BATCHES = (32, 64, 128)
"""Sizes that a re-evaluation at its best is tried with."""
TRIED_TASKS = 2
"""Tasks that a setting of a re-evaluation is tried on."""
FORMATS = (
    {"frozen": "float32", "every": "float32"},
    {"frozen": "bfloat16", "every": "float32"},
    {"frozen": "float32", "every": "bfloat16"},
)


class Side:
    """What one process holds: material, a way to train or evaluate, and the setting it found fastest."""

    def open(self, *, threads: int, backbone: str, packages: list[str], **options: Any) -> dict[str, Any]:
        """Take the side's options; answer with versions."""
        torch.set_num_threads(threads)
        self.backbone = backbone
        self.options = options
        self.method = Method(**options["method"])
        self.setting = Setting()
        self.batching = Batching(size=options["batch_size"], similar=options["similar"])
        return {"versions": {name: version(name) for name in ("torch", *packages)}}

    def train(
        self, *, train_file: str, test_file: str | None, num_labels: int, seed: int, learning_rate: float
    ) -> dict[str, Any]:
        """Train one epoch from fresh parameters, timed as a whole, and measure the accuracy."""
        examples = Examples(Path(train_file))
        torch.manual_seed(seed)
        model = make_model(self.backbone, num_labels, self.method, self.setting)
        recipe = Recipe(
            loop=self.options["loop"],
            batching=self.batching,
            autocast=self.options["autocast"],
            learning_rate=learning_rate,
        )
        count = num_trained(model)
        started = time.perf_counter()
        loss = train(model, examples, recipe, seed)
        seconds = time.perf_counter() - started
        return {
            "seconds": seconds,
            "tokens": examples.num_tokens,
            "loss": loss,
            "num_trained": count,
            "accuracy": None if test_file is None else self._accuracy(model, Path(test_file)),
        }

    def _accuracy(self, model: Any, test: Path) -> float:
        batching = Batching(size=64, similar=True)  # not timed: the quickest way for every side
        return accuracy(model, Examples(test), batching, autocast=self.options["autocast"])

    def choose(self, **training: Any) -> dict[str, Any]:
        """Warm up; where the side is to be at its best, try its settings and keep the fastest."""
        if not self.options["best"]:
            self.train(**training)
            return {"setting": asdict(self.setting)}
        formats = FORMATS[: 1 if self.method.name == "fine-tune" else 2]
        seconds: dict[Setting, float] = {}
        for kernel, kinds in product(("sdpa", "eager"), formats):
            self.setting = Setting(attention=kernel, **kinds)
            seconds[self.setting] = min(self.train(**training)["seconds"] for _ in range(2))
        self.setting = min(seconds, key=seconds.__getitem__)
        return {"setting": asdict(self.setting), "tried": _readable(seconds)}

    def store(
        self, *, tests: Mapping[str, str], num_labels: Mapping[str, int], folder: str
    ) -> dict[str, Any]:
        """Save an adapter per task, and load what stays resident."""
        read = {name: Examples(Path(path)) for name, path in tests.items()}
        self.stream = StoredStream(backbone=self.backbone, folder=Path(folder), tests=read)
        self.stream.store(num_labels, self.method)
        if self.options["best"]:
            return self._choose_evaluation()
        self.model = self.stream.loaded_model(self.setting, resident=False)
        self._evaluate(list(read)[:TRIED_TASKS])
        return {"setting": asdict(self.setting) | asdict(self.batching)}

    def evaluate(self) -> dict[str, Any]:
        """Evaluate every task, timed as a whole."""
        names = list(self.stream.tests)
        started = time.perf_counter()
        self._evaluate(names)
        return {
            "seconds": time.perf_counter() - started,
            "examples": sum(len(test) for test in self.stream.tests.values()),
        }

    def _evaluate(self, tasks: list[str]) -> None:
        self.stream.evaluate(
            self.model,
            self.batching,
            resident=self.options["best"],
            autocast=self.options["autocast"] and self.setting.every == "float32",
            tasks=tasks,
        )

    def _choose_evaluation(self) -> dict[str, Any]:
        """Try kernels and number formats, then batch sizes, and keep the fastest."""
        self.batching = replace(self.batching, size=EVALUATION_BATCHES[1])
        formats: dict[Setting, float] = {}
        for kernel, kinds in product(("sdpa", "eager"), FORMATS):
            self.setting = Setting(attention=kernel, **kinds)
            self.model = self.stream.loaded_model(self.setting, resident=True)
            formats[self.setting] = self._tried_seconds()
        self.setting = min(formats, key=formats.__getitem__)
        self.model = self.stream.loaded_model(self.setting, resident=True)
        sizes: dict[int, float] = {}
        for size in EVALUATION_BATCHES:
            self.batching = replace(self.batching, size=size)
            sizes[size] = self._tried_seconds()
        self.batching = replace(self.batching, size=min(sizes, key=sizes.__getitem__))
        tried = _readable(formats) | {f"batch {size}": taken for size, taken in sizes.items()}
        return {"setting": asdict(self.setting) | asdict(self.batching), "tried": tried}

    def _tried_seconds(self) -> float:
        tasks = list(self.stream.tests)[:TRIED_TASKS]
        seconds: list[float] = []
        for _ in range(2):
            started = time.perf_counter()
            self._evaluate(tasks)
            seconds.append(time.perf_counter() - started)
        return min(seconds)


def _readable(seconds: Mapping[Setting, float]) -> dict[str, float]:
    return {_words(setting): taken for setting, taken in seconds.items()}


def _words(setting: Setting) -> str:
    return f"{setting.attention}, frozen {setting.frozen}, all {setting.every}"


if __name__ == "__main__":
    side = Side()
    open_conversation().serve(
        {
            "open": side.open,
            "choose": side.choose,
            "train": side.train,
            "store": side.store,
            "evaluate": side.evaluate,
        }
    )
