"""Texts and label values of every row of a file or a hub data set, or one sentence about why not."""

import codecs
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.card import FileFormat, TaskCard, Undecodable
from tasks.errors import DataError, DownloadError, TaskError, did_you_mean
from tasks.reading.sheets import numbered_rows
from tasks.reading.squad import read_squad
from tasks.reading.tables import SEPARATORS, datasets_library, file_table, hub_table, table_cache
from tasks.splits import Examples
from tasks.text_column import TextColumn

TEXT_FORMATS = (FileFormat.CSV, FileFormat.TSV, FileFormat.JSONL)
NO_ROWS = "corresponds to no data"
"""Part of the sentence with which `datasets` answers a file of a header only."""
SURPLUS = " fields in line "
"""Part of pandas' answer to a row of too many cells, with a wrong line where cells hold line ends."""


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
    if card.format is FileFormat.SQUAD:
        return read_squad(path, where=where)
    try:
        table = file_table(card, path)
    except Exception as error:  # the library wraps whatever pandas, pyarrow or a generator raised
        raise _diagnosis(card, path, error, where=where) from error
    try:
        return _examples(card, table, where=where)
    except UnicodeError as error:
        raise _diagnosis(card, path, error, where=where) from error


def read_hub(card: TaskCard, split: str) -> Examples:
    """Texts and label values of one split of a hub data set at the card's revision.

    Raises:
        DownloadError: The data set, revision, subset or split cannot be had.
        DataError: A column is missing, or there are no rows.
    """
    where = f"task '{card.name}': hub data set {card.hub} at {card.revision}, split '{split}'"
    try:
        table = hub_table(card, split)
    except Exception as error:  # the library and its transport raise many kinds
        raise DownloadError(
            f"{where} cannot be loaded ({_last_line(error)}); check the name and the network"
        ) from error
    return _examples(card, table, where=where)


def _examples(card: TaskCard, table: Any, *, where: str) -> Examples:
    columns = (*card.text, card.label)
    for column in columns:
        if column not in table.column_names:
            raise DataError(f"{where} has no column '{column}'; {did_you_mean(column, table.column_names)}")
    if len(table) == 0:
        raise _without_rows(card, where)
    segments = [_texts(table, column) for column in card.text]
    return Examples(
        texts=segments[0],
        labels=_labels(table, card.label),
        pairs=segments[1] if len(segments) == 2 else None,
    )


def _texts(table: Any, name: str) -> Sequence[str]:
    """A column of texts as it lies in the table; one of other values as texts in memory."""
    import pyarrow

    column = table.data.column(name)
    if not (pyarrow.types.is_string(column.type) or pyarrow.types.is_large_string(column.type)):
        return _labels(table, name)
    try:
        column.validate(full=True)
    except pyarrow.ArrowInvalid as error:  # Arrow takes any bytes for text until someone reads them
        raise UnicodeError(str(error)) from error
    return TextColumn(column)


def _labels(table: Any, name: str) -> list[str]:
    """A column's values as text, each kept once; a class index becomes its name where the table knows it."""
    feature = table.features[name]
    named = isinstance(feature, datasets_library().ClassLabel)
    known: dict[str, str] = {}
    values: list[str] = []
    for chunk in table.data.column(name).iterchunks():
        for value in chunk.to_pylist():
            if named:
                text = "" if value is None or value < 0 else feature.int2str(value)
            else:
                text = value if isinstance(value, str) else "" if value is None else str(value)
            values.append(known.setdefault(text, text))
    return values


def _without_rows(card: TaskCard, where: str) -> DataError:
    return DataError(f"{where} has no rows; it needs rows with {_needed(card)}")


def _needed(card: TaskCard) -> str:
    return f"the columns {', '.join(card.text)} and {card.label}"


def _diagnosis(card: TaskCard, path: Path, error: Exception, *, where: str) -> DataError:
    """Why a file could not be read, from the chain of exceptions and the file itself."""
    chain = _chain(error)
    for cause in chain:
        if isinstance(cause, TaskError):
            return DataError(f"task '{card.name}': {cause}")
        if isinstance(cause, OSError) and str(table_cache()) in str(cause):
            return DataError(
                f"the cache folder {table_cache()} cannot be used ({cause.strerror}); "
                "set STREAM_CACHE to one that can"
            )
    if NO_ROWS in str(chain[-1]):
        return _without_rows(card, where)
    strict = card.undecodable is Undecodable.REFUSE
    line = _undecodable_line(path, card.encoding) if strict and card.format in TEXT_FORMATS else None
    if line is not None:
        return DataError(
            f"{where} is not {card.encoding} text (line {line}); "
            'state the right encoding, such as encoding = "latin-1", or, where several are mixed, '
            'undecodable = "replace"'
        )
    surplus = _surplus_cells(card, path) if SURPLUS in str(chain[-1]) else None
    if surplus is not None:
        return DataError(f"{where} cannot be read: {surplus}; correct them, separator or quoting")
    return DataError(
        f"{where} cannot be read as {card.format} ({_last_line(chain[-1])}); correct the file or format"
    )


def _chain(error: BaseException) -> list[BaseException]:
    """The error and what caused it, outermost first."""
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    return chain


def _last_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__


def _surplus_cells(card: TaskCard, path: Path) -> str | None:
    """How many lines of a CSV or TSV file have too many cells, and the first of them; None where none has."""
    encoding = "utf-8-sig" if card.encoding == "utf-8" else card.encoding
    errors = "replace" if card.undecodable is Undecodable.REPLACE else "strict"
    with path.open(encoding=encoding, errors=errors, newline="") as file:
        rows = numbered_rows(file, separator=card.separator or SEPARATORS[card.format], quoting=card.quoting)
        sizes = [(line, len(row)) for line, row in rows]
    expected = len(card.columns) if card.columns else sizes[0][1]
    long = [(line, found) for line, found in sizes if found > expected]
    if not long:
        return None
    return (
        f"{len(long):,} of {len(sizes):,} lines have more cells than there are columns ({expected}), "
        f"the first is line {long[0][0]} with {long[0][1]}"
    )


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
        except UnicodeError:  # some codecs raise the bare class
            return line
    return None
