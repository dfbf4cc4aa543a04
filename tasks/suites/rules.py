"""What the keys of a task in a suite file mean together: which need, exclude or follow from each other.

What does not fit raises a SuiteError that names file, line and key.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from tasks.card import FileFormat
from tasks.errors import SuiteError
from tasks.suites.toml_lines import KeyPath, line_of
from tasks.task import CLASSIFYING, TaskKind

SUFFIXES = {
    ".csv": FileFormat.CSV,
    ".tsv": FileFormat.TSV,
    ".jsonl": FileFormat.JSONL,
    ".parquet": FileFormat.PARQUET,
}
"""Format of a file whose card does not state one."""
SQUAD_TEXT, SQUAD_LABEL = ("question", "context"), "answers"
"""What the segments and answers of the SQuAD layout are called."""
SPAN_METRICS = ("squad_f1", "squad_exact_match")
"""Metrics of a span task whose card names none, the main one first."""
NOT_FOR_SQUAD = (
    "text", "label", "hub", "encoding", "undecodable", "quoting", "separator", "columns", "label_rule",
    "drop", "map", "num_labels", "class_counts",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Where:
    """A table of the file, for error sentences."""

    path: Path
    text: str = field(repr=False)
    keys: KeyPath = ()
    label: str = ""
    """What the table is called, such as `task 'airline': `."""

    def error(self, sentence: str, *keys: str | int) -> SuiteError:
        """The sentence behind the file and the line of the key below this table (or of the table)."""
        line = line_of(self.text, (*self.keys, *keys))
        return SuiteError(f"{self.path}{f', line {line}' if line else ''}: {self.label}{sentence}")


def check_source(values: Mapping[str, Any], *, where: Where) -> None:
    """The keys that only make sense together: name, text, label and either files or a hub data set."""
    for key in ("name", "text", "label"):
        if key not in values:
            raise where.error(f"key '{key}' is missing; a task needs name, text, label and train (or hub)")
    if values["label"] in values["text"]:
        raise where.error(
            f"column '{values['label']}' is both text and label; name two different columns", "label"
        )
    if "hub" not in values and "train" not in values:
        raise where.error("neither 'train' nor 'hub' is given; name a file or a hub data set")
    if "hub" in values and "revision" not in values:
        raise where.error(
            "'hub' needs 'revision' (a commit or tag), so that the data cannot change unseen", "hub"
        )
    if "url" in values and "sha256" not in values:
        raise where.error("'url' needs 'sha256', so that a download can be checked", "url")
    if "hub" in values and ("url" in values or "format" in values):
        raise where.error("'hub' stands alone; leave out 'url' and 'format'", "hub")


def fill_squad(values: dict[str, Any], *, where: Where) -> None:
    """The format of SQuAD has its own names of columns and its own answers, so a card cannot give any."""
    if values.get("format") is not FileFormat.SQUAD:
        return
    for key in NOT_FOR_SQUAD:
        if key in values:
            raise where.error(f"'{key}' does not go with format = \"{FileFormat.SQUAD}\"; leave it out", key)
    values.update(text=SQUAD_TEXT, label=SQUAD_LABEL)
    metric = values.setdefault("metric", SPAN_METRICS[0])
    values.setdefault("secondary", tuple(name for name in SPAN_METRICS if name != metric))


def kind_of(values: Mapping[str, Any], *, where: Where) -> TaskKind:
    """The kind stated, which must fit the number of text columns, or the one that follows from it."""
    fitting = TaskKind.PAIR if len(values["text"]) == 2 else TaskKind.CLASSIFICATION
    if values.get("format") is FileFormat.SQUAD:
        fitting = TaskKind.SPAN
    kind = values.get("kind", fitting)
    if kind is not fitting and TaskKind.SPAN in (kind, fitting):
        raise where.error(
            f'kind = "{TaskKind.SPAN}" and format = "{FileFormat.SQUAD}" go together; correct kind or format',
            "kind",
        )
    if kind is not fitting and kind is not TaskKind.REGRESSION:
        needed = "two text columns" if kind is TaskKind.PAIR else "one text column"
        raise where.error(
            f'kind = "{kind}" needs {needed}, but text names {len(values["text"])} '
            f"({', '.join(values['text'])}); correct kind or text",
            "kind",
        )
    return TaskKind(kind)


_CLASS_KEYS = ("map", "positive", "label_rule", "num_labels", "class_counts")


def check_labels(values: Mapping[str, Any], *, where: Where) -> None:
    """Keys about classes and those about scores exclude each other; f1 is of a class that is named."""
    is_regression = values["kind"] is TaskKind.REGRESSION
    for key in _CLASS_KEYS if is_regression else ("range",):
        if key in values:
            what = "classes, and a regression has none" if is_regression else "the scores of a regression"
            raise where.error(f"key '{key}' is about {what}; leave it out or correct kind", key)
    if is_regression and "metric" not in values:
        raise where.error("key 'metric' is missing; a regression needs one, such as spearman or pearson")
    metrics = (values.get("metric", "accuracy"), *values.get("secondary", ()))
    if values["kind"] in CLASSIFYING and "f1" in metrics and "positive" not in values:
        raise where.error(
            "key 'positive' is missing; f1 is about one class of two, so name it (positive = \"CLASS\") "
            "or use macro_f1",
            "metric" if metrics[0] == "f1" else "secondary",
        )
    if values.get("metric", "accuracy") in values.get("secondary", ()):
        raise where.error("the main metric is named again in 'secondary'; name it once", "secondary")


def check_separator(values: Mapping[str, Any], *, where: Where) -> None:
    """A separator is for the formats that have columns side by side."""
    if "separator" in values and (
        "hub" in values or values["format"] not in (FileFormat.CSV, FileFormat.TSV)
    ):
        raise where.error("'separator' is for csv and tsv files only; leave it out", "separator")


def format_of(file: str, *, where: Where) -> FileFormat:
    """The format that a file's name tells."""
    suffix = PurePosixPath(file).suffix.lower()
    if suffix not in SUFFIXES:
        raise where.error(
            f"the format of '{file}' cannot be told from its name; "
            f"add format = one of {', '.join(FileFormat)}",
            "train",
        )
    return SUFFIXES[suffix]
