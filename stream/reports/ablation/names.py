"""Names of files for things that have names of their own."""

import re
from collections.abc import Sequence
from itertools import chain, count

MAX_LENGTH = 80
"""Letters of a name that are kept; file systems allow 255 bytes."""


def file_names(prefix: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return a different file stem for each name, such as `ablation-sms-spam`; equal ones get numbers."""
    stems: list[str] = []
    for name in names:
        plain = re.sub(r"[^\w.]+", "-", name)[:MAX_LENGTH]
        numbered = (f"{prefix}-{plain}-{number}" for number in count(2))
        candidates = chain([f"{prefix}-{plain}"], numbered)
        stems.append(next(stem for stem in candidates if stem not in stems))
    return tuple(stems)
