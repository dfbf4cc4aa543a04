"""A process that holds one side of a comparison: started once, then given commands in turn with others."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]
"""Where the packages of this project lie."""
_SECONDS_TO_END = 10


class WorkerError(Exception):
    """A side could not do what it was asked; the message says why in one line."""


class Worker:
    """The benchmark's end of a conversation (`benchmarks.peers.conversation`)."""

    def __init__(self, command: Sequence[str | Path], *, threads: int, log: Path) -> None:
        """Start the process.

        Args:
            command: interpreter and arguments.
            threads: of its numerical libraries.
            log: file that gets what it writes to its error stream.
        """
        self._log = log
        settings = {
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_VERBOSITY": "error",
            "OMP_NUM_THREADS": str(threads),
            "GOMP_SPINCOUNT": os.environ.get("GOMP_SPINCOUNT", "1000"),  # as `stream.process`
        }
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [*command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=log.parent,
                env=os.environ | settings,
                text=True,
            )

    def ask(self, command: str, **arguments: Any) -> Mapping[str, Any]:
        """The answer to a command.

        Raises:
            WorkerError: the command failed, or the process ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkerError(f"its process ended with {self._process.wait()}; {self._last_words()}")
        try:
            answer: dict[str, Any] = json.loads(line)
        except json.JSONDecodeError:
            raise WorkerError(f"it answered {line[:100]!r}, which is not JSON") from None
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer

    def close(self) -> None:
        """End the process: it ends by itself once its commands are at their end, or is killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.close()
            self._process.wait(_SECONDS_TO_END)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it said nothing"
