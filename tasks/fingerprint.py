"""The fingerprint of a task: one SHA-256 over its name, class names, texts and labels, in order.

Every string is written with its length in front and every list with its count, so two different tasks
never produce the same bytes. The fingerprint does not depend on where the examples came from.
"""

import hashlib
import struct
from collections.abc import Callable, Sequence

from tasks.task import GoldAnswers, Split


def task_fingerprint(name: str, labels: Sequence[str], splits: Sequence[Split]) -> str:
    """SHA-256 (64 hex digits) of a task: its name, its class names and its splits, in the order given.

    Layout (integers are 8 bytes, little-endian): name; number of classes, each class name; number of
    splits; per split the number of examples, whether it has second segments (0 or 1, for span tasks 2), then
    per example the class index (signed) or the score (a double), the text and, where there is one, the second
    segment; for span tasks instead of the class index the number of gold answers, and the start and text of
    each. A string is the length of its UTF-8 in bytes, then the UTF-8; a lone surrogate is kept
    (`surrogatepass`).
    """
    digest = hashlib.sha256()
    _write_text(digest.update, name)
    _write_count(digest.update, len(labels))
    for label in labels:
        _write_text(digest.update, label)
    _write_count(digest.update, len(splits))
    for split in splits:
        _write_split(digest.update, split)
    return digest.hexdigest()


def _write_split(write: Callable[[bytes], None], split: Split) -> None:
    _write_count(write, len(split))
    if split.answers is not None:
        _write_questions(write, split, split.answers)
        return
    _write_count(write, int(split.pairs is not None))
    for index, (text, label) in enumerate(zip(split.texts, split.labels, strict=True)):
        write(struct.pack("<q" if isinstance(label, int) else "<d", label))
        _write_text(write, text)
        if split.pairs is not None:
            _write_text(write, split.pairs[index])


def _write_questions(write: Callable[[bytes], None], split: Split, answers: Sequence[GoldAnswers]) -> None:
    _write_count(write, 2)
    for question, context, golds in zip(split.texts, split.pairs or (), answers, strict=True):
        _write_count(write, len(golds.texts))
        for start, text in zip(golds.starts, golds.texts, strict=True):
            _write_count(write, start)
            _write_text(write, text)
        _write_text(write, question)
        _write_text(write, context)


def _write_text(write: Callable[[bytes], None], text: str) -> None:
    encoded = text.encode("utf-8", "surrogatepass")
    _write_count(write, len(encoded))
    write(encoded)


def _write_count(write: Callable[[bytes], None], count: int) -> None:
    write(struct.pack("<Q", count))
