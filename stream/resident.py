"""Values made from stored bytes, kept in memory under the hash of these bytes and within a bound.

Who asks has read and hashed the bytes again, so what comes back is what they would be made into now. What no
longer fits is made anew at each call. Nothing is evicted: tasks are visited in turn, again and again, and
dropping the value used longest ago would drop each one just before it is needed.
"""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Resident(Generic[Value]):
    """At most `max_bytes` of values by key.

    Arguments:
        max_bytes: bound on the sum of `size` over the values kept.
        size: bytes of a value.
    """

    def __init__(self, max_bytes: int, size: Callable[[Value], int]) -> None:
        self._max_bytes = max_bytes
        self._size = size
        self._kept: dict[Hashable, Value] = {}
        self.num_bytes = 0
        """Of the values kept."""

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value kept under the key, or make it and keep it where it fits."""
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        made = make()
        num_bytes = self._size(made)
        if self.num_bytes + num_bytes <= self._max_bytes:
            self._kept[key] = made
            self.num_bytes += num_bytes
        return made

    def clear(self) -> None:
        """Keep nothing any more."""
        self._kept.clear()
        self.num_bytes = 0

    def __len__(self) -> int:
        return len(self._kept)
