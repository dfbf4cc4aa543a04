"""What all command lines share: exit codes, and one sentence instead of a traceback."""

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


def heed_interrupts() -> None:
    """Have Ctrl-C and a plain `kill` raise KeyboardInterrupt from now on: all modules are loaded."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def report_error(error: Exception, code: int) -> int:
    """Print an error's sentence on standard error; return the exit code."""
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    return code
