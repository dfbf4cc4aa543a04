"""What holds for all tests."""

import os

from hypothesis import settings

from stream.process import set_environment

# Tests run side by side; more threads each would only get in one another's way. Before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
set_environment()

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
