"""The card of a task: where its rows are, how they are read, and what they are expected to hold.

A card is data. It is built from a TOML table by `tasks.suites.file`, the same way for shipped suites and for
a user's own, and nothing in it is specific to one task.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tasks.stream_settings import SimulatedTask
from tasks.task import Limits, PaperFigures, PublishedFigures, TaskKind, TrainingOverrides


class FileFormat(StrEnum):
    """How the rows of a task lie on disk."""

    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    FOLDERS = "folders"
    """A tar or zip archive whose members are `.../LABEL/name`; a text is a whole member."""
    SQUAD = "squad"
    """JSON in the layout of SQuAD v1.1: articles of paragraphs of questions."""


class Quoting(StrEnum):
    """What a quotation mark means in a CSV or TSV file."""

    STANDARD = "standard"
    """It encloses a field, doubled inside."""
    NONE = "none"
    """It is a character like any other."""


class Undecodable(StrEnum):
    """What becomes of bytes that are no text in the file's encoding."""

    REFUSE = "refuse"
    """The file is an error that names the line."""
    REPLACE = "replace"
    """Each becomes U+FFFD; for files of mixed encodings."""


class LabelRule(StrEnum):
    """How the label column becomes a class name."""

    VALUE = "value"
    """The class is the column's value (after `drop` and `map`)."""
    PRESENT = "present"
    """The class is `yes` where the column holds something and `no` where it is blank."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskCard:
    """What is known about a task before its data is read."""

    name: str
    suite: str
    """Name of the suite the card belongs to; also its folder in the data home and in the cache."""
    title: str
    text: tuple[str, ...]
    """One column, or two for sentence pairs."""
    label: str
    kind: TaskKind = TaskKind.CLASSIFICATION
    folder: Path | None = None
    """Folder that file names are relative to; None for a shipped suite, whose files are looked for."""
    train: str = ""
    """File with the training rows, or with all rows; for the hub, a split's name."""
    valid: str | None = None
    """None: split off the training rows."""
    test: str | None = None
    tests: Mapping[str, str] = field(default_factory=dict)
    """Further test splits: name -> file (or hub split)."""
    format: FileFormat = FileFormat.CSV
    hub: str | None = None
    """A data set of the Hugging Face hub, `owner/name`, instead of files."""
    revision: str | None = None
    """Commit, tag or branch of the hub data set; required with `hub`."""
    subset: str | None = None
    """Configuration of the hub data set where it has several."""
    url: str | None = None
    """Address of the train file, or of the archive that holds it."""
    member: str | None = None
    """Member of the archive at `url` that is the train file; None: `url` is the file."""
    sha256: str | None = None
    """SHA-256 (hex) of the train file; of the member where there is one."""
    sha256_of: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 (hex) of further files, by their names in `valid`, `test` and `tests`."""
    encoding: str = "utf-8"
    undecodable: Undecodable = Undecodable.REFUSE
    quoting: Quoting = Quoting.STANDARD
    separator: str | None = None
    """Character between the columns of a CSV or TSV file; None: comma or TAB, as the format says."""
    columns: tuple[str, ...] | None = None
    """Column names of a CSV or TSV file without a header; None: the first row is the header."""
    label_rule: LabelRule = LabelRule.VALUE
    drop: tuple[str, ...] = ()
    """Label values whose rows are left out."""
    map: Mapping[str, str] = field(default_factory=dict)
    """Label values that get another name; others keep theirs."""
    positive: str | None = None
    """The class of two that F1 is about; a suite file whose metrics hold f1 has to name it."""
    score_range: tuple[float, float] | None = None
    """Least and largest score of a regression task; None: those found."""
    num_rows: int | None = None
    """Expected rows after `drop`."""
    num_test: int | None = None
    """Expected rows of the main test file, where there is one."""
    num_labels: int | None = None
    """Expected classes."""
    class_counts: Mapping[str, int] = field(default_factory=dict)
    """Expected rows per class; empty where not stated."""
    mean_chars: float | None = None
    """Mean length of a text in characters."""
    metric: str = "accuracy"
    """A name; whoever trains knows which there are."""
    secondary: tuple[str, ...] = ()
    """Further metrics of every test split."""
    limits: Limits = field(default_factory=Limits)
    """The task's own caps; of these and the run's, the smaller holds."""
    overrides: TrainingOverrides = field(default_factory=TrainingOverrides)
    simulation: SimulatedTask | None = None
    """Settings of a simulated stream's task, which has no data to be read; None for all others."""
    paper: PaperFigures | None = None
    published: PublishedFigures | None = None
    partial: bool = False
    """The file is a part of the original data."""
    notes: tuple[str, ...] = ()
    """Caveats that accompany every result on this data."""
    licence: str = "unknown"
    source: str = "unknown"

    @property
    def given(self) -> Mapping[str, str]:
        """Split name -> file (or hub split) for the splits the card names."""
        named = {"train": self.train, "valid": self.valid, "test": self.test, **self.tests}
        return {split: file for split, file in named.items() if file is not None}
