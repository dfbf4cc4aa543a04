"""Keeps SQLite's write-ahead log short.

SQLite folds the log back by itself, but only starts it anew when no reader is inside a transaction at that
very moment. With viewers reading in a loop that may not happen for long, so the log is cut on purpose when it
has grown. A viewer must not hold up a run: folding waits for readers only briefly, and after a failure it is
tried again only when the log has doubled.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine

LIMIT_BYTES = 16 * 2**20
"""A longer log is folded back after a commit."""
PATIENCE_MS = 100
"""How long folding waits for readers."""


class WriteAheadLog:
    """The log beside one database file."""

    def __init__(self, engine: Engine, file: Path, busy_timeout_ms: int) -> None:
        self._engine = engine
        self._path = file.with_name(f"{file.name}-wal")
        self._busy_timeout_ms = busy_timeout_ms
        self._threshold = LIMIT_BYTES

    def fold_if_long(self) -> None:
        """Fold the log back when it is longer than the limit; call it outside a transaction."""
        size = self._path.stat().st_size if self._path.exists() else 0
        if size > self._threshold:
            self._threshold = LIMIT_BYTES if self.fold() else 2 * size

    def fold(self) -> bool:
        """Fold the whole log back and cut it to nothing; return False where a reader is in the way."""
        with closing(self._engine.raw_connection()) as pooled:
            cursor = pooled.cursor()
            cursor.execute(f"PRAGMA busy_timeout = {PATIENCE_MS}")
            try:
                busy, *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.Error:
                # Everything is committed to the log: it stays longer, that is all.
                return False
            finally:
                cursor.execute(f"PRAGMA busy_timeout = {self._busy_timeout_ms}")
            return not busy
