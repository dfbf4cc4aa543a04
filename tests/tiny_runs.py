"""Whole runs that take a second: a tiny random BERT in a folder, small tasks, and ways to compare databases.

The tasks come as values (for `simulate`) and as CSV files with a suite (for the command line).
"""

import json
import random
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch

from db import Database, Ledger
from db.records import NewRun
from stream.display import Display, QuietDisplay
from stream.engine.environment import describe_environment
from stream.engine.scheduler import TaskStream
from stream.engine.simulator import Learn, simulate
from stream.learning import training
from stream.learning.learner import Learner
from stream.learning.recipe import Recipe
from stream.model.backbone.backbone import Backbone
from stream.model.encoder import dropout
from stream.model.methods.bottleneck import houlsby
from stream.model.methods.method import Method
from stream.results.comparisons import Comparison
from stream.results.run_results import RunResults, load_results
from stream.run import main
from tasks.fingerprint import task_fingerprint
from tasks.task import SPAN_LABELS, DataStatus, GoldAnswers, Split, Task, TaskKind
from tests.stream.tiny import WORDS

NAMES = ("birds", "clouds", "doors", "engines")
ISOLATED = (
    "houlsby:parallel:norm:deep",
    "adapter-l",
    "lora:2",
    "prefix:length=3:hidden=8",
    "layer-norm",
    "feature",
    "fine-tune",
    "fine-tune:1",
)
"""The methods that share nothing, beside the plain adapters."""
RECIPE = Recipe(learning_rate=1e-2, num_epochs=3, batch_size=8, max_length=16)
CLOCKS = frozenset(
    {"seconds", "reused_seconds", "created_at", "heartbeat_at", "finished_at", "removed_at", "row_sha256"}
)
"""Columns that hold times, and the digest of a row, which covers its times."""
TIMED_FILES = frozenset({"sha256", "num_bytes"})
"""Columns of a trial's checkpoint, whose file holds the times of its epochs."""

ONE_EPOCH = replace(RECIPE, num_epochs=1)
"""Six steps."""

Examples = list[tuple[str, int]]


def examples(name: str, num_examples: int, *, num_labels: int = 2, first: int = 0) -> Examples:
    """Texts of six words, one of them the class's own (`WORDS[first + label]`), the classes in turn.

    The other words are common to all tasks, so what tells one task's classes apart is noise in another.
    """
    drawn = random.Random(name)
    own = WORDS[first : first + num_labels]
    noise = [word for word in WORDS[:24] if word not in own]
    texts: Examples = []
    for i in range(num_examples):
        words = [drawn.choice(noise) for _ in range(5)]
        words.insert(drawn.randrange(6), own[i % num_labels])
        texts.append((" ".join(words), i % num_labels))
    return texts


def tiny_task(name: str, *, num_labels: int = 2, first: int = 0, num_test: int = 20) -> Task:
    """A task of 48 training, 12 validation and `num_test` test examples."""
    drawn = examples(name, 60 + num_test, num_labels=num_labels, first=first)
    train, valid, test = (_split(part) for part in (drawn[:48], drawn[48:60], drawn[60:]))
    task = Task(
        name=name,
        title=name.capitalize(),
        data=DataStatus.REAL,
        labels=tuple(f"class {i}" for i in range(num_labels)),
        train=train,
        valid=valid,
        test=test,
        fingerprint="",
    )
    return replace(task, fingerprint=task_fingerprint(name, task.labels, [train, valid, test]))


def scored_task(name: str, *, first: int = 0) -> Task:
    """A regression of scores from 0 to 5: the examples of `tiny_task`, whose classes are worth 1 and 4.

    The number of different letters adds a little, so that not all scores of a class are equal.
    """
    task = tiny_task(name, first=first)

    def scored(split: Split) -> Split:
        pairs = zip(split.texts, split.labels, strict=True)
        worth = [1.0 + 3.0 * label + 0.05 * len(set(text)) for text, label in pairs]
        return replace(split, labels=[min(score, 5.0) for score in worth])

    task = replace(
        task,
        kind=TaskKind.REGRESSION,
        labels=(),
        score_range=(0.0, 5.0),
        metric="spearman",
        secondary=("pearson",),
        train=scored(task.train),
        valid=scored(task.valid),
        test=scored(task.test),
    )
    return replace(task, fingerprint=task_fingerprint(name, (), [task.train, task.valid, task.test]))


def span_task(name: str, *, num_test: int = 12) -> Task:
    """Questions of one word; the answer is the two words behind it in a context of up to three windows.

    All have two gold answers; 24 train, 8 validate.
    """
    drawn = random.Random(name)

    def split(part: str, number: int) -> Split:
        rows = [_question(drawn, f"{name}-{part}-{i}") for i in range(number)]
        return Split(
            texts=[question for question, _, _ in rows],
            labels=(),
            pairs=[context for _, context, _ in rows],
            answers=[golds for _, _, golds in rows],
        )

    train, valid, test = split("train", 24), split("valid", 8), split("test", num_test)
    return Task(
        name=name,
        title=name.capitalize(),
        data=DataStatus.REAL,
        labels=SPAN_LABELS,
        train=train,
        valid=valid,
        test=test,
        fingerprint=task_fingerprint(name, SPAN_LABELS, [train, valid, test]),
        kind=TaskKind.SPAN,
        metric="squad_f1",
        secondary=("squad_exact_match",),
    )


def _question(drawn: random.Random, identity: str) -> tuple[str, str, GoldAnswers]:
    words = drawn.sample(WORDS[:70], drawn.choice((6, 12, 60)))
    asked = drawn.randrange(len(words) - 2)
    answer, start = " ".join(words[asked + 1 : asked + 3]), 3 * asked + 3
    golds = GoldAnswers(question_id=identity, texts=(answer, words[asked + 1]), starts=(start, start))
    return words[asked], " ".join(words), golds


def write_span_suite(folder: Path) -> Path:
    """A suite of one span task, `questions`, from one file in the SQuAD layout; the path of its TOML file."""
    task = span_task("questions")
    paragraphs = [
        {
            "context": context,
            "qas": [
                {
                    "id": golds.question_id,
                    "question": question,
                    "answers": [
                        {"text": text, "answer_start": start}
                        for text, start in zip(golds.texts, golds.starts, strict=True)
                    ],
                }
            ],
        }
        for split in (task.train, task.valid, task.test)
        for question, context, golds in zip(split.texts, split.pairs or (), split.answers or (), strict=True)
    ]
    document = {"version": "1.1", "data": [{"title": "words", "paragraphs": paragraphs}]}
    (folder / "questions.json").write_text(json.dumps(document), encoding="utf-8")
    suite = folder / "asked.toml"
    suite.write_text(
        '[[task]]\nname = "questions"\ntrain = "questions.json"\nformat = "squad"\n', encoding="utf-8"
    )
    return suite


def split_task(name: str, *, first: int = 0) -> Task:
    """A pair task with a further test split, as MNLI has: each text of `tiny_task` is cut in two."""
    task = tiny_task(name, first=first)
    other = tiny_task(f"{name} mismatched", first=first, num_test=14)

    def paired(split: Split) -> Split:
        halves = [text.split(" ") for text in split.texts]
        return replace(
            split,
            texts=[" ".join(words[:3]) for words in halves],
            pairs=[" ".join(words[3:]) for words in halves],
        )

    return replace(
        task,
        kind=TaskKind.PAIR,
        metric="f1",
        secondary=("accuracy",),
        train=paired(task.train),
        valid=paired(task.valid),
        test=paired(task.test),
        further_tests={"mismatched": paired(other.test)},
        fingerprint=f"{task.fingerprint} mismatched",
    )


def _split(part: Examples) -> Split:
    return Split(texts=[text for text, _ in part], labels=[label for _, label in part])


@contextmanager
def quick_and_single() -> Iterator[None]:
    """Pools of 65,536 mask values, since the real ones take a tenth of a second each; and one thread.

    A tiny model needs no more; on a busy machine a second one is waited for at every operation.
    """
    before = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dropout, "POOL_SIZE", 1 << 16)
        torch.set_num_threads(1)
        yield
    torch.set_num_threads(before)


def tiny_learner(backbone: Backbone, method: Method | None = None, recipe: Recipe = RECIPE) -> Learner:
    """A learner of small adapters, or of another method."""
    return Learner(
        backbone=backbone,
        backbone_sha256=backbone.fingerprint(),
        method=method or houlsby(4),
        recipe=recipe,
    )


def tiny_stream(tasks: Sequence[Task], seed: int = 0) -> TaskStream:
    """These tasks in this order."""
    by_name = {task.name: task for task in tasks}
    return TaskStream(names=tuple(by_name), run_seed=seed, load=by_name.__getitem__)


def start_run(
    database: Database,
    learner: Learner,
    names: Sequence[str],
    run: str = "tiny",
    *,
    reevaluate: str = "full",
) -> Ledger:
    """The ledger of a new run of these tasks, recorded so that it can be verified."""
    backbone = learner.backbone
    environment = describe_environment(backbone.device, backbone.dtype)
    return database.create_run(
        NewRun(
            name=run,
            suite="tiny",
            method=learner.method.name,
            isolated=learner.method.isolated,
            regime=learner.method.regime,
            task_names=tuple(names),
            backbone=backbone.name,
            backbone_sha256=learner.backbone_sha256,
            backbone_params=backbone.num_parameters,
            backbone_bytes=backbone.num_bytes,
            configuration={"method_options": dict(learner.method.options), "reevaluate": reevaluate},
            environment={**environment, "backbone_files": dict(backbone.files)},
        )
    )


def run_tasks(
    database: Database,
    learner: Learner,
    tasks: Sequence[Task],
    *,
    run: str = "tiny",
    display: Display | None = None,
    learn: Learn | None = None,
) -> RunResults:
    """Start a run of these tasks and bring it to its end."""
    stream = tiny_stream(tasks)
    ledger = start_run(database, learner, stream.names, run)
    return simulate(stream, learner, ledger, display or QuietDisplay(), learn)


def finished_database(
    folder: Path, learner: Learner, tasks: Sequence[Task], learn: Learn | None = None
) -> bytes:
    """The database file of a finished run of these tasks, made in the folder."""
    with Database.open(f"sqlite:///{folder}/runs.db") as opened:
        run_tasks(opened, learner, tasks, learn=learn)
    return (folder / "runs.db").read_bytes()


def flip_bit(database: Path, query: str, place: float = 0.0) -> None:
    """Flip the lowest bit of one byte of a stored blob.

    Args:
        database: its file.
        query: gives the SHA-256 of the blob.
        place: of the byte, as a share of the blob's length; 1 is the last one.
    """
    with closing(sqlite3.connect(database)) as connection:
        (sha256,) = connection.execute(query).fetchone()
        (content,) = connection.execute("SELECT content FROM blobs WHERE sha256 = ?", (sha256,)).fetchone()
        at = min(int(len(content) * place), len(content) - 1)
        changed = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        connection.execute("UPDATE blobs SET content = ? WHERE sha256 = ?", (changed, sha256))
        connection.commit()


class Killed(Exception):  # noqa: N818 - a stand-in for a kill, not an error
    """The run was ended from outside."""


class Killer(QuietDisplay):
    """Ends the run after so many comparisons, or epochs and comparisons."""

    def __init__(self, after: int, *, counts_epochs: bool = False) -> None:
        super().__init__(output=StringIO(), errors=StringIO())
        self._left = after
        self._counts_epochs = counts_epochs

    def epoch_finished(self, epoch: object) -> None:
        """Count it where epochs are counted."""
        self._count(int(self._counts_epochs))

    def task_evaluated(self, comparison: Comparison) -> None:
        """Count it."""
        self._count(1)

    def _count(self, number: int) -> None:
        self._left -= number
        if number and self._left == 0:
            raise Killed


def write_suite(folder: Path, names: Sequence[str] = NAMES[:3], num_rows: int = 80) -> Path:
    """A suite file with one CSV of rows a task, and its path."""
    lines = ['name = "tiny"']
    for name in names:
        rows = [f"{text},class {label}" for text, label in examples(name, num_rows)]
        (folder / f"{name}.csv").write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
        lines += ["[[task]]", f'name = "{name}"', f'train = "{name}.csv"', 'text = "text"', 'label = "label"']
    path = folder / "tiny.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_suite_of_kinds(folder: Path, num_rows: int = 80) -> Path:
    """A suite file of a regression, and of pairs with two test files; and its path."""
    rows = {name: examples(name, num_rows) for name in ("scores", "pairs", "matched", "mismatched")}
    for name, drawn in rows.items():
        cells = [
            f"{text[:8]},{text[9:]},{label},{1.5 * label + i % 3}" for i, (text, label) in enumerate(drawn)
        ]
        kept = cells if name in ("scores", "pairs") else cells[:20]
        (folder / f"{name}.csv").write_text(
            "\n".join(["first,second,label,score", *kept]) + "\n", encoding="utf-8"
        )
    path = folder / "kinds.toml"
    path.write_text(_SUITE_OF_KINDS, encoding="utf-8")
    return path


_SUITE_OF_KINDS = """name = "kinds"
[[task]]
name = "scores"
train = "scores.csv"
text = "first"
label = "score"
kind = "regression"
range = [0, 5]
metric = "spearman"
[[task]]
name = "pairs"
train = "pairs.csv"
test = "matched.csv"
tests = { mismatched = "mismatched.csv" }
text = ["first", "second"]
label = "label"
metric = "f1"
secondary = ["accuracy"]
positive = "1"
"""


def recorded_rows(database: Path) -> dict[str, list[Mapping[str, Any]]]:
    """Every row of every table, without clock times and the checkout's commit, which others may move."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    try:
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {table: _rows(connection, table) for (table,) in found}
    finally:
        connection.close()


def _rows(connection: sqlite3.Connection, table: str) -> list[Mapping[str, Any]]:
    rows = connection.execute(f"SELECT * FROM {table}").fetchall()
    plain = [{key: row[key] for key in row.keys() if key not in CLOCKS} for row in rows]  # noqa: SIM118
    for row in plain:
        if "history" in row:
            row["history"] = [{**epoch, "seconds": 0.0} for epoch in json.loads(row["history"])]
        if table == "trial_checkpoints":
            row |= dict.fromkeys(TIMED_FILES)
        if "environment" in row:
            row["environment"] = {**json.loads(row["environment"]), "git_commit": None}
    return sorted(plain, key=repr)


def command_line(arguments: Sequence[str]) -> None:
    """`python -m stream.run` in a process of its own, with many checkpoints, on one thread."""
    training.CHECKPOINT_SECONDS = 0.1
    dropout.POOL_SIZE = 1 << 16
    torch.set_num_threads(1)
    sys.exit(main(arguments))


def own_digests(ledger: Ledger) -> dict[str, str]:
    """SHA-256 of each served task's own parameters, by task name."""
    names = ledger.run().task_names
    return {names[record.position]: record.sha256 for record in ledger.parameters() if record.owner == "own"}


def results_of(file: Path) -> RunResults:
    """Results of the run `tiny` in a database file."""
    with Database.open(f"sqlite:///{file}", read_only=True) as database:
        return load_results(database.ledger("tiny"))
