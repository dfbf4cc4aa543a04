"""Text to tokens, once: a split as flat token arrays, and token batches gathered from them.

A `TokenSet` is also what the ledger stores of a test split, so that a run can be verified from its database
and the backbone alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import safetensors.torch
import torch
from jaxtyping import Int, Real
from torch import Tensor

from stream.errors import UserError
from stream.model.encoder.packing import Batch
from tasks.task import Split

_CHUNK = 4096
"""Texts handed to the tokenizer at a time, to keep memory flat."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TokenSet:
    """Tokens and labels of a split, examples in order."""

    ids: Int[Tensor, " tokens"]
    """int32 token ids of all examples, one after the other."""
    offsets: Int[Tensor, " examples_and_one"]
    """int64; example i holds ids[offsets[i]:offsets[i + 1]]."""
    second: Int[Tensor, " examples"]
    """int32; index within the example of the first token of segment type 1, or its length."""
    labels: Real[Tensor, " examples"]
    """int64 class indices, or float32 scores."""

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def num_examples(self) -> int:
        """What a metric is a mean over."""
        return len(self)

    @property
    def lengths(self) -> Int[Tensor, " examples"]:
        """Tokens of each example."""
        return self.offsets[1:] - self.offsets[:-1]

    @property
    def num_tokens(self) -> int:
        """Tokens of all examples."""
        return len(self.ids)

    @cached_property
    def one_segment(self) -> bool:
        """Whether no example has a second segment; asked once, since on a GPU the answer waits for it."""
        return bool((self.second == self.lengths).all())

    def to(self, device: torch.device) -> "TokenSet":
        """The same set on another device."""
        return TokenSet(
            ids=self.ids.to(device),
            offsets=self.offsets.to(device),
            second=self.second.to(device),
            labels=self.labels.to(device),
        )

    def batch(self, examples: Int[Tensor, " batch"], length: int) -> Batch:
        """The examples of these indices, padded with id 0 to `length` tokens (at least their longest)."""
        starts = self.offsets[examples]
        lengths = self.offsets[examples + 1] - starts
        positions = torch.arange(length, device=self.ids.device)
        inside = positions < lengths.unsqueeze(-1)
        at = (starts.unsqueeze(-1) + positions).clamp_(max=max(len(self.ids) - 1, 0))
        token_ids = torch.where(inside, self.ids[at], 0).long()
        second = self.second[examples]
        types = None if self.one_segment else (inside & (positions >= second.unsqueeze(-1))).long()
        return Batch(token_ids=token_ids, lengths=lengths, token_types=types)

    def to_bytes(self) -> bytes:
        """One safetensors blob; equal sets give equal bytes."""
        return safetensors.torch.save(
            {"ids": self.ids, "labels": self.labels, "offsets": self.offsets, "second": self.second}
        )

    @classmethod
    def from_bytes(cls, content: bytes) -> "TokenSet":
        """The set of a blob written by `to_bytes`."""
        return cls(**safetensors.torch.load(content))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class EncodedSplit:
    """A split's tokens, and how many of its texts were cut."""

    tokens: TokenSet
    num_truncated: int


def encode_split(tokenizer: Any, split: Split, *, max_length: int) -> EncodedSplit:
    """Tokenise a split; texts longer than `max_length` tokens (special ones included) are cut and counted.

    Raises:
        UserError: `max_length` leaves no room for a word.
    """
    num_special = tokenizer.num_special_tokens_to_add(split.pairs is not None)
    if max_length <= num_special:
        raise UserError(
            f"--max-length is {max_length}; it must be more than the {num_special} special tokens of a text."
        )
    with cutting(tokenizer, max_length):
        return _encode(tokenizer, split)


@contextmanager
def cutting(tokenizer: Any, max_length: int, **options: int | str) -> Iterator[None]:
    """Have the tokenizer cut and not pad, for now: the backbone's fingerprint covers its settings.

    `options` are those of the tokenizer's `enable_truncation`.
    """
    padding, truncation = tokenizer.padding, tokenizer.truncation
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length, **options)
    try:
        yield
    finally:
        tokenizer.no_truncation()
        if truncation is not None:
            tokenizer.enable_truncation(**truncation)
        if padding is not None:
            tokenizer.enable_padding(**padding)


def _encode(tokenizer: Any, split: Split) -> EncodedSplit:
    ids: list[np.ndarray] = []
    lengths: list[int] = []
    second: list[int] = []
    num_truncated = 0
    for start in range(0, len(split), _CHUNK):
        texts = list(split.texts[start : start + _CHUNK])
        inputs = (
            texts
            if split.pairs is None
            else list(zip(texts, split.pairs[start : start + _CHUNK], strict=True))
        )
        for encoding in tokenizer.encode_batch(inputs):
            ids.append(np.asarray(encoding.ids, dtype=np.int32))
            lengths.append(len(encoding.ids))
            second.append(second_segment(encoding, paired=split.pairs is not None))
            num_truncated += bool(encoding.overflowing)
    tokens = TokenSet(
        ids=torch.from_numpy(np.concatenate(ids)) if ids else torch.zeros(0, dtype=torch.int32),
        offsets=torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)),
        second=torch.tensor(second, dtype=torch.int32),
        labels=_gold(split),
    )
    return EncodedSplit(tokens=tokens, num_truncated=num_truncated)


def _gold(split: Split) -> Real[Tensor, " examples"]:
    """Class indices as int64, scores as float32."""
    labels = list(split.labels)
    scored = any(isinstance(label, float) for label in labels)
    return torch.tensor(labels, dtype=torch.float32 if scored else torch.int64)


def second_segment(encoding: Any, *, paired: bool) -> int:
    """Index of the first token of segment type 1, or the number of tokens."""
    types = encoding.type_ids if paired else []
    return types.index(1) if 1 in types else len(encoding.ids)
