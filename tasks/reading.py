"""Rows of a file as texts and label values, read and cached through the `datasets` library.

Every cell is text: nothing is turned into a number, and strings such as None, NA and null stay what they are.
The library is imported on first use; it takes a second.
"""

import codecs
import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from tasks.archives import read_members
from tasks.card import FileFormat, Quoting, TaskCard
from tasks.errors import DataError, DownloadError, TaskError, did_you_mean
from tasks.homes import cache_folder
from tasks.network import file_sha256
from tasks.splits import Examples

SEPARATORS = {FileFormat.CSV: ",", FileFormat.TSV: "\t"}


def read_file(card: TaskCard, path: Path) -> Examples:
    """Texts and label values of every row of a file, in file order.

    Raises:
        DataError: The file is missing, empty, damaged, undecodable, or lacks a column.
    """
    where = f"task '{card.name}': {path}"
    if not path.is_file():
        raise DataError(f"{where} does not exist; check the path")
    if path.stat().st_size == 0:
        raise DataError(f"{where} is empty; it needs rows with {_needed(card)}")
    try:
        table = _tabulate(card, path, where=where)
    except TaskError:
        raise
    except Exception as error:  # the library wraps whatever pandas, pyarrow or a generator raised
        raise _diagnosis(card, path, error, where=where) from error
    return _examples(card, table, where=where)


def read_hub(card: TaskCard, split: str) -> Examples:
    """Texts and label values of one split of a hub data set at the card's revision.

    Raises:
        DownloadError: The data set, revision, subset or split cannot be had.
        DataError: A column is missing, or there are no rows.
    """
    where = f"task '{card.name}': hub data set {card.hub} at {card.revision}, split '{split}'"
    try:
        table = _datasets().load_dataset(
            card.hub, card.subset, revision=card.revision, split=split, cache_dir=str(_cache())
        )
    except Exception as error:  # the library and its transport raise many kinds
        raise DownloadError(
            f"{where} cannot be loaded ({_last_line(error)}); check the name and the network"
        ) from error
    return _examples(card, table, where=where)


def _datasets() -> Any:
    """The `datasets` library, silent, and without the request by which it counts loads."""
    import datasets

    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    return datasets


def _cache() -> Path:
    return cache_folder() / "datasets"


def _tabulate(card: TaskCard, path: Path, *, where: str) -> Any:
    """The file as a table of the `datasets` library."""
    if card.format is FileFormat.FOLDERS:
        return _load_folders(card, path)
    if card.format in SEPARATORS:
        return _load("csv", path, **_csv_options(card, path, where=where))
    if card.format is FileFormat.JSONL:
        return _load("json", path, encoding=card.encoding)
    return _load("parquet", path)


def _load(builder: str, path: Path, **options: object) -> Any:
    return _datasets().load_dataset(
        builder, data_files={"train": str(path)}, split="train", cache_dir=str(_cache()), **options
    )


def _csv_options(card: TaskCard, path: Path, *, where: str) -> Mapping[str, Any]:
    datasets = _datasets()
    header = card.columns or _header(card, path)
    _check_columns(card, header, where=where)
    wanted = [column for column in header if column in _wanted(card)]
    return {
        "sep": SEPARATORS[card.format],
        "encoding": _encoding(card),
        "quoting": _quoting(card),
        "column_names": list(card.columns) if card.columns else None,
        "header": None if card.columns else 0,
        "usecols": wanted,
        "features": datasets.Features({column: datasets.Value("string") for column in wanted}),
        "keep_default_na": False,
        "na_filter": False,
    }


def _encoding(card: TaskCard) -> str:
    """A byte-order mark in front of UTF-8 is not part of the first column's name."""
    return "utf-8-sig" if codecs.lookup(card.encoding).name == "utf-8" else card.encoding


def _quoting(card: TaskCard) -> Literal[0, 3]:
    return csv.QUOTE_NONE if card.quoting is Quoting.NONE else csv.QUOTE_MINIMAL


def _header(card: TaskCard, path: Path) -> tuple[str, ...]:
    with path.open(encoding=_encoding(card), newline="") as file:
        return tuple(next(csv.reader(file, delimiter=SEPARATORS[card.format], quoting=_quoting(card)), ()))


def _load_folders(card: TaskCard, path: Path) -> Any:
    # the hash stands in the arguments so that another archive at the same path is another table
    return _datasets().Dataset.from_generator(
        folder_rows,
        cache_dir=str(_cache()),
        gen_kwargs={
            "path": str(path),
            "sha256": file_sha256(path),
            "encoding": card.encoding,
            "text": card.text[0],
            "label": card.label,
        },
    )


def folder_rows(*, path: str, sha256: str, encoding: str, text: str, label: str) -> Iterator[dict[str, str]]:
    """A row per member `.../LABEL/name` of an archive: its content and its folder's name."""
    for member in read_members(Path(path)):
        parts = PurePosixPath(member.name).parts
        if len(parts) >= 2:
            yield {text: member.content.decode(encoding), label: parts[-2]}


def _examples(card: TaskCard, table: Any, *, where: str) -> Examples:
    _check_columns(card, table.column_names, where=where)
    if len(table) == 0:
        raise DataError(f"{where} has a header but no rows; it needs rows with {_needed(card)}")
    segments = [_column(table, column) for column in card.text]
    return Examples(
        texts=segments[0],
        labels=_column(table, card.label),
        pairs=segments[1] if len(segments) == 2 else None,
    )


def _column(table: Any, name: str) -> list[str]:
    """A column as text; a class index becomes its name where the table knows it."""
    feature, values = table.features[name], table[name][:]
    if isinstance(feature, _datasets().ClassLabel):
        return ["" if value is None or value < 0 else feature.int2str(value) for value in values]
    return [value if isinstance(value, str) else "" if value is None else str(value) for value in values]


def _wanted(card: TaskCard) -> tuple[str, ...]:
    return (*card.text, card.label)


def _needed(card: TaskCard) -> str:
    columns = _wanted(card)
    return f"the columns {', '.join(columns[:-1])} and {columns[-1]}"


def _check_columns(card: TaskCard, columns: Sequence[str], *, where: str) -> None:
    for column in _wanted(card):
        if column not in columns:
            raise DataError(f"{where} has no column '{column}'; {did_you_mean(column, columns)}")


def _diagnosis(card: TaskCard, path: Path, error: Exception, *, where: str) -> DataError:
    """One sentence about why a file could not be read, from the chain of exceptions and the file itself."""
    chain = _chain(error)
    for cause in chain:
        if isinstance(cause, TaskError):
            return DataError(f"task '{card.name}': {cause}")
    if card.format in SEPARATORS or card.format is FileFormat.JSONL:
        line = _undecodable_line(path, _encoding(card))
        if line is not None:
            return DataError(
                f"{where} is not {card.encoding} text (line {line}); "
                'state the right one, such as encoding = "latin-1"'
            )
    return DataError(f"{where} cannot be read as {card.format}: {_last_line(chain[-1])}")


def _chain(error: BaseException) -> list[BaseException]:
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    return chain


def _last_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__


def _undecodable_line(path: Path, encoding: str) -> int | None:
    """1-based line of the first byte that does not decode; None where all do."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with path.open("rb") as file:
        try:
            for number, content in enumerate(file, start=1):
                line = number
                decoder.decode(content)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return line
    return None
