"""What all command lines share: exit codes, and one sentence instead of a traceback."""

import sys

EXIT_DONE = 0
EXIT_DAMAGE = 1
"""Forgetting or corruption was found."""
EXIT_USER = 2
"""The user's mistake."""
EXIT_NOT_COMPARABLE = 3
EXIT_INTERRUPTED = 130
"""Ended by Ctrl-C; what was done is saved."""


def report_error(error: Exception, code: int) -> int:
    """Print an error's sentence on standard error; return the exit code."""
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    return code
