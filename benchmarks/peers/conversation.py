"""Commands and answers as lines of JSON: how a benchmark talks to a process that holds one side.

The process keeps what it has loaded between two commands and waits without computing, so that sides can be
measured in turn. What libraries print goes to the error stream. Only the standard library is used: this runs
in the environments of other libraries, too.
"""

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

Handler = Callable[..., Mapping[str, Any]]
"""Takes a command's arguments by name, returns its answer."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """The side's end of the two pipes."""

    commands: TextIO
    answers: TextIO

    def heard(self) -> tuple[str, dict[str, Any]] | None:
        """The next command and its arguments; None once the other end is closed."""
        line = self.commands.readline()
        if not line:
            return None
        content = json.loads(line)
        return content.pop("command"), content

    def say(self, answer: Mapping[str, Any]) -> None:
        """Answer the last command; the process's peak memory so far is added."""
        self.answers.write(json.dumps({**answer, "peak_bytes": peak_bytes()}) + "\n")
        self.answers.flush()

    def say_error(self, error: BaseException) -> None:
        """Answer that the last command failed; the traceback goes to the error stream."""
        traceback.print_exception(error)
        self.say({"error": f"{type(error).__name__}: {error}".splitlines()[0][:300]})

    def serve(self, handlers: Mapping[str, Handler]) -> None:
        """Carry out commands until the other end closes; one that fails is answered with its error."""
        while (command := self.heard()) is not None:
            name, arguments = command
            try:
                self.say(handlers[name](**arguments))
            except Exception as error:  # noqa: BLE001  the error is the answer, and the next command may work
                self.say_error(error)


def open_conversation() -> Conversation:
    """Keep standard output for answers; whatever else is written to it goes to the error stream."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return Conversation(commands=sys.stdin, answers=answers)


def peak_bytes() -> int:
    """Largest resident memory of this process so far, in bytes.

    Linux's `ru_maxrss` would include what the parent held when it started the process; `VmHWM` does not.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    import resource  # not on every system

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
