"""How tasks are learned, in order, and shown."""

import os

# A thread waiting for its siblings at the end of a small operation spins for milliseconds by default. Where
# another process holds a core, each operation then takes that long: training ran 6 times slower. 1,000 turns
# are some tens of microseconds, enough where cores are free. libgomp reads it when torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
