"""Lines into a stream that may end before the run does."""

import os
import sys
from typing import Protocol, runtime_checkable


@runtime_checkable
class TextStream(Protocol):
    """What displays write to: a terminal, a file, a pipe, a buffer in a test."""

    def write(self, text: str, /) -> int:
        """Write text; returns its number of characters."""

    def flush(self) -> None:
        """Pass on what was written."""

    def isatty(self) -> bool:
        """Whether it is a terminal."""

    def fileno(self) -> int:
        """The number of its file."""


class LineWriter:
    """Write whole lines and flush each; once the stream is gone (a closed pipe, a full disk), write nothing.

    A character that the stream's encoding lacks is written as an escape, never as an error.
    """

    def __init__(self, file: TextStream) -> None:
        self._file = file
        self._is_open = True

    def write(self, text: str) -> None:
        """Write one line; line breaks and carriage returns inside `text` become spaces."""
        if not self._is_open:
            return
        encoding = getattr(self._file, "encoding", None) or "utf-8"
        line = " ".join(text.splitlines()).encode(encoding, "backslashreplace").decode(encoding)
        try:
            self._file.write(line + "\n")
            self._file.flush()
        except OSError as error:
            self._is_open = False
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        """Say once that nobody reads, and keep the interpreter from failing on the same pipe at its exit.

        https://docs.python.org/3/library/signal.html#note-on-sigpipe
        """
        if self._file is sys.stdout:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if self._file is not sys.stderr:
            LineWriter(sys.stderr).write(f"output ended ({error.strerror}); the run goes on without it")
