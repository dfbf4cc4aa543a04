"""`python -m tasks init DATA`: a first suite file, written by looking at the data.

Nothing is trained or changed; a file that exists is never overwritten. What was guessed is printed and stands
in the file as plain keys, to be corrected by hand.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from tasks.drafting.draft import MAX_NAMES, Draft, draft_of, listed, suite_text
from tasks.drafting.folder import FolderContents, task_files, task_name
from tasks.errors import DataError, TaskError
from tasks.sources.homes import plain_path
from tasks.suites.file import read_suite_file
from tasks.words import count_of, shortened


def init_parser() -> argparse.ArgumentParser:
    """The options of `python -m tasks init`."""
    made = argparse.ArgumentParser(
        prog="python -m tasks init", description="Write a first suite file by looking at the data."
    )
    made.add_argument("data", type=Path, help="a csv, tsv, jsonl or parquet file, or a folder of such files")
    made.add_argument(
        "--out", type=Path, metavar="FILE", help="default: NAME.toml in this folder, by the data"
    )
    return made


def init(arguments: Sequence[str]) -> int:
    """Run the command on its arguments; returns the exit code.

    Raises:
        TaskError: The data cannot be used, or the suite file exists or cannot be written.
    """
    options = init_parser().parse_args(arguments)
    data = plain_path(options.data)
    stem = data.resolve().stem if data.is_file() else data.resolve().name
    out = plain_path(options.out or Path(f"{task_name(stem)}.toml"))
    if out.suffix != ".toml":
        raise TaskError(f"--out is {out}; a suite file's name ends in .toml")
    if out.exists():
        raise TaskError(f"{out} exists and is not overwritten; name another file with --out, or remove it")
    contents = task_files(data)
    drafts, refused = _drafts(contents)
    text = suite_text(drafts, name=task_name(out.stem), data=data, out=out)
    _write(out, text)
    lines = summary_lines(drafts, [*contents.left_out, *refused], out=out)
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _drafts(contents: FolderContents) -> tuple[list[Draft], list[str]]:
    """Drafts of the tasks that can be made, and why the others cannot."""
    drafts: list[Draft] = []
    refused: list[str] = []
    for task in contents.tasks:
        try:
            drafts.append(draft_of(task))
        except DataError as error:
            refused.append(str(error))
    if not drafts:
        raise DataError("; ".join(refused[:MAX_NAMES]))
    return drafts, refused


def summary_lines(drafts: Sequence[Draft], left_out: Sequence[str], *, out: Path) -> list[str]:
    """What was written, what to look at, and the next two commands."""
    lines = [f"{out}: {count_of(len(drafts), 'task')}"]
    for draft in drafts:
        choice = draft.choice
        lines += [
            "",
            draft.task.name,
            f"  files   {', '.join(f'{split} {path.name}' for split, path in draft.task.files.items())}",
            f"  text    {' and '.join(choice.text)}, such as {_example(draft)}",
            f"  label   {choice.label}: {_values(draft)}",
            *(f"  check:  {hint}" for hint in draft.hints),
        ]
    if left_out:
        lines += ["", "Left out:", *(f"  {sentence}" for sentence in left_out)]
    shown = shlex.quote(str(out))
    return [
        *lines,
        "",
        f"Are text and label the right columns? If not, correct {out}. Then:",
        f"  python -m tasks check {shown}",
        f"  python -m stream.run --suite {shown}",
    ]


def _values(draft: Draft) -> str:
    """What the label column holds in the rows looked at."""
    choice, rows = draft.choice, f"the first {draft.sheet.num_rows:,} rows"
    if choice.score_range is not None:
        low, high = choice.score_range
        return f"scores from {low:g} to {high:g} in {rows}"
    return f"{len(choice.classes)} values in {rows}, {listed(choice.classes)}"


def _example(draft: Draft) -> str:
    columns = [draft.sheet.columns[name] for name in draft.choice.text]
    rows = zip(*columns, strict=True)
    return shortened(next((row for row in rows if any(cell.strip() for cell in row)), ("",)))


def _write(out: Path, text: str) -> None:
    try:
        content = text.encode()  # before the file is made: a file name may hold what is no text
        with out.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise TaskError(f"{out} exists and is not overwritten; name another file with --out") from None
    except (OSError, UnicodeError) as error:
        raise TaskError(f"{out} cannot be written ({error}); name another file with --out") from error
    read_suite_file(out, folder=out.parent)
