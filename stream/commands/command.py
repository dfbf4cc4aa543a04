"""How a command ends: errors as one sentence, Ctrl-C as one line, and the exit codes of both."""

import os
import sys
from collections.abc import Callable, Iterable

from db.errors import ConflictError, LedgerError, UsageError
from stream.errors import RunInterrupted, StreamError
from stream.process import EXIT_DAMAGE, EXIT_INTERRUPTED, EXIT_USER, loading_ended, prepare
from tasks.errors import TaskError


def run_command(
    work: Callable[[], int], *, interrupted: str = "", resume: Callable[[str], str] | None = None
) -> int:
    """Do the work of a command and return its exit code, or that of the error that ended it.

    Args:
        work: what the command does, from its parsed options to its last line. It loads what computes, and
            calls `heed_interrupts` then.
        interrupted: what is said after Ctrl-C; nothing where it is empty.
        resume: the command that goes on with an interrupted run of that name.
    """
    prepare()
    try:
        return work()
    except RunInterrupted as interruption:
        going_on = f" Go on with:\n  {resume(interruption.name)}" if resume else ""
        print(f"interrupted; everything done so far is saved.{going_on}", file=sys.stderr)
        return EXIT_INTERRUPTED
    except KeyboardInterrupt:
        if interrupted:
            print(interrupted, file=sys.stderr)
        return EXIT_INTERRUPTED
    except (TaskError, UsageError, ConflictError) as error:
        return _said(error, EXIT_USER)
    except StreamError as error:
        return _said(error, error.exit_code)
    except LedgerError as error:
        return _said(error, EXIT_DAMAGE)
    finally:
        loading_ended()


def print_lines(lines: Iterable[str]) -> None:
    """Print lines; a reader that has seen enough, such as `head`, ends the output and not the command.

    https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    for line in lines:
        try:
            print(line, flush=True)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _said(error: Exception, code: int) -> int:
    """Print an error's sentence on standard error; return the exit code."""
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    return code
