"""What all command lines share: exit codes, and one sentence instead of a traceback."""

import os
import signal
import sys

EXIT_DONE = 0
EXIT_DAMAGE = 1
"""Forgetting or corruption was found."""
EXIT_USER = 2
"""The user's mistake."""
EXIT_NOT_COMPARABLE = 3
EXIT_INTERRUPTED = 130
"""Ended by Ctrl-C; what was done is saved."""


def leave_while_loading() -> None:
    """Have Ctrl-C end a command at once as long as its modules are being loaded.

    Loading torch and transformers takes seconds, in which it would end in their tracebacks. A process that
    was started to ignore Ctrl-C goes on doing so, and one that is no command of this program is left alone.
    """
    arguments = sys.orig_argv[1:]
    module = arguments[arguments.index("-m") + 1 :][:1] if "-m" in arguments else []
    is_command = module != [] and module[0].startswith("stream.")
    if is_command and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def _leave(_number: int, _frame: object) -> None:
    os.write(2, b"interrupted before anything was started\n")
    os._exit(EXIT_INTERRUPTED)


def heed_interrupts() -> None:
    """Have Ctrl-C and a plain `kill` raise KeyboardInterrupt from now on: all modules are loaded."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def report_error(error: Exception, code: int) -> int:
    """Print an error's sentence on standard error; return the exit code."""
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    return code
