"""Texts that stay in an Arrow table (a file mapped into memory), or some of them in another order.

A table of millions of rows then costs 8 bytes a row instead of a Python object for each text.
"""

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
from jaxtyping import Int64

RowNumbers = Int64[np.ndarray, " rows"]


class TextColumn(Sequence[str]):
    """A read-only sequence of texts; equal to any sequence of the same texts. A missing text is empty."""

    __slots__ = ("_column", "_rows")
    __hash__ = None  # type: ignore[assignment]  # compared by content, as lists are

    def __init__(self, column: Any, rows: RowNumbers | None = None) -> None:
        """All texts of a pyarrow column of strings, or those of the rows given, in that order."""
        self._column = column
        self._rows = rows

    def __len__(self) -> int:
        return len(self._column) if self._rows is None else len(self._rows)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> "TextColumn": ...
    def __getitem__(self, index: int | slice) -> "str | TextColumn":
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index %= len(self)
        text = self._column[index if self._rows is None else int(self._rows[index])].as_py()
        return "" if text is None else str(text)

    def __iter__(self) -> Iterator[str]:
        if self._rows is not None:
            for row in range(len(self)):
                yield self[row]
            return
        for chunk in self._column.iterchunks():
            for text in chunk.to_pylist():
                yield "" if text is None else text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))

    def take(self, rows: RowNumbers) -> "TextColumn":
        """The texts of these positions, in that order; nothing is copied but the positions."""
        return TextColumn(self._column, rows if self._rows is None else self._rows[rows])
