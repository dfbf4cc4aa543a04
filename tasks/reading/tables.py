"""Files and hub data sets as Arrow tables of a task's own columns, all of them texts.

Every cell is text as it stands in the file: nothing becomes a number, and strings such as None, NA and null
stay what they are. A path is a path: no character of it has a meaning. The libraries are imported on first
use; pandas and `datasets` take a second each.
"""

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from tasks.card import FileFormat, Quoting, TaskCard, Undecodable
from tasks.errors import DataError, did_you_mean
from tasks.reading.cells import class_names_in, texts_of
from tasks.reading.json_lines import ROWS_PER_BATCH, json_batches
from tasks.reading.prepared import file_errors, prepared_table, text_type
from tasks.sources.archives import Member, read_members
from tasks.sources.homes import cache_folder
from tasks.sources.left_overs import is_left_over
from tasks.sources.network import file_sha256

SEPARATORS = {FileFormat.CSV: ",", FileFormat.TSV: "\t"}
LAYOUT = 1
"""Counts up when the same file gives another table."""
GZIP = b"\x1f\x8b"


def datasets_library() -> Any:
    """The `datasets` library, silent, and without the request by which it counts loads."""
    import datasets

    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    return datasets


def file_table(card: TaskCard, path: Path) -> Any:
    """The text and label columns of a file, all rows; raises whatever pandas, pyarrow or a codec raise.

    Raises:
        DataError: The file lacks a column, changes while it is read, or the cache cannot be written.
    """
    path = path.absolute()
    with file_errors(path):
        sha256 = file_sha256(path)
    return prepared_table(_key(card, sha256), wanted(card), _checked_batches(card, path, sha256))


def hub_data(card: TaskCard, split: str) -> Any:
    """A split of a hub data set; raises whatever the library and its transport raise."""
    return datasets_library().load_dataset(
        card.hub,
        card.subset,
        revision=card.revision,
        split=split,
        cache_dir=str(cache_folder() / "datasets"),
    )


def hub_table(card: TaskCard, data: Any, *, where: str) -> Any:
    """The text and label columns of a hub data set.

    Raises:
        DataError: It lacks a column, or one holds no texts or labels.
    """
    import pyarrow

    check_columns(card, data.column_names, where)
    label_kind = datasets_library().ClassLabel
    made = {}
    for column in wanted(card):
        feature = data.features[column]
        names = feature.names if isinstance(feature, label_kind) else None
        made[column] = texts_of(data.data.column(column), where=f"{where}, column '{column}',", names=names)
    return pyarrow.table(made)


def wanted(card: TaskCard) -> Sequence[str]:
    """The card's columns, each once."""
    return tuple(dict.fromkeys((*card.text, card.label)))


def check_columns(card: TaskCard, known: Sequence[str], where: object) -> None:
    """Raise a DataError that begins with `where` if a column of the card is not among those known."""
    for column in wanted(card):
        if column not in known:
            raise DataError(f"{where} has no column '{column}'; {did_you_mean(column, known)}")


def _key(card: TaskCard, sha256: str) -> str:
    """SHA-256 over a file's content and all that decides what its table holds."""
    reading = (
        LAYOUT, sha256, card.format, wanted(card), card.encoding, card.undecodable, card.quoting,
        card.separator, card.columns,
    )  # fmt: skip
    return hashlib.sha256(json.dumps(reading).encode()).hexdigest()


def _checked_batches(card: TaskCard, path: Path, sha256: str) -> Iterator[Any]:
    """The file's rows as record batches; an error where they are no longer those of the content hashed."""
    with file_errors(path):
        yield from _batches(card, path)
        if file_sha256(path) != sha256:
            raise DataError(f"{path} changed while it was read; try again when it is complete")


def _batches(card: TaskCard, path: Path) -> Iterator[Any]:
    match card.format:
        case FileFormat.FOLDERS:
            return _folder_batches(card, path)
        case FileFormat.JSONL:
            return _json_batches(card, path)
        case FileFormat.PARQUET:
            return _parquet_batches(card, path)
        case _:
            return _csv_batches(card, path)


def _batch(columns: Mapping[str, Any]) -> Any:
    import pyarrow

    arrays = [pyarrow.array(values, text_type(), from_pandas=True) for values in columns.values()]
    return pyarrow.record_batch(arrays, names=list(columns))


def _opened(path: Path) -> io.BufferedReader:
    """The file's bytes; unpacked where it is packed with gzip."""
    with path.open("rb") as file:
        packed = file.read(len(GZIP)) == GZIP
    return io.BufferedReader(gzip.open(path)) if packed else path.open("rb")


def _errors(card: TaskCard) -> str:
    return "replace" if card.undecodable is Undecodable.REPLACE else "strict"


def _csv_batches(card: TaskCard, path: Path) -> Iterator[Any]:
    """All columns are read: told to choose (`usecols`), pandas drops surplus fields silently."""
    import pandas

    check_columns(card, _header(card, path), path)
    names = {"names": list(card.columns)} if card.columns else {}
    with (
        _opened(path) as file,
        pandas.read_csv(
            file,
            header=None if card.columns else 0,
            dtype=object,
            chunksize=ROWS_PER_BATCH,
            **names,
            **_dialect(card),
        ) as frames,
    ):
        for frame in frames:
            yield _batch({column: frame[column] for column in wanted(card)})


def _dialect(card: TaskCard) -> Mapping[str, Any]:
    return {
        "sep": card.separator or SEPARATORS[card.format],
        "encoding": card.encoding,
        "encoding_errors": _errors(card),
        "quoting": csv.QUOTE_NONE if card.quoting is Quoting.NONE else csv.QUOTE_MINIMAL,
        "keep_default_na": False,
    }


def _header(card: TaskCard, path: Path) -> tuple[str, ...]:
    """Column names as pandas gives them (a second column of one name gets `.1`).

    A first row longer than the header is an error here: pandas would take its first field for the row's name
    and shift all others.
    """
    import pandas

    dialect = {**_dialect(card), "dtype": str}
    with _opened(path) as file:
        first = pandas.read_csv(file, header=None, nrows=1 if card.columns else 2, **dialect)
    if card.columns is None:
        with _opened(path) as file:
            return tuple(str(name) for name in pandas.read_csv(file, nrows=0, **dialect).columns)
    if first.shape[1] > len(card.columns):
        raise DataError(
            f"{path} has {first.shape[1]} fields in its first row, but the card names {len(card.columns)} "
            f"columns ({', '.join(card.columns)}); correct columns, format or quoting"
        )
    return card.columns


def _json_batches(card: TaskCard, path: Path) -> Iterator[Any]:
    encoding = "utf-8-sig" if card.encoding == "utf-8" else card.encoding
    with _opened(path) as file, io.TextIOWrapper(file, encoding=encoding, errors=_errors(card)) as lines:
        for columns in json_batches(lines, wanted(card), where=str(path)):
            yield _batch(columns)


def _parquet_batches(card: TaskCard, path: Path) -> Iterator[Any]:
    """Only the card's columns are looked at; others may hold anything."""
    import pyarrow.parquet

    with path.open("rb") as file, pyarrow.parquet.ParquetFile(file) as parquet:
        check_columns(card, parquet.schema_arrow.names, path)
        names = class_names_in(parquet.schema_arrow)
        for batch in parquet.iter_batches(batch_size=ROWS_PER_BATCH, columns=list(wanted(card))):
            yield _batch(
                {
                    column: texts_of(
                        batch.column(column), where=f"{path}, column '{column}',", names=names.get(column)
                    )
                    for column in wanted(card)
                }
            )


def _folder_batches(card: TaskCard, path: Path) -> Iterator[Any]:
    rows = _folder_rows(card, path)
    while batch := list(islice(rows, ROWS_PER_BATCH)):
        texts, labels = zip(*batch, strict=True)
        yield _batch({card.text[0]: texts, card.label: labels})


def _folder_rows(card: TaskCard, path: Path) -> Iterator[tuple[str, str]]:
    """A row per member `.../LABEL/name` of an archive but left-overs: its content and its folder's name."""
    found = False
    for member in read_members(path):
        parts = PurePosixPath(member.name).parts
        if len(parts) >= 2 and not is_left_over(parts):
            found = True
            yield _member_text(card, path, member), parts[-2]
    if not found:
        raise DataError(f"the archive {path} has no member LABEL/name; check the file")


def _member_text(card: TaskCard, path: Path, member: Member) -> str:
    try:
        return member.content.decode(card.encoding, _errors(card))
    except UnicodeError as error:
        raise DataError(
            f"{path}: its member '{member.name}' is not {card.encoding} text; "
            'state the right encoding, such as encoding = "latin-1", or undecodable = "replace"'
        ) from error
