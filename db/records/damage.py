"""db.records.damage."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Damage:
    """One stored thing that is missing or is not what was recorded."""

    run: str | None
    """Name of the run; None where no run refers to it."""
    position: int | None
    """Position of the task concerned (`on` of an evaluation); None where there is none."""
    what: str
    """The damaged thing in words, such as `own parameters` or `evaluation (after 3, on 1, test)`."""
    expected: str | None
    """Recorded SHA-256 in hex; None where the row itself cannot be read."""
    found: str | None
    """SHA-256 of what is there now; None where nothing is."""
    task: str | None = None
    """Name of the task at that position, where it is known."""
    missing_folder: str | None = None
    """The folder beside the database in which the thing should lie, where that is not there."""

    @property
    def sentence(self) -> str:
        """One sentence that names the thing and both hashes."""
        where = "" if self.run is None else f" of run '{self.run}'"
        if self.task is not None:
            where += f", task '{self.task}'"
        elif self.position is not None:
            where += f", position {self.position}"
        if self.found is None:
            expected = self.expected or "unknown"
            lost = f"Damaged: {self.what}{where}: missing or unreadable, expected SHA-256 {expected}"
            return f"{lost}{self._whereabouts}."
        return f"Damaged: {self.what}{where}: expected SHA-256 {self.expected}, found {self.found}."

    @property
    def _whereabouts(self) -> str:
        if self.missing_folder is None:
            return ""
        return (
            f"; there is no folder {self.missing_folder}, which belongs to the database "
            "and is moved, copied and renamed with it"
        )
