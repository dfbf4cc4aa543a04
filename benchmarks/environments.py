"""Environments of other libraries that this project is compared with, made once and kept.

Each library gets an environment of its own: `adapters` needs an older transformers than this project, and
neither is worth a dependency. torch and numpy are those of this environment, so that they are no difference.
"""

import os
import subprocess
import venv
from importlib.metadata import version
from pathlib import Path

import platformdirs

from stream.errors import UserError

LIBRARIES = ("adapters", "peft")
"""Libraries that have an environment."""


def _installed(package: str) -> str:
    return f"{package}=={version(package).partition('+')[0]}"


def requirements(library: str) -> tuple[str, ...]:
    """What is installed beside pip in the environment of `peft` or `adapters`, versions pinned."""
    same = ("accelerate==1.15.0", _installed("torch"), _installed("numpy"))
    if library == "peft":
        return ("peft==0.21.2", _installed("transformers"), *same)
    return ("adapters==1.3.0", "transformers==4.57.6", *same)


def default_folder() -> Path:
    """Where the environments are kept unless another folder is named."""
    return Path(platformdirs.user_cache_dir("task-stream", appauthor=False)) / "libraries"


def library_python(library: str, folder: Path) -> Path:
    """The interpreter of the library's environment, which is made where it does not exist yet.

    Raises:
        UserError: the packages could not be installed.
    """
    home = folder / library
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted, marker = "\n".join(requirements(library)), home / "installed.txt"
    if marker.is_file() and marker.read_text(encoding="utf-8") == wanted:
        return python
    print(f"making the environment of {library} in {home}", flush=True)
    venv.create(home, with_pip=True, clear=True)
    done = subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements(library)], check=False)
    if done.returncode:
        raise UserError(
            f"The environment of {library} could not be made: pip ended with {done.returncode}; "
            f"its package index must offer {', '.join(requirements(library))}."
        )
    marker.write_text(wanted, encoding="utf-8")
    return python
