"""What a task's data holds: sizes, classes, lengths and findings, as one value per task.

Read for people and machines before anything is trained; nothing here depends on a model but the vocabulary.
"""

import codecs
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tasks.card import TaskCard
from tasks.checking.findings import Finding, Level, findings_of
from tasks.checking.lengths import (
    LengthSummary,
    WindowSummary,
    character_lengths,
    summary_of,
    together,
    token_lengths,
    window_summary,
)
from tasks.checking.score_findings import ScoreReport, score_findings, score_report
from tasks.errors import DataError
from tasks.loading import SplitRows, obtain, read_splits
from tasks.notes import BLANK, count_notes
from tasks.reading.labels import misfit_of_f1
from tasks.sources.availability import Availability, DataMode
from tasks.sources.network import Network
from tasks.splits import Examples, SplitSizes
from tasks.task import CLASSIFYING, DataStatus, TaskKind
from tasks.windows import SPAN_LENGTH, TEXT_LENGTH, WindowLayout
from tasks.words import share

MAX_TOKENIZED = 20_000
"""Texts of a task whose tokens are counted; the first in hash order, so a random sample."""
MUCH_CUT = 0.2
"""Share of cut texts from which on it is a warning."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenReport:
    """Token lengths of a task's texts."""

    lengths: LengthSummary
    num_texts: int
    """Texts measured."""
    max_length: int
    truncated_fraction: float
    """Share of the texts measured that are longer than `max_length`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskReport:
    """What is known about a task after reading its data; None is unknown."""

    name: str
    kind: str
    data: str | None
    """real, partial or simulated; None where there is no data."""
    origin: str | None = None
    sizes: SplitSizes | None = None
    """Before any cap."""
    further_tests: dict[str, int] | None = None
    """Rows of the further test splits."""
    made_splits: tuple[str, ...] = ()
    """Splits that no file was given for, cut off the training rows."""
    class_counts: dict[str, int] | None = None
    """Rows per class over all splits, most frequent first."""
    majority_fraction: float | None = None
    """Share of the test rows that the most frequent class of training answers right."""
    characters: LengthSummary | None = None
    tokens: TokenReport | None = None
    spans: "SpanReport | None" = None
    """What only a span task has."""
    scores: ScoreReport | None = None
    """What only a regression has."""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SpanReport:
    """What a span task has beside its lengths."""

    num_contexts: int
    """Different ones, over all splits."""
    answers_per_question: dict[str, float]
    """Mean number of gold answers by split."""
    windows: WindowSummary | None
    """Of the questions whose tokens are counted; None where there is no vocabulary at hand."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Inspector:
    """How tasks are looked at."""

    home: Path | None
    mode: DataMode
    max_length: int | None
    """Tokens after which a text is cut; None: what a task of its kind usually has."""
    tokenizer: Any
    """Of the `tokenizers` library; None where there is no vocabulary at hand."""
    network: Network
    split_seed: int = 0

    def inspect(self, card: TaskCard) -> TaskReport:
        """Read the card's data and report; data that cannot be used is a finding of level error."""
        try:
            found = obtain(card, home=self.home, mode=self.mode, network=self.network)
            if found.status is DataStatus.SIMULATED:
                return TaskReport(
                    name=card.name, kind=card.kind, data=found.status, findings=_noted(found.notes)
                )
            rows = read_splits(card, found, seed=self.split_seed)
        except DataError as error:
            unusable = Finding(code="unusable", message=str(error), level=Level.ERROR)
            return TaskReport(name=card.name, kind=card.kind, data=None, findings=(unusable,))
        return self._report(card, found, rows)

    def _report(self, card: TaskCard, found: Availability, rows: SplitRows) -> TaskReport:
        parts = [rows.splits[split] for split in ("train", "valid", "test")]
        spans = self._spans(rows) if card.kind is TaskKind.SPAN else None
        scored = card.kind is TaskKind.REGRESSION
        tokens = self._tokens(parts, SPAN_LENGTH if spans else TEXT_LENGTH)
        notes = (*card.notes, *found.notes, *count_notes(card, list(rows.given.values())))
        return TaskReport(
            name=card.name,
            kind=card.kind,
            data=found.status,
            origin=found.origin,
            sizes=SplitSizes(num_train=len(parts[0]), num_valid=len(parts[1]), num_test=len(parts[2])),
            further_tests={name: len(rows.splits[name]) for name in card.tests},
            made_splits=tuple(split for split in ("valid", "test") if split not in card.given),
            class_counts=None if spans or scored else _class_counts(parts),
            majority_fraction=None if spans or scored else _majority_fraction(rows),
            characters=summary_of(np.concatenate([character_lengths(part) for part in parts])),
            tokens=tokens,
            spans=spans,
            scores=score_report(rows.splits) if scored else None,
            findings=(
                *_misfits(card, len(rows.labels)),
                *findings_of(rows, encoding=codecs.lookup(card.encoding).name),
                *score_findings(rows),
                *(_cut_answers(spans) if spans else _cut(tokens)),
                *_noted(notes),
            ),
        )

    def _spans(self, rows: SplitRows) -> SpanReport:
        layout = WindowLayout(max_length=self.max_length or SPAN_LENGTH)
        parts = [] if self.tokenizer is None else list(_sample(list(rows.splits.values())))
        summaries = [window_summary(self.tokenizer, part, layout) for part in parts]
        return SpanReport(
            num_contexts=len({context for part in rows.splits.values() for context in part.pairs or ()}),
            answers_per_question={
                name: round(sum(len(golds.texts) for golds in part.answers or ()) / len(part), 2)
                for name, part in ((split, rows.splits[split]) for split in ("train", "valid", "test"))
            },
            windows=together(summaries) if summaries else None,
        )

    def _tokens(self, parts: Sequence[Examples], usual_length: int) -> TokenReport | None:
        if self.tokenizer is None:
            return None
        max_length = self.max_length or usual_length
        lengths = np.concatenate([token_lengths(self.tokenizer, part) for part in _sample(parts)])
        return TokenReport(
            lengths=summary_of(lengths),
            num_texts=len(lengths),
            max_length=max_length,
            truncated_fraction=round(float((lengths > max_length).mean()), 4),
        )


def _sample(parts: Sequence[Examples]) -> Iterator[Examples]:
    """The first rows of each part, in proportion, at most about `MAX_TOKENIZED` in all."""
    total = sum(map(len, parts))
    for part in parts:
        kept = len(part) if total <= MAX_TOKENIZED else max(len(part) * MAX_TOKENIZED // total, 1)
        yield part.take(np.arange(kept))


def _class_counts(parts: Sequence[Examples]) -> dict[str, int]:
    return dict(Counter(label for part in parts for label in part.labels).most_common())


def _majority_fraction(rows: SplitRows) -> float:
    test = rows.splits["test"].labels
    ((frequent, _),) = Counter(rows.splits["train"].labels).most_common(1)
    return round(sum(label == frequent for label in test) / len(test), 4)


def _misfits(card: TaskCard, num_classes: int) -> Iterator[Finding]:
    misfit = misfit_of_f1(card.name, num_classes, (card.metric, *card.secondary))
    if card.kind in CLASSIFYING and misfit is not None:
        yield Finding(code="metric", message=misfit, level=Level.ERROR)


def _cut(tokens: TokenReport | None) -> Iterator[Finding]:
    if tokens is not None and tokens.truncated_fraction >= MUCH_CUT:
        yield Finding(
            code="truncation",
            message=f"{100 * tokens.truncated_fraction:.0f} % of the texts are longer than "
            f"{tokens.max_length} tokens and will be cut; a larger --max-length costs time",
        )


def _cut_answers(spans: SpanReport) -> Iterator[Finding]:
    windows = spans.windows
    if windows is not None and windows.num_cut:
        yield Finding(
            code="cut-answers",
            message=f"{share(windows.num_cut, windows.num_questions, 'questions')} are cut or have an answer "
            f"that no window of {windows.max_length} tokens holds whole; nothing is learned from those",
        )


def _noted(notes: Sequence[str]) -> tuple[Finding, ...]:
    """What the card and the loader say; blank texts have a finding of their own."""
    return tuple(
        Finding(code="note", message=note, level=Level.NOTE) for note in notes if not note.startswith(BLANK)
    )
