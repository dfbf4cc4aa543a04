"""How tasks are learned, in order, and shown."""

import os
import signal
import sys


def _is_command() -> bool:
    """Whether this process runs one of the commands, as `python -m stream.run` does."""
    arguments = sys.orig_argv[1:]
    module = arguments[arguments.index("-m") + 1 :][:1] if "-m" in arguments else []
    return module != [] and module[0].startswith("stream.")


def _leave(_number: int, _frame: object) -> None:
    """End a command whose modules are still being loaded: nothing has been started."""
    os.write(2, b"interrupted before anything was started\n")
    os._exit(130)


# Loading torch and transformers takes seconds, in which Ctrl-C would end in their tracebacks. A process that
# was started to ignore it goes on doing so.
if _is_command() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _leave)

# A thread waiting for its siblings at the end of a small operation spins for milliseconds by default. Where
# another process holds a core, each operation then takes that long: training ran 6 times slower. 1,000 turns
# are some tens of microseconds, enough where cores are free. libgomp reads it when torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

# With it the products of a GPU have the same bits each time (law 5); it is read at the first one.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

# Matrix kernels are made per shape, and two caches keep the last 1,024 of them with their buffers. Batches
# come in a hundred lengths: one training step of 8 rows at each of 4 to 99 tokens takes a process with MiniLM
# to 1.8 GB. With 64 kernels it stays at 0.94 GB, at the same speed. Both sizes are read at the first product.
for _cache in ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY"):
    os.environ.setdefault(_cache, "64")
