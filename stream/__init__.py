"""How tasks are learned, in order, and shown."""

import os

from stream.commands import leave_while_loading

leave_while_loading()

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
