"""The process of a command: exit codes, what libraries read from the environment, and Ctrl-C.

Importing the package changes nothing; a door calls `prepare` before it loads what computes, and
`heed_interrupts` once that is done.
"""

import os
import signal

EXIT_DONE = 0
EXIT_DAMAGE = 1
"""Forgetting or corruption was found."""
EXIT_USER = 2
"""The user's mistake."""
EXIT_NOT_COMPARABLE = 3
EXIT_INTERRUPTED = 130
"""Ended by Ctrl-C; what was done is saved."""


def set_environment() -> None:
    """Set what torch reads when it is loaded, unless it is set already, and what matplotlib reads."""
    # A thread waiting for its siblings at the end of a small operation spins for milliseconds by default.
    # Where another process holds a core, each operation then takes that long: training ran 6 times slower.
    # 1,000 turns are some tens of microseconds, enough where cores are free. libgomp reads it when torch is
    # imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

    # With it the products of a GPU have the same bits each time (law 5); it is read at the first one.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

    # A notebook's drawing backend, or a file of the user's with settings for figures, may be such that
    # matplotlib cannot even be imported; nothing here is drawn with them.
    os.environ["MPLBACKEND"] = "agg"
    os.environ["MATPLOTLIBRC"] = os.devnull

    # Matrix kernels are made per shape, and two caches keep the last 1,024 of them with their buffers.
    # Batches come in a hundred lengths: one training step of 8 rows at each of 4 to 99 tokens takes a process
    # with MiniLM to 1.8 GB. With 64 kernels it stays at 0.94 GB, at the same speed. Both sizes are read at
    # the first product.
    for cache in ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY"):
        os.environ.setdefault(cache, "64")


def prepare() -> None:
    """Set the environment, and have Ctrl-C end the loading of modules at once.

    Loading torch and transformers takes seconds, in which Ctrl-C would end in their tracebacks. A process
    that was started to ignore Ctrl-C goes on doing so.
    """
    set_environment()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def _leave(_number: int, _frame: object) -> None:
    os.write(2, b"interrupted before anything was started\n")
    os._exit(EXIT_INTERRUPTED)


def loading_ended() -> None:
    """Have Ctrl-C raise KeyboardInterrupt again, where it still ends the loading of modules."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def heed_interrupts() -> None:
    """Have Ctrl-C and a plain `kill` raise KeyboardInterrupt from now on: all modules are loaded."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
