"""What is odd about the rows of a task, found before anything is trained on them.

Every finding counts something and says what can be done; whether it matters is for the reader to decide.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tasks.loading import SplitRows
from tasks.reading.encodings import has_controls, is_misread
from tasks.splits import Examples
from tasks.words import count_of, share, shortened

MAX_EXAMPLES = 3
"""Texts or names shown with one finding."""
Key = tuple[str, ...]
"""The text of a row: one segment or two."""
FEW_TEST_ROWS = 100
"""Below this the standard error of an accuracy reaches 3 to 5 points."""


class Level(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    """The task cannot be used."""
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing found about a task's rows."""

    code: str
    """A word for machines, such as `leakage`."""
    message: str
    level: Level = Level.WARNING
    examples: tuple[str, ...] = ()
    """A few of the texts or names it is about, shortened."""


def findings_of(rows: SplitRows, *, encoding: str) -> tuple[Finding, ...]:
    """Everything found, in a fixed order.

    Duplicates and conflicts are looked for in all files together, leakage and unseen classes from training
    to the two other splits. `encoding` is Python's name of the one the files were read with.
    """
    if rows.splits["train"].answers is not None:
        return _of_spans(rows, encoding=encoding)
    if rows.score_range is not None:
        return _of_scored(rows, encoding=encoding)
    found: Iterable[Finding | None] = (
        *_leakage(rows.splits),
        _conflicts(rows.given),
        _duplicates(rows.given),
        _unseen_classes(rows.splits),
        _single_classes(rows.given),
        _alike_classes(rows.labels),
        _many_classes(rows),
        _blank(rows.given),
        *_encodings(rows.given, encoding),
        _small_test(rows.splits["test"]),
    )
    return tuple(finding for finding in found if finding is not None)


def _of_spans(rows: SplitRows, *, encoding: str) -> tuple[Finding, ...]:
    """Of a span task: leaked contexts, repeated questions; there are no classes to be odd."""
    contexts = {split: examples.by_context() for split, examples in rows.splits.items()}
    found: Iterable[Finding | None] = (
        *_leakage(contexts),
        _conflicts(rows.given),
        _duplicates(rows.given),
        _blank(rows.given),
        *_encodings(rows.given, encoding),
        _small_test(rows.splits["test"]),
    )
    return tuple(finding for finding in found if finding is not None)


def _of_scored(rows: SplitRows, *, encoding: str) -> tuple[Finding, ...]:
    """Of the texts of a regression; `score_findings` looks at its scores."""
    found: Iterable[Finding | None] = (
        *_leakage(rows.splits),
        _duplicates(rows.given),
        _blank(rows.given),
        *_encodings(rows.given, encoding),
    )
    return tuple(finding for finding in found if finding is not None)


def normalised(key: Sequence[str]) -> str:
    """A text without case, punctuation, spacing and compatibility forms; what has no words stays as it is."""
    segments = (unicodedata.normalize("NFKC", segment).casefold() for segment in key)
    return "\n".join(" ".join(re.findall(r"\w+", segment)) or segment.strip() for segment in segments)


def _leakage(splits: Mapping[str, Examples]) -> Iterator[Finding | None]:
    train = splits["train"]
    exact = {train.key(row) for row in range(len(train))}
    loose = {normalised(key) for key in exact}
    yield _leaked(
        "leakage",
        splits,
        exact.__contains__,
        "with a text that is also in training; remove them from one file",
    )
    yield _leaked(
        "near-leakage",
        splits,
        lambda key: key not in exact and normalised(key) in loose,
        "with a text that differs from a training text in case, punctuation or spacing only; "
        "results will be a little too good",
    )


def _leaked(
    code: str, splits: Mapping[str, Examples], known: Callable[[Key], bool], sentence: str
) -> Finding | None:
    """A finding about the rows of all other splits whose text is known from training."""
    leaked: list[Key] = []
    counted: list[str] = []
    for split in (split for split in splits if split != "train"):
        name = "validation" if split == "valid" else split
        keys = [splits[split].key(row) for row in range(len(splits[split]))]
        same = [key for key in keys if known(key)]
        if same:
            counted.append(share(len(same), len(keys), f"{name} rows"))
            leaked += same
    return _finding(code, f"{' and '.join(counted)} {sentence}", leaked) if leaked else None


def _duplicates(given: Mapping[str, Examples]) -> Finding | None:
    counts = Counter(key for key, _ in _rows(given))
    extra = counts.total() - len(counts)
    if not extra:
        return None
    repeated = [key for key, count in counts.most_common(MAX_EXAMPLES) if count > 1]
    return _finding(
        "duplicates",
        f"{share(extra, counts.total(), 'rows')} repeat the text of another row; "
        "splits made here keep equal texts together",
        repeated,
    )


def _conflicts(given: Mapping[str, Examples]) -> Finding | None:
    """Texts that stand with different labels: a floor under the error of any classifier."""
    labels_of: dict[Key, Counter[str]] = {}
    for key, label in _rows(given):
        labels_of.setdefault(key, Counter())[label] += 1
    conflicts = {key: counts for key, counts in labels_of.items() if len(counts) > 1}
    if not conflicts:
        return None
    wrong = sum(counts.total() - max(counts.values()) for counts in conflicts.values())
    total = sum(counts.total() for counts in labels_of.values())
    shown = [
        f"{shortened(key)}: {', '.join(f'{label} {n}x' for label, n in counts.most_common(MAX_EXAMPLES))}"
        for key, counts in list(conflicts.items())[:MAX_EXAMPLES]
    ]
    return Finding(
        code="conflicting-labels",
        message=f"{count_of(len(conflicts), 'text')} with more than one label, a hint at label noise: "
        f"{share(wrong, total, 'rows')} disagree with their text's most frequent label",
        examples=tuple(shown),
    )


def _unseen_classes(splits: Mapping[str, Examples]) -> Finding | None:
    trained = set(splits["train"].labels)
    unseen = Counter(
        label for split in ("valid", "test") for label in splits[split].labels if label not in trained
    )
    if not unseen:
        return None
    return Finding(
        code="unseen-classes",
        message=f"{count_of(len(unseen), 'class', 'classes')} without a training row; "
        f"{count_of(unseen.total(), 'row')} of validation and test cannot be answered right",
        examples=tuple(shortened((label,)) for label in sorted(unseen)[:MAX_EXAMPLES]),
    )


def _single_classes(given: Mapping[str, Examples]) -> Finding | None:
    counts = Counter(label for _, label in _rows(given))
    single = sorted(label for label, count in counts.items() if count == 1)
    if not single:
        return None
    return Finding(
        code="single-row-classes",
        message=f"{count_of(len(single), 'class', 'classes')} with one row only; "
        "nothing can be both learned and tested: drop or map",
        examples=tuple(shortened((label,)) for label in single[:MAX_EXAMPLES]),
    )


def _alike_classes(labels: Sequence[str]) -> Finding | None:
    alike: dict[str, list[str]] = {}
    for label in labels:
        alike.setdefault(normalised((label,)), []).append(label)
    groups = [names for names in alike.values() if len(names) > 1]
    if not groups:
        return None
    return Finding(
        code="alike-classes",
        message="class names that differ in case, punctuation or spacing only; [task.map] can join them",
        examples=tuple(" / ".join(map(repr, names[:MAX_EXAMPLES])) for names in groups[:MAX_EXAMPLES]),
    )


def _many_classes(rows: SplitRows) -> Finding | None:
    total = sum(len(examples) for examples in rows.given.values())
    if 2 * len(rows.labels) <= total:
        return None
    return Finding(
        code="many-classes",
        message=f"{len(rows.labels)} classes for {total} rows; is the label column the right one?",
    )


def _blank(given: Mapping[str, Examples]) -> Finding | None:
    keys = [key for key, _ in _rows(given)]
    blank = sum(not any(segment.strip() for segment in key) for key in keys)
    if not blank:
        return None
    return Finding(code="blank-texts", message=f"{share(blank, len(keys), 'texts')} are blank; they are kept")


def _encodings(given: Mapping[str, Examples], encoding: str) -> Iterator[Finding | None]:
    """Signs of a wrong encoding, each with what would set it right."""
    damage = "the damage is in the file itself"
    wider = 'try encoding = "cp1252"' if encoding == "iso8859-1" else damage
    utf8 = damage if encoding.startswith("utf") else 'if most accents do, try encoding = "utf-8"'
    signs: tuple[tuple[str, Callable[[str], bool], str], ...] = (
        (
            "replaced-characters",
            lambda text: "\ufffd" in text,
            "hold U+FFFD: characters were lost in decoding",
        ),
        ("misread-utf-8", is_misread, f"look like UTF-8 read as Latin-1; {utf8}"),
        ("control-characters", has_controls, f"hold control characters, a sign of a wrong encoding; {wider}"),
        ("nul-characters", lambda text: "\0" in text, "hold NUL characters; is it UTF-16 or a binary file?"),
    )
    keys = [key for key, _ in _rows(given)]
    for code, is_odd, sentence in signs:
        odd = [key for key in keys if any(map(is_odd, key))]
        yield _finding(code, f"{share(len(odd), len(keys), 'texts')} {sentence}", odd) if odd else None


def _small_test(test: Examples) -> Finding | None:
    if len(test) >= FEW_TEST_ROWS:
        return None
    points = 50 / len(test) ** 0.5
    return Finding(
        code="small-test",
        message=f"{count_of(len(test), 'test row')} only: an accuracy has a standard error of up to "
        f"{points:.0f} points",
    )


def _rows(given: Mapping[str, Examples]) -> Iterator[tuple[Key, str]]:
    """Text and label of every row of every file."""
    for examples in given.values():
        for row in range(len(examples)):
            yield examples.key(row), examples.labels[row]


def _finding(code: str, message: str, keys: Iterable[Sequence[str]]) -> Finding:
    shown = list(dict.fromkeys(map(shortened, keys)))[:MAX_EXAMPLES]
    return Finding(code=code, message=message, examples=tuple(shown))
