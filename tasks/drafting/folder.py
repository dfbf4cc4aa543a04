"""Which files of a folder belong to one task, by their names.

A word of a file's name tells its part (train, training; valid, validation, val, dev, eval, evaluation; test,
testing), the other words but a shard's number name the task; where there are none, the folder does. A file
without such a word is the training file of the task of that name, or a task of its own; a test file without a
training file of its name goes with the only one beside it. What other programs leave is passed over.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import DataError
from tasks.sources.left_overs import is_left_over

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
PARTS = {
    "train": "train", "training": "train", "valid": "valid", "validation": "valid", "val": "valid",
    "dev": "valid", "eval": "valid", "evaluation": "valid", "test": "test", "testing": "test",
}  # fmt: skip
SHARD = re.compile(r"-\d{5}-of-\d{5}$")
"""How the name of one file of several ends that are one split, as the hub has them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskFiles:
    """The files of one task."""

    name: str
    """As a suite file allows it."""
    files: Mapping[str, Path]
    """Split name -> file; train is always there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderContents:
    """What was found in a folder."""

    tasks: tuple[TaskFiles, ...]
    left_out: tuple[str, ...]
    """One sentence for each file that belongs to no task."""


def task_files(data: Path) -> FolderContents:
    """The tasks of a file (one), or of a folder and the folders directly in it, in the order of their names.

    Raises:
        DataError: There is no such file or folder, or no data file in it.
    """
    if data.is_file():
        only = TaskFiles(name=task_name(data.stem), files={"train": data})
        return FolderContents(tasks=(only,), left_out=())
    if not data.is_dir():
        raise DataError(
            f"{data} does not exist; name a data file, or a folder with {', '.join(SUFFIXES)} files"
        )
    groups: dict[tuple[Path, str], dict[str, Path]] = {}
    left_out: list[str] = []
    for path in sorted(_data_files(data)):
        part, name = _part_and_name(path)
        group = groups.setdefault((path.parent, name), {})
        if part in group:
            left_out.append(_taken(path, group[part], f"{part or 'data'} file of '{name}'"))
        else:
            group[part] = path
    if not groups:
        raise DataError(f"{data} holds no data file; a data file is named {', '.join(SUFFIXES)}")
    tasks = _tasks(groups, left_out)
    return FolderContents(tasks=tuple(_with_different_names(tasks)), left_out=tuple(left_out))


def task_name(words: str) -> str:
    """Letters, digits, '.', '-' and '_' of the words, as a task's name may be."""
    name = re.sub(r"[^a-z0-9._]+", "-", words.casefold()).strip("-._")
    return name or "task"


def _data_files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if is_left_over([path.name]):
            continue
        for file in path.iterdir() if path.is_dir() else (path,):
            if file.suffix.lower() in SUFFIXES and not is_left_over([file.name]) and file.is_file():
                yield file


def _taken(path: Path, first: Path, place: str) -> str:
    """Why a file is left out whose place another one has."""
    if SHARD.search(path.stem) and SHARD.sub("", path.stem) == SHARD.sub("", first.stem):
        return f"{path}: only {first.name} is read; a split is one file, so write its shards as one"
    return f"{path}: {first.name} is already the {place}"


def _part_and_name(path: Path) -> tuple[str, str]:
    """The part a file's name tells ('' for none) and the task's name."""
    stem = SHARD.sub("", path.stem.casefold())
    words = re.split(r"[^a-z0-9]+", stem)
    parts = [PARTS[word] for word in words if word in PARTS]
    if not parts:
        return "", task_name(stem)
    rest = "-".join(word for word in words if word not in PARTS)
    return parts[0], task_name(rest or path.parent.resolve().name)


def _tasks(groups: Mapping[tuple[Path, str], Mapping[str, Path]], left_out: list[str]) -> Iterator[TaskFiles]:
    """A task for each training file; files without one go with the only training file of their folder."""
    found: dict[tuple[Path, str], dict[str, Path]] = {}
    orphans: list[Path] = []
    for (folder, name), group in groups.items():
        files = dict(group)
        plain = files.pop("", None)
        if plain is not None and "train" not in files:
            files["train"] = plain
        elif plain is not None:
            found[folder, task_name(plain.stem)] = {"train": plain}
        if "train" in files:
            found[folder, name] = files
        else:
            orphans += files.values()
    for path in orphans:
        left_out += _attach(
            path, [files for (folder, _), files in found.items() if folder == path.parent], orphans
        )
    yield from (TaskFiles(name=name, files=files) for (_, name), files in found.items())


def _attach(path: Path, beside: Sequence[dict[str, Path]], orphans: Sequence[Path]) -> list[str]:
    """Add the file to the one task beside it, where nothing else could be that part; or say why not."""
    part, name = _part_and_name(path)
    rivals = [other for other in orphans if other.parent == path.parent and _part_and_name(other)[0] == part]
    if len(beside) == 1 and part not in beside[0] and len(rivals) == 1:
        beside[0][part] = path
        return []
    return [f"{path}: there is no training file of '{name}' beside it"]


def _with_different_names(tasks: Iterator[TaskFiles]) -> Sequence[TaskFiles]:
    """Of tasks with one name, the later ones get a number."""
    named: list[TaskFiles] = []
    taken: set[str] = set()
    for task in tasks:
        names = (task.name, *(f"{task.name}-{number}" for number in range(2, len(taken) + 3)))
        name = next(name for name in names if name not in taken)
        taken.add(name)
        named.append(TaskFiles(name=name, files=task.files))
    return named
