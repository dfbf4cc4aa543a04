"""File names for runs: a run's name may hold any characters, and never leads out of a folder."""

import hashlib
import re

MAX_READABLE_NAME = 60


def safe_file_name(name: str) -> str:
    """Return a file name for any run's name: readable letters and a hash, so that no two names collide."""
    readable = re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip(".")[:MAX_READABLE_NAME]
    return f"{readable or 'run'}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
