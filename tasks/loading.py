"""From a card to a task: find or fetch its files, read, name the classes, split, cap, note differences."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tasks.card import TaskCard
from tasks.errors import DataError, UnreachableError
from tasks.fingerprint import task_fingerprint
from tasks.notes import count_notes, overlap_notes, split_notes
from tasks.reading.labels import apply_label_rules, class_names, scores
from tasks.reading.rows import read_file, read_hub
from tasks.sources.availability import NETWORK, Availability, DataMode, Origin, availability, simulated
from tasks.sources.network import Network
from tasks.splits import Examples, split_examples
from tasks.task import SPAN_LABELS, DataStatus, Limits, Split, Task, TaskKind

UNLIMITED = Limits()
MAX_UNSEEN_SHARE = 0.05
"""Above this share of rows with labels that training lacks, a file's labels are taken for a mistake."""


MAX_HELD = 100_000
"""Texts of a split that are kept in memory; more stay in the prepared table and are read as needed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitRows:
    """The rows of a task, as they were given and as they are split."""

    given: Mapping[str, Examples]
    """Split name -> rows of its file, in file order."""
    splits: Mapping[str, Examples]
    """Train, valid and test, and the card's further tests, in hash order."""
    labels: tuple[str, ...]
    """Class names in index order; empty for a regression."""
    score_range: tuple[float, float] | None = None
    """Least and largest score of a regression."""


def load_task(
    card: TaskCard,
    *,
    home: Path | None = None,
    mode: DataMode = DataMode.AUTO,
    limits: Limits = UNLIMITED,
    split_seed: int = 0,
    network: Network = NETWORK,
) -> Task:
    """The task of a card: real where its data can be had, otherwise (mode auto) a simulated stand-in.

    The splits depend on the texts and `split_seed` only; a cap keeps the first examples of a split.

    Raises:
        DataError: A file is missing, damaged or does not fit the card; the message says what to do.
        DownloadError: Something else than the pinned file arrived.
    """
    _check_limits(limits)
    limits = limits.within(card.limits)
    found = obtain(card, home=home, mode=mode, network=network)
    if found.status is DataStatus.SIMULATED:
        return _simulate(card, *found.notes, limits=limits, seed=split_seed)
    return _load(card, found, limits=limits, seed=split_seed)


def obtain(card: TaskCard, *, home: Path | None, mode: DataMode, network: Network = NETWORK) -> Availability:
    """Where the card's data is, downloaded if need be; the simulator where that is allowed and fails.

    Raises:
        DataError, DownloadError: As `load_task`.
    """
    found = availability(card, home, mode, network=network)
    if found.origin is not Origin.DOWNLOAD:
        return found
    try:
        _download(card, found, network)
    except UnreachableError as error:
        if mode is DataMode.REAL or card.folder is not None:
            raise
        return simulated(f"simulated stand-in: {error}")
    return found


def _check_limits(limits: Limits) -> None:
    caps = {"train": limits.max_train, "validation": limits.max_valid, "test": limits.max_test}
    for split, cap in caps.items():
        if cap is not None and cap < 1:
            raise DataError(f"the {split} split was capped at {cap} examples; a cap must be 1 or more")


def _simulate(card: TaskCard, *notes: str, limits: Limits, seed: int) -> Task:
    if card.simulation is not None:
        from tasks.simulated.stream import generate_task

        return generate_task(card.simulation, title=card.title, limits=limits, split_seed=seed)
    task = _stand_in(card, limits=limits, seed=seed)
    return replace(task, overrides=card.overrides, notes=(*task.notes, *notes))


def _stand_in(card: TaskCard, *, limits: Limits, seed: int) -> Task:
    if card.kind is TaskKind.SPAN:
        from tasks.simulated.spans import simulate_spans

        return simulate_spans(card, limits=limits, seed=seed)
    from tasks.simulated.stand_in import stand_in

    return stand_in(card, limits=limits, seed=seed)


def _download(card: TaskCard, found: Availability, network: Network) -> None:
    if card.url is not None and card.sha256 is not None:
        network.download(card.url, sha256=card.sha256, target=found.paths["train"], member=card.member)


def read_splits(card: TaskCard, found: Availability, *, seed: int) -> SplitRows:
    """Read the files found, name the classes and split; nothing is capped.

    Raises:
        DataError: A file is damaged or does not fit the card; the message says what to do.
    """
    given = {split: _read(card, split, file, found) for split, file in card.given.items()}
    splits = split_examples(given, seed=seed, name=card.name)
    if card.kind is TaskKind.REGRESSION:
        found_scores = [score for examples in given.values() for score in scores(card, examples.labels)]
        observed = card.score_range or (min(found_scores), max(found_scores))
        return SplitRows(given=given, splits=splits, labels=(), score_range=observed)
    return SplitRows(given=given, labels=_classes(card, given), splits=splits)


def _load(card: TaskCard, found: Availability, *, limits: Limits, seed: int) -> Task:
    rows = read_splits(card, found, seed=seed)
    train = _capped(card, rows, "train", limits.max_train)
    valid = _capped(card, rows, "valid", limits.max_valid)
    test = _capped(card, rows, "test", limits.max_test)
    further = {name: _capped(card, rows, name, limits.max_test) for name in card.tests}
    return Task(
        name=card.name,
        title=card.title,
        data=found.status,
        labels=rows.labels,
        train=train,
        valid=valid,
        test=test,
        further_tests=further,
        fingerprint=task_fingerprint(card.name, rows.labels, (train, valid, test, *further.values())),
        kind=card.kind,
        score_range=rows.score_range,
        metric=card.metric,
        secondary=card.secondary,
        overrides=card.overrides,
        paper=card.paper,
        published=card.published,
        notes=(
            *card.notes,
            *found.notes,
            *count_notes(card, list(rows.given.values())),
            *split_notes(card, rows.splits),
            *overlap_notes(rows.given, rows.splits),
        ),
    )


def _read(card: TaskCard, split: str, file: str, found: Availability) -> Examples:
    raw = read_hub(card, file) if card.hub else read_file(card, found.paths[split])
    examples = raw if card.kind is TaskKind.SPAN else apply_label_rules(card, raw, file=file)
    if len(examples) == 0:
        raise DataError(f"task '{card.name}': no row of {file} is left after drop = {list(card.drop)}")
    return examples


def _classes(card: TaskCard, given: Mapping[str, Examples]) -> tuple[str, ...]:
    """Class names in index order; of a span task the names of its head's outputs."""
    if card.kind is TaskKind.SPAN:
        return SPAN_LABELS
    labels = class_names(card, given.values())
    _check_classes(card, given, labels)
    return labels


def _check_classes(card: TaskCard, given: Mapping[str, Examples], labels: Sequence[str]) -> None:
    if len(labels) < 2:
        raise DataError(
            f"task '{card.name}': all rows of column '{card.label}' have the one label '{labels[0]}'; "
            "a classification task needs at least 2 classes"
        )
    known = Counter(given["train"].labels)
    for split in given:
        if split != "train":
            _check_unseen(card, split, Counter(given[split].labels), known)


def _check_unseen(card: TaskCard, split: str, counts: Counter[str], known: Counter[str]) -> None:
    """A few rows of classes that training lacks are kept and noted: they count as errors, as in use."""
    unseen = sorted(label for label in counts if label not in known)
    num_unseen = sum(counts[label] for label in unseen)
    if num_unseen > MAX_UNSEEN_SHARE * counts.total():
        raise DataError(
            f"task '{card.name}': label '{unseen[0]}' of {card.given[split]} never occurs in "
            f"{card.given['train']}, whose labels are {', '.join(sorted(known)[:20])}; correct it, or "
            f"add it to drop or map ({num_unseen} of {counts.total()} rows have such labels)"
        )


def _capped(card: TaskCard, rows: SplitRows, split: str, limit: int | None) -> Split:
    kept, examples = slice(None, limit), rows.splits[split]
    return Split(
        texts=_held(examples.texts[kept]),
        labels=_gold(card, rows.labels, examples.labels[kept]),
        pairs=None if examples.pairs is None else _held(examples.pairs[kept]),
        answers=None if examples.answers is None else tuple(examples.answers[kept]),
    )


def _gold(card: TaskCard, names: Sequence[str], labels: Sequence[str]) -> Sequence[int] | Sequence[float]:
    """Class indices, or the scores of a regression; a span task has its answers instead."""
    match card.kind:
        case TaskKind.SPAN:
            return ()
        case TaskKind.REGRESSION:
            return tuple(scores(card, labels))
    index = {name: number for number, name in enumerate(names)}
    return tuple(index[label] for label in labels)


def _held(texts: Sequence[str]) -> Sequence[str]:
    """In memory, unless there are very many."""
    return tuple(texts) if len(texts) <= MAX_HELD else texts
