"""Questions and contexts to token windows: a long context is read in overlapping pieces beside the question.

How long the parts are says `tasks.windows`. A window without the whole answer points at its first token, as
in BERT's run_squad; only tokens of the context can be predicted.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import safetensors.torch
import torch
from jaxtyping import Bool, Int, UInt8
from torch import Tensor

from stream.errors import UserError
from stream.learning.encoding import EncodedSplit, TokenSet, cutting, second_segment
from tasks.task import GoldAnswers, Split
from tasks.windows import LEAST_LENGTH, WindowLayout

_CHUNK = 1024
"""Questions handed to the tokenizer at a time, to keep memory flat."""
_ELSEWHERE = -1
"""Character offset of a token outside the context."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Questions:
    """What answers are read from and judged by."""

    identities: tuple[str, ...]
    texts: tuple[str, ...]
    contexts: tuple[str, ...]
    """One for each question."""
    answers: tuple[tuple[str, ...], ...]
    """Gold answers of each question."""


@dataclass(frozen=True, kw_only=True, eq=False)
class WindowSet(TokenSet):
    """The windows of a split in order of their questions, and what is needed to judge answers."""

    labels: Int[Tensor, "examples 2"]
    """int64; tokens of each window at which the answer starts and ends, (0, 0) where it is not whole."""
    chars: Int[Tensor, "tokens 2"]
    """int32; characters of the context that a token begins and ends at, -1 outside the context."""
    question: Int[Tensor, " examples"]
    """int32; question of each window, not decreasing."""
    content: UInt8[Tensor, " bytes"]
    """The questions as JSON in UTF-8, each context once."""

    @cached_property
    def questions(self) -> Questions:
        """The questions in order."""
        stored = json.loads(self.content.numpy().tobytes())
        return Questions(
            identities=tuple(stored["ids"]),
            texts=tuple(stored["questions"]),
            contexts=tuple(stored["contexts"][i] for i in stored["context_of"]),
            answers=tuple(map(tuple, stored["answers"])),
        )

    @property
    def num_examples(self) -> int:
        """Questions; their windows are no examples of their own."""
        return len(self.questions.texts)

    def to(self, device: torch.device) -> "WindowSet":
        """The same set on another device; what answers are judged by stays."""
        return WindowSet(
            ids=self.ids.to(device),
            offsets=self.offsets.to(device),
            second=self.second.to(device),
            labels=self.labels.to(device),
            chars=self.chars,
            question=self.question,
            content=self.content,
        )

    def to_bytes(self) -> bytes:
        """One safetensors blob; equal sets give equal bytes."""
        names = ("ids", "labels", "offsets", "second", "chars", "question", "content")
        return safetensors.torch.save({name: getattr(self, name) for name in names})

    @classmethod
    def from_bytes(cls, content: bytes) -> "WindowSet":
        """The set of a blob written by `to_bytes`."""
        return cls(**safetensors.torch.load(content))


def encode_windows(tokenizer: Any, split: Split, *, max_length: int) -> EncodedSplit:
    """Tokenise questions and contexts into windows of at most `max_length` tokens, special ones included.

    `num_truncated` counts questions that were cut or whose first answer stands whole in no window.

    Raises:
        UserError: `max_length` is below `LEAST_LENGTH`.
    """
    assert split.pairs is not None
    assert split.answers is not None
    layout = WindowLayout(max_length=max_length)
    if max_length < LEAST_LENGTH:
        raise UserError(
            f"--max-length is {max_length}; windows of a question and a context need {LEAST_LENGTH} or more "
            "(384 is usual)."
        )
    questions, was_cut = _cut_questions(tokenizer, split.texts, layout.longest_question)
    windows = _Windows()
    with cutting(tokenizer, max_length, stride=layout.overlap, strategy="only_second"):
        for start in range(0, len(split), _CHUNK):
            chosen = slice(start, start + _CHUNK)
            inputs = list(zip(questions[chosen], split.pairs[chosen], strict=True))
            encodings = tokenizer.encode_batch(inputs)
            for encoding, golds in zip(encodings, split.answers[chosen], strict=True):
                windows.add((encoding, *encoding.overflowing), golds)
    return EncodedSplit(
        tokens=windows.as_set(_content(split)),
        num_truncated=int(np.count_nonzero(was_cut | ~np.array(windows.found, np.bool_))),
    )


def _cut_questions(
    tokenizer: Any, questions: Sequence[str], longest: int
) -> tuple[list[str], Bool[np.ndarray, " questions"]]:
    """Questions of at most `longest` tokens, and which of them were longer."""
    kept: list[str] = []
    was_cut: list[bool] = []
    with cutting(tokenizer, longest):
        for start in range(0, len(questions), _CHUNK):
            texts = list(questions[start : start + _CHUNK])
            for text, encoding in zip(
                texts, tokenizer.encode_batch(texts, add_special_tokens=False), strict=True
            ):
                was_cut.append(bool(encoding.overflowing))
                kept.append(text[: encoding.offsets[-1][1]] if encoding.overflowing else text)
    return kept, np.array(was_cut, np.bool_)


class _Windows:
    """The windows so far, as lists of what a `WindowSet` holds."""

    def __init__(self) -> None:
        self.found: list[bool] = []
        """Whether the first answer of a question stands whole in one of its windows."""
        self._ids: list[np.ndarray] = []
        self._chars: list[np.ndarray] = []
        self._second: list[int] = []
        self._labels: list[tuple[int, int]] = []
        self._question: list[int] = []

    def add(self, encodings: Sequence[Any], golds: GoldAnswers) -> None:
        """Add the windows of the next question."""
        begin = golds.starts[0]
        found = False
        for encoding in encodings:
            chars = _context_chars(encoding)
            label = answer_tokens(chars, begin, begin + len(golds.texts[0]))
            self._ids.append(np.asarray(encoding.ids, dtype=np.int32))
            self._chars.append(chars)
            self._second.append(second_segment(encoding, paired=True))
            self._labels.append(label or (0, 0))
            self._question.append(len(self.found))
            found |= label is not None
        self.found.append(found)

    def as_set(self, content: bytes) -> WindowSet:
        """All windows with the questions they belong to."""
        lengths = [len(ids) for ids in self._ids]
        ids = np.concatenate([np.zeros(0, np.int32), *self._ids])
        chars = np.concatenate([np.zeros((0, 2), np.int32), *self._chars])
        return WindowSet(
            ids=torch.from_numpy(ids),
            offsets=torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)),
            second=torch.tensor(self._second, dtype=torch.int32),
            labels=torch.tensor(self._labels, dtype=torch.int64).reshape(-1, 2),
            chars=torch.from_numpy(chars),
            question=torch.tensor(self._question, dtype=torch.int32),
            content=torch.frombuffer(bytearray(content), dtype=torch.uint8),
        )


def _context_chars(encoding: Any) -> Int[np.ndarray, "tokens 2"]:
    """Characters of the context that each token covers, -1 for tokens of the question and special ones."""
    chars = np.array(encoding.offsets, dtype=np.int32).reshape(-1, 2)
    inside = np.array([segment == 1 for segment in encoding.sequence_ids], dtype=np.bool_)
    return np.where(inside[:, None], chars, np.int32(_ELSEWHERE))


def answer_tokens(chars: Int[np.ndarray, "tokens 2"], begin: int, end: int) -> tuple[int, int] | None:
    """First and last token of the characters [begin, end) of the context.

    None where a window does not hold all of them: its first context token begins later, its last ends sooner.
    """
    inside = np.flatnonzero(chars[:, 1] > _ELSEWHERE)
    first = inside[chars[inside, 1] > begin][:1]
    last = inside[chars[inside, 0] < end][-1:]
    if not len(first) or not len(last) or first[0] > last[0]:
        return None
    starts_before = first[0] > inside[0] or chars[first[0], 0] <= begin
    ends_after = last[0] < inside[-1] or chars[last[0], 1] >= end
    return (int(first[0]), int(last[0])) if starts_before and ends_after else None


def _content(split: Split) -> bytes:
    """The questions of a split as JSON; equal questions give equal bytes."""
    assert split.pairs is not None
    assert split.answers is not None
    numbers: dict[str, int] = {}
    context_of = [numbers.setdefault(context, len(numbers)) for context in split.pairs]
    stored = {
        "ids": [golds.question_id for golds in split.answers],
        "questions": list(split.texts),
        "contexts": list(numbers),
        "context_of": context_of,
        "answers": [golds.texts for golds in split.answers],
    }
    return json.dumps(stored, ensure_ascii=False, separators=(",", ":")).encode()
