"""The task as a value: a card that says what it is, and its splits of labelled texts.

Nothing here reads a file. A card may come from a shipped suite, a user's TOML file or the simulator; the
loader turns it into a `Task`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

PaperColumn = Literal["adapters", "fine_tuning"]
"""Columns of the paper's Table 4."""


class DataStatus(StrEnum):
    """Where the examples of a task come from; printed wherever a number of the task appears."""

    REAL = "real"
    PARTIAL = "partial"
    SIMULATED = "simulated"


class TaskKind(StrEnum):
    """What an example is made of, and what is predicted of it."""

    CLASSIFICATION = "classification"
    """One text, one class."""
    PAIR = "pair"
    """Two texts, one class."""
    SPAN = "span"
    """A question and a context that holds the answer."""
    REGRESSION = "regression"
    """One text or two, one number."""


CLASSIFYING = frozenset({TaskKind.CLASSIFICATION, TaskKind.PAIR})
"""Kinds whose labels are classes."""
MAIN_SPLIT = "test"
"""The split whose main metric is R[after, on]."""
RESERVED_SPLITS = ("train", "valid", MAIN_SPLIT)
"""Names that no further test split may have."""
SPAN_LABELS = ("start", "end")
"""What the head of a span task tells of every token: how well an answer starts and ends there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GoldAnswers:
    """Every answer to a question that counts as right; the first one is learned."""

    question_id: str
    texts: tuple[str, ...]
    starts: tuple[int, ...]
    """Character of the context at which each text begins."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PaperFigures:
    """What Houlsby et al. 2019 report for a task (Tables 2, 3 and 4); accuracies are fractions 0-1."""

    num_train: int
    num_valid: int
    num_test: int
    num_labels: int
    mean_chars: float
    adapters: float
    """Mean test accuracy with adapters (Table 2)."""
    fine_tuning: float
    """Mean test accuracy with full fine-tuning (Table 2)."""
    variable_fine_tuning: float
    no_bert: float
    epochs_adapters: int
    """Training epochs of the adapters (Table 4)."""
    epochs_fine_tuning: int

    def epochs(self, column: PaperColumn) -> int:
        """Training epochs of Table 4 in one of its columns."""
        return self.epochs_adapters if column == "adapters" else self.epochs_fine_tuning


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """Labelled texts of one split, in a fixed order."""

    texts: Sequence[str]
    """First (or only) segment of each example; for span tasks the question."""
    labels: Sequence[int] | Sequence[float]
    """Class index of each example, into `Task.labels`; its score in a regression; none for span tasks."""
    pairs: Sequence[str] | None = None
    """Second segment of each example, for pair tasks; for span tasks the context."""
    answers: Sequence[GoldAnswers] | None = None
    """Gold answers of each question, for span tasks."""

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Caps on the examples per split; None keeps all. A cap keeps the first examples in hash order."""

    max_train: int | None = None
    max_valid: int | None = None
    max_test: int | None = None

    def within(self, other: "Limits") -> "Limits":
        """Of both caps of each split the smaller."""
        return Limits(
            max_train=_smaller(self.max_train, other.max_train),
            max_valid=_smaller(self.max_valid, other.max_valid),
            max_test=_smaller(self.max_test, other.max_test),
        )


def _smaller(one: int | None, other: int | None) -> int | None:
    return min((cap for cap in (one, other) if cap is not None), default=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingOverrides:
    """What a suite file says about the training of one task; None leaves it to the run."""

    num_epochs: int | None = None
    learning_rate: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedFigures:
    """What others report for a task on another model or another test set: shown apart, never averaged."""

    about: str
    """Which model, which test set, and where it is published."""
    splits: Mapping[str, Mapping[str, float]]
    """Test split -> name of a method -> its main metric as a fraction."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One task, loaded, split and capped."""

    name: str
    title: str
    data: DataStatus
    labels: tuple[str, ...]
    """Class names in index order, over all splits before any cap: sorted, but for a positive class, which is
    last. A regression task has none."""
    train: Split = field(repr=False)
    valid: Split = field(repr=False)
    test: Split = field(repr=False)
    fingerprint: str
    """SHA-256 (hex) over name, class names and every text, label and answer of all splits, in order."""
    kind: TaskKind = TaskKind.CLASSIFICATION
    score_range: tuple[float, float] | None = None
    """Least and largest score of a regression task."""
    metric: str = "accuracy"
    """The main metric, by which epochs are chosen and which R[after, on] holds."""
    secondary: tuple[str, ...] = ()
    """Further metrics of every test split."""
    further_tests: Mapping[str, Split] = field(default_factory=dict, repr=False)
    """Test splits beside the main one, by name."""
    overrides: TrainingOverrides = TrainingOverrides()
    paper: PaperFigures | None = None
    published: PublishedFigures | None = None
    bayes_accuracy: float | None = None
    """Best accuracy any classifier can reach, known for simulated tasks only."""
    notes: tuple[str, ...] = ()
    """Short sentences about the data (partial copy, inferred label, differing counts ...)."""

    @property
    def num_classes(self) -> int:
        """Classes to choose from; 0 for kinds of task that have none."""
        return len(self.labels) if self.kind in CLASSIFYING else 0

    @property
    def tests(self) -> Mapping[str, Split]:
        """All test splits by name, the main one first."""
        return {MAIN_SPLIT: self.test, **self.further_tests}
