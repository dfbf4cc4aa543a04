"""Where the reports of a run lie unless `--out` says otherwise."""

from pathlib import Path

from db.storage.names import folder_name


def reports_folder(run: str) -> Path:
    """Return `runs/NAME`; a name that would lead elsewhere gets a readable form with a hash instead.

    Args:
        run: name of the run.

    Raises:
        UsageError: the name is no UTF-8 text.
    """
    return Path("runs") / folder_name(run)
