"""What is expected of each task: classes, sizes, lengths, epochs, and where each number comes from.

Files at hand are read, and a simulated stand-in is drawn in part, by the code of a run. Nothing is
downloaded; what would have to be is taken from the task's card.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

from stream.errors import UserError
from stream.learning.objectives.objective import OBJECTIVES
from stream.learning.recipe import Recipe
from tasks import Availability, DataMode, Limits, Origin, Split, Task, TaskCard, availability, load_task
from tasks.simulated.texts import LENGTH_SPREAD, split_sizes
from tasks.splits import SplitSizes, paper_sizes
from tasks.task import PaperColumn, TaskKind
from tasks.windows import SPAN_LENGTH

SAMPLE = 2000
"""Training texts of a task whose tokens are counted: the first in hash order, so a random sample."""
CHARS_PER_TOKEN = 3.8
"""Median over the 17 tasks of additional17 in the vocabulary of MiniLM and bert-base-uncased (3.2 to 4.8).

Measured on up to 2,000 training texts of each, special tokens left out.
"""
_AT_HAND = frozenset({Origin.FILES, Origin.CACHE})


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedTask:
    """One task as it will be trained and evaluated; None is unknown."""

    name: str
    num_labels: int
    """Classes; 0 of a regression."""
    num_tests: int = 1
    """Test splits."""
    sizes: SplitSizes | None = None
    """After the caps; the test examples of all test splits together."""
    tokens_per_text: float | None = None
    """Mean over training texts, special tokens included, after cutting; of all windows of a question."""
    rows_per_text: float = 1.0
    """Rows that a training text is encoded as: windows of a span task."""
    num_epochs: int | None = None
    data: str = "real"
    """real, partial or simulated."""
    sizes_from: str = "the caller"
    """Where the sizes and classes are from."""
    lengths_from: str = "the caller"
    """Where the lengths are from."""

    @property
    def num_outputs(self) -> int:
        """Outputs of the head: one per class, or the one number of a regression."""
        return self.num_labels or 1

    @property
    def tokens_per_epoch(self) -> int | None:
        """Training tokens of one epoch."""
        if self.sizes is None or self.tokens_per_text is None:
            return None
        return round(self.sizes.num_train * self.tokens_per_text)


@dataclass(frozen=True, kw_only=True, slots=True)
class SizedTask:
    """A task of known classes and sizes, before anybody says how it is trained."""

    task: Task
    """Without texts where none is at hand."""
    num_labels: int
    sizes: SplitSizes | None
    sizes_from: str
    num_tests: int = 1
    tokens_per_text: float | None = None
    rows_per_text: float = 1.0
    lengths_from: str = "unknown"

    def expected(self, recipe: Recipe, paper_column: PaperColumn) -> ExpectedTask:
        """The task with the epochs of a recipe, and of a method's column of the paper's Table 4."""
        task = ExpectedTask(
            name=self.task.name,
            num_labels=self.num_labels,
            num_tests=self.num_tests,
            sizes=self.sizes,
            tokens_per_text=self.tokens_per_text,
            rows_per_text=self.rows_per_text,
            data=self.task.data.value,
            sizes_from=self.sizes_from,
            lengths_from=self.lengths_from,
        )
        # where the tokens are unknown, so are the epochs, unless the recipe does not ask for tokens
        known = (1, 10**12) if task.tokens_per_epoch is None else (task.tokens_per_epoch,)
        own = recipe.for_task(self.task)
        epochs = {own.epochs_for(self.task, num_tokens, paper_column) for num_tokens in known}
        return replace(task, num_epochs=epochs.pop() if len(epochs) == 1 else None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """How tasks are looked at: where a run would find their data, and what it would take of it."""

    home: Path | None
    mode: DataMode
    limits: Limits
    max_length: int
    """Tokens of a text."""
    tokenizer: Any
    """Of the `tokenizers` library; None where there is no vocabulary at hand."""
    span_max_length: int = SPAN_LENGTH
    """Tokens of a window of a span task."""
    split_seed: int = 0

    def look(self, card: TaskCard) -> SizedTask:
        """What a run would get of the card.

        Raises:
            TaskError: the data that the run would read is missing or damaged.
            UserError: without its data the number of classes is unknown.
        """
        sized = replace(self._sized(card), num_tests=1 + len(card.tests))
        return self._measured(card, sized)

    def _sized(self, card: TaskCard) -> SizedTask:
        found = availability(card, self.home, self.mode)
        if found.origin in _AT_HAND:
            return self._read(card)
        return self._simulated(card) if found.origin is Origin.SIMULATOR else self._by_card(card, found)

    def _read(self, card: TaskCard) -> SizedTask:
        """The files at hand, split and capped as in a run."""
        task = load_task(card, home=self.home, mode=self.mode, limits=self.limits, split_seed=self.split_seed)
        num_test = sum(map(len, task.tests.values()))
        sizes = SplitSizes(num_train=len(task.train), num_valid=len(task.valid), num_test=num_test)
        return SizedTask(task=task, num_labels=len(task.labels), sizes=sizes, sizes_from="its files")

    def _simulated(self, card: TaskCard) -> SizedTask:
        """A stand-in's sizes, and as many of its training texts as are measured."""
        limits = self.limits.within(card.limits)
        few = Limits(max_train=min(SAMPLE, limits.max_train or SAMPLE), max_valid=1, max_test=1)
        task = load_task(card, mode=DataMode.SIMULATED, limits=few, split_seed=self.split_seed)
        return SizedTask(
            task=task,
            num_labels=len(task.labels),
            sizes=_all_tests(capped(simulated_sizes(card), limits), card),
            sizes_from="the simulator",
        )

    def _by_card(self, card: TaskCard, found: Availability) -> SizedTask:
        """What the card says of data that a run would download."""
        sizes, sizes_from = card_sizes(card)
        nothing = Split(texts=(), labels=())
        task = Task(
            name=card.name,
            title=card.title,
            data=found.status,
            labels=(),
            train=nothing,
            valid=nothing,
            test=nothing,
            fingerprint="",
            metric=card.metric,
            overrides=card.overrides,
            paper=card.paper,
        )
        limits = self.limits.within(card.limits)
        return SizedTask(
            task=task,
            num_labels=card_labels(card),
            sizes=None if sizes is None else _all_tests(capped(sizes, limits), card),
            sizes_from=sizes_from,
        )

    def _measured(self, card: TaskCard, sized: SizedTask) -> SizedTask:
        """The task with tokens and rows of a training text, and how they are known."""
        train = sized.task.train
        num_special = 3 if len(card.text) > 1 else 2
        max_length = self.span_max_length if card.kind is TaskKind.SPAN else self.max_length
        if len(train) and sized.sizes is not None and self.tokenizer is not None:
            few = _first(train)
            tokens = OBJECTIVES[card.kind].encode(self.tokenizer, few, max_length=max_length).tokens
            source = "all" if len(few) == sized.sizes.num_train else f"{len(few):,}"
            return replace(
                sized,
                tokens_per_text=tokens.num_tokens / len(few),
                rows_per_text=len(tokens) / len(few),
                lengths_from=f"tokens of {source} training texts",
            )
        mean_chars = card.mean_chars or (card.paper.mean_chars if card.paper else None)
        if mean_chars is None:
            return replace(sized, lengths_from="unknown: the card states no mean_chars")
        return replace(
            sized,
            tokens_per_text=num_special + cut_length(mean_chars / CHARS_PER_TOKEN, max_length - num_special),
            lengths_from=f"the card's mean_chars at {CHARS_PER_TOKEN} a token",
        )


def _first(train: Split) -> Split:
    """The texts that are measured."""
    return Split(
        texts=train.texts[:SAMPLE],
        labels=train.labels[:SAMPLE],
        pairs=None if train.pairs is None else train.pairs[:SAMPLE],
        answers=None if train.answers is None else train.answers[:SAMPLE],
    )


def simulated_sizes(card: TaskCard) -> SplitSizes:
    """Sizes of a simulated stream's task, or of a stand-in, before any cap.

    Raises:
        DataError: the card of a stand-in tells no sizes.
    """
    settled = card.simulation
    if settled is not None:
        return SplitSizes(num_train=settled.num_train, num_valid=settled.num_valid, num_test=settled.num_test)
    made = split_sizes(card)
    return SplitSizes(num_train=made.train, num_valid=made.valid, num_test=made.test)


def card_sizes(card: TaskCard) -> tuple[SplitSizes | None, str]:
    """Sizes by the card: its rows cut as a run would cut them, or the paper's; and which of both."""
    if card.num_rows is not None and len(card.given) == 1:
        return paper_sizes(card.num_rows), "the card's num_rows"
    if card.paper is None:
        return None, "unknown before the data is there"
    paper = card.paper
    sizes = SplitSizes(num_train=paper.num_train, num_valid=paper.num_valid, num_test=paper.num_test)
    return sizes, "the paper's Table 3"


def card_labels(card: TaskCard) -> int:
    """Number of classes by the card.

    Raises:
        UserError: it states none.
    """
    if card.kind is TaskKind.REGRESSION:
        return 0
    paper_labels = card.paper.num_labels if card.paper else None
    num_labels = card.num_labels or len(card.class_counts) or paper_labels
    if num_labels is None:
        raise UserError(
            f"The number of classes of task '{card.name}' is unknown before its data is there, and a plan "
            "downloads nothing; state num_labels in the suite file, or fetch the data with a run first."
        )
    return num_labels


def capped(sizes: SplitSizes, limits: Limits) -> SplitSizes:
    """Sizes after the caps."""
    caps: Mapping[str, int | None] = {
        "num_train": limits.max_train,
        "num_valid": limits.max_valid,
        "num_test": limits.max_test,
    }
    left = {name: min(getattr(sizes, name), cap) for name, cap in caps.items() if cap is not None}
    return replace(sizes, **left)


def _all_tests(sizes: SplitSizes, card: TaskCard) -> SplitSizes:
    """Further test splits taken for as large as the main one."""
    return replace(sizes, num_test=sizes.num_test * (1 + len(card.tests)))


def cut_length(mean: float, longest: int) -> float:
    """Mean of min(X, longest) for a log-normal length X.

    The logarithm's deviation is that of simulated texts; its median over the tasks of additional17 is 0.49.
    """
    normal, spread = NormalDist(), LENGTH_SPREAD
    centre = math.log(mean) - spread**2 / 2
    at = (math.log(longest) - centre) / spread
    return mean * normal.cdf(at - spread) + longest * (1 - normal.cdf(at))
