"""A side that computes nothing: what a worker process of a benchmark looks like, for its tests."""

import os
import sys
from typing import Any

from benchmarks.peers.conversation import open_conversation

counted: list[int] = []


def count(by: int = 1) -> dict[str, Any]:
    """Remember something between commands."""
    counted.append(by)
    return {"sum": sum(counted), "seconds": 2.0}


def chatter() -> dict[str, Any]:
    """Print where a library would: on the output that carries the answers."""
    print("not an answer")
    os.write(1, b"nor is this\n")
    return {"said": True}


def fail() -> dict[str, Any]:
    """Raise."""
    raise ValueError("no such adapter")


def mumble() -> dict[str, Any]:
    """Write something else where an answer belongs."""
    conversation.answers.write("{'loss': 1}\n")
    return {}


def end() -> dict[str, Any]:
    """End without an answer, as a process does that is killed."""
    print("out of memory", file=sys.stderr, flush=True)
    os._exit(7)


if __name__ == "__main__":
    conversation = open_conversation()
    handlers = {"count": count, "chatter": chatter, "fail": fail, "mumble": mumble, "end": end}
    conversation.serve(handlers)
