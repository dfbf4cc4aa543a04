"""How tasks are learned, in order, and shown."""

import sys
from importlib.util import find_spec
from pathlib import Path


def _refuse_strangers() -> None:
    """Name a module of the user's that Python finds in the place of this program's `db` or `tasks`.

    A command says it in one sentence and ends with the code of a user's mistake.

    Raises:
        ImportError: the package was imported by another program.
    """
    home = Path(__file__).resolve().parents[1]
    for name in ("db", "tasks"):
        origin = getattr(find_spec(name), "origin", None)
        if origin is None or Path(origin).resolve().parents[1] == home:
            continue
        sentence = (
            f"{origin} is found in the place of this program's package {name}; rename it, work in another "
            "folder, or call task-stream, which is not touched by the folder it runs in."
        )
        if any(part.startswith("stream.") for part in sys.orig_argv[1:]):
            print(f"error: {sentence}", file=sys.stderr)
            raise SystemExit(2)
        raise ImportError(sentence)


_refuse_strangers()
