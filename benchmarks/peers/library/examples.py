"""Token sets as this project wrote them, and batches of them as users of other libraries make them."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.utils.data import Dataset


class Examples(Dataset[dict[str, Any]]):
    """A split's examples: token ids and labels."""

    def __init__(self, path: Path) -> None:
        content = load_file(path)
        bounds = content["offsets"].tolist()
        ids = content["ids"].long()
        self.ids = [ids[start:end] for start, end in pairwise(bounds)]
        self.labels = content["labels"]
        self.lengths = content["offsets"].diff()

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"input_ids": self.ids[index], "labels": int(self.labels[index])}

    @property
    def num_tokens(self) -> int:
        """Tokens of all examples."""
        return int(self.lengths.sum())

    def batch(self, chosen: Tensor) -> dict[str, Tensor]:
        """The examples of these indices, padded to their longest."""
        return padded([self.ids[i] for i in chosen.tolist()]) | {"labels": self.labels[chosen]}


def padded(rows: list[Tensor]) -> dict[str, Tensor]:
    """Token ids and attention mask, padded with id 0 to the longest row."""
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    lengths = torch.tensor([len(row) for row in rows])
    mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    return {"input_ids": ids, "attention_mask": mask}


def collated(rows: list[dict[str, Any]]) -> dict[str, Tensor]:
    """What a Trainer's loader makes of a batch: dynamic padding."""
    labels = torch.tensor([row["labels"] for row in rows])
    return padded([row["input_ids"] for row in rows]) | {"labels": labels}


@dataclass(frozen=True)
class Batching:
    """How examples are put into batches."""

    size: int
    similar: bool
    """Examples of similar length together; otherwise in the given or a random order."""

    def shuffled(self, examples: Examples, seed: int) -> list[Tensor]:
        """Indices of each training batch; those of similar length come in random order, too."""
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(examples), generator=generator)
        if not self.similar:
            return list(order.split(self.size))
        order = order[examples.lengths[order].argsort(stable=True)]
        batches = order.split(self.size)
        return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]

    def in_order(self, examples: Examples) -> Iterator[Tensor]:
        """Indices of each evaluation batch: by length, or as they are."""
        order = examples.lengths.argsort(stable=True) if self.similar else torch.arange(len(examples))
        yield from order.split(self.size)
