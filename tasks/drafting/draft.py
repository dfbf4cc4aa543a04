"""The draft of a suite file: for each task what was found in its files, and the TOML that says so."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tasks.card import FileFormat, Quoting, Undecodable
from tasks.drafting.columns import LISTS, ColumnChoice, choose_columns, long_texts, score_range
from tasks.drafting.folder import TaskFiles
from tasks.errors import DataError
from tasks.reading.sheets import Sheet, read_sheet
from tasks.task import TaskKind
from tasks.words import share

MAX_NAMES = 5
"""Classes and columns named in one line."""
SCORE_METRIC = "spearman"
"""Main metric of a drafted regression, as of GLUE's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A task as it will stand in the suite file."""

    task: TaskFiles
    sheet: Sheet
    choice: ColumnChoice
    hints: tuple[str, ...]
    """What a person should look at."""


def draft_of(task: TaskFiles) -> Draft:
    """Columns and format by the training file; other files that lack a column are left out.

    Raises:
        DataError: The training file cannot be used.
    """
    sheet = read_sheet(task.files["train"])
    choice = choose_columns(sheet)
    if not sheet.has_header:
        sheet, choice = _named(sheet, choice)
    odd = list(_odd_row_hints(sheet))
    left_out: list[str] = []
    files = {"train": task.files["train"]}
    for split, path in task.files.items():
        if split == "train":
            continue
        try:
            other = _beside(sheet, read_sheet(path), choice)
        except DataError as error:
            left_out.append(f"{path.name} is left out, and a {split} split cut off: {error}")
            continue
        sheet, choice = _read_alike(sheet, other), _wide_enough(choice, other)
        odd += _odd_row_hints(other)
        files[split] = path
    hints = (*_hints(sheet, choice), *odd, *left_out)
    return Draft(task=TaskFiles(name=task.name, files=files), sheet=sheet, choice=choice, hints=hints)


def _named(sheet: Sheet, choice: ColumnChoice) -> tuple[Sheet, ColumnChoice]:
    """Names that say something for the columns of a file without a header."""
    names = {choice.text[0]: "text", choice.label: "label"}  # without a header there are no pairs
    columns = {names.get(name, name): values for name, values in sheet.columns.items()}
    return replace(sheet, columns=columns), replace(choice, text=("text",), label="label")


def _beside(train: Sheet, other: Sheet, choice: ColumnChoice) -> Sheet:
    """The other file's sheet, with the training file's names where neither has a header.

    Raises:
        DataError: The other file does not go with the training file.
    """
    if not (train.has_header or other.has_header) and len(other.columns) == len(train.columns):
        other = replace(other, columns=dict(zip(train.columns, other.columns.values(), strict=True)))
    missing = [name for name in (*choice.text, choice.label) if name not in other.columns]
    if missing:
        raise DataError(f"it has no column '{missing[0]}'")
    if (other.format, other.separator) != (train.format, train.separator):
        raise DataError(f"it is {other.format}, the training file {train.format}, or their separators differ")
    if not any(value.strip() for value in other.columns[choice.label]):
        raise DataError(f"its column '{choice.label}' is blank")
    if choice.score_range is not None and score_range(other.columns[choice.label]) is None:
        raise DataError(f"its column '{choice.label}' holds values that are no numbers")
    return other


def _read_alike(train: Sheet, other: Sheet) -> Sheet:
    """The training sheet, with what the other file needs to be read in the same way."""
    return replace(train, quoting=Quoting.NONE) if other.quoting is Quoting.NONE else train


def _wide_enough(choice: ColumnChoice, other: Sheet) -> ColumnChoice:
    """The choice with the range of both files' scores, where there are scores."""
    seen = score_range(other.columns[choice.label])
    if choice.score_range is None or seen is None:
        return choice
    low, high = choice.score_range
    return replace(choice, score_range=(min(low, seen[0]), max(high, seen[1])))


def _hints(sheet: Sheet, choice: ColumnChoice) -> Iterator[str]:
    if choice.score_range is not None:
        yield (
            f"'{choice.label}' holds numbers with fractions, so this is a regression; range = "
            f"{range_text(choice.score_range)} is what was seen: widen it if scores can lie outside"
        )
    if choice.others:
        yield f"the label could also be {listed(choice.others)}"
    if sheet.no_texts:
        yield f"{LISTS} stand in {listed(sheet.no_texts)}"
    if not sheet.has_header:
        yield f"there seems to be no header, so its columns got names: {listed(tuple(sheet.columns))}"
        further = [name for name in long_texts(sheet) if name not in (*choice.text, choice.label)]
        if further:
            yield f"long texts stand in {listed(further)} too; for a pair, text names both"
    if sheet.quoting is Quoting.NONE:
        yield "quotation marks are taken for characters"
    if sheet.encoding.reason:
        yield f"encoding {sheet.encoding.encoding}: {sheet.encoding.reason}"
    if choice.has_blank_labels:
        yield "rows without a label are dropped"


def _odd_row_hints(sheet: Sheet) -> Iterator[str]:
    odd = sheet.odd_rows
    if odd is not None:
        yield (
            f"{sheet.path.name}: {share(odd.num_odd, odd.num_rows, 'lines looked at')} have another number "
            f"of cells than {odd.num_cells}, the first is line {odd.first_line} with {odd.first_cells}; "
            "correct them"
        )


def suite_text(drafts: Sequence[Draft], *, name: str, data: Path, out: Path) -> str:
    """The suite file: comments for a person, and one table for each task."""
    lines = [
        f"# Written by `python -m tasks init` from {_comment(data)}: a first guess, to be corrected by hand.",
        f"# Look into the data:  python -m tasks check {_comment(out)}",
        f"# Train and measure:   python -m stream.run --suite {_comment(out)}",
        "",
        f"name = {quoted(name)}",
    ]
    for draft in drafts:
        lines += ["", *_task_lines(draft, folder=out.parent)]
    lines += [
        "",
        "# Further keys of a task: max_train, max_valid, max_test (caps), epochs, learning_rate, metric,",
        '# drop = ["value"] (leave rows out), [task.map] (give label values other names).',
    ]
    return "\n".join(lines) + "\n"


def _task_lines(draft: Draft, *, folder: Path) -> Iterator[str]:
    sheet, choice = draft.sheet, draft.choice
    yield "[[task]]"
    yield f"name = {quoted(draft.task.name)}"
    for split, path in draft.task.files.items():
        yield f"{split} = {quoted(_relative(path, folder))}"
    if sheet.path.suffix.lower() != f".{sheet.format}":
        yield f"format = {quoted(sheet.format)}"
    if sheet.separator is not None:
        yield f"separator = {quoted(sheet.separator)}"
    if sheet.quoting is Quoting.NONE:
        yield 'quoting = "none"'
    if not sheet.has_header and sheet.format in (FileFormat.CSV, FileFormat.TSV):
        yield f"columns = [{', '.join(map(quoted, sheet.columns))}]"
    if sheet.encoding.encoding != "utf-8":
        yield f"encoding = {quoted(sheet.encoding.encoding)}"
    if sheet.encoding.undecodable is Undecodable.REPLACE:
        yield 'undecodable = "replace"'
    text = [quoted(column) for column in choice.text]
    yield "text = " + (text[0] if len(text) == 1 else f"[{', '.join(text)}]")
    yield f"label = {quoted(choice.label)}" + (
        f"  # or: {_comment(', '.join(choice.others[:MAX_NAMES]))}" if choice.others else ""
    )
    if choice.has_blank_labels:
        yield 'drop = [""]'
    if choice.score_range is not None:
        yield f"kind = {quoted(TaskKind.REGRESSION)}"
        yield f"range = {range_text(choice.score_range)}  # what was seen"
        yield f"metric = {quoted(SCORE_METRIC)}  # or: pearson"


def _relative(path: Path, folder: Path) -> str:
    """The path for a suite file in that folder: relative, unless they have but the root in common."""
    path, folder = path.resolve(), folder.resolve()
    if path.parts[:2] != folder.parts[:2]:
        return path.as_posix()
    return Path(os.path.relpath(path, folder)).as_posix()


def quoted(text: str) -> str:
    """A TOML string; JSON's escapes are TOML's, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def range_text(bounds: tuple[float, float]) -> str:
    """A TOML array of the two numbers, exact; whole ones without a point."""
    return f"[{', '.join(repr(bound).removesuffix('.0') for bound in bounds)}]"


def _comment(value: object) -> str:
    """On one line: a comment ends with its line."""
    return "".join(sign if sign.isprintable() else "?" for sign in str(value))


def listed(names: Sequence[str]) -> str:
    """A few of the names, on one line."""
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(" ".join(name.split())[:40] for name in names[:MAX_NAMES]) + more
