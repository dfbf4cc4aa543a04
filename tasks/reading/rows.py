"""Texts and label values of every row of a file or a hub data set, or one sentence about why not."""

import codecs
import errno
from pathlib import Path
from typing import Any

from tasks.card import FileFormat, TaskCard, Undecodable
from tasks.errors import DataError, DownloadError, TaskError
from tasks.reading.prepared import cache_error, file_errors
from tasks.reading.sheets import numbered_rows
from tasks.reading.squad import read_squad
from tasks.reading.tables import SEPARATORS, file_table, hub_data, hub_table
from tasks.sources.homes import cache_folder
from tasks.splits import Examples
from tasks.text_column import TextColumn

TEXT_FORMATS = (FileFormat.CSV, FileFormat.TSV, FileFormat.JSONL)
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
        with file_errors(path):
            return read_squad(path, where=where)
    try:
        table = file_table(card, path)
    except Exception as error:  # pandas, pyarrow and codecs raise many kinds
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
        data = hub_data(card, split)
    except TaskError:
        raise
    except Exception as error:  # the library and its transport raise many kinds
        raise _hub_error(error, where) from error
    return _examples(card, hub_table(card, data, where=where), where=where)


def _examples(card: TaskCard, table: Any, *, where: str) -> Examples:
    """The rows of a table of texts: texts stay in it, each label value is kept once."""
    if table.num_rows == 0:
        raise DataError(f"{where} has no rows; it needs rows with {_needed(card)}")
    segments = [TextColumn(table.column(name)) for name in card.text]
    known: dict[str, str] = {}
    return Examples(
        texts=segments[0],
        labels=[known.setdefault(label, label) for label in TextColumn(table.column(card.label))],
        pairs=segments[1] if len(segments) == 2 else None,
    )


def _needed(card: TaskCard) -> str:
    return f"the columns {', '.join(card.text)} and {card.label}"


def _diagnosis(card: TaskCard, path: Path, error: Exception, *, where: str) -> DataError:
    """Why a file could not be read, from the chain of exceptions and the file itself."""
    chain = _chain(error)
    for cause in chain:
        if isinstance(cause, TaskError):
            return DataError(f"task '{card.name}': {cause}")
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


def _hub_error(error: Exception, where: str) -> DataError:
    """What kept a hub data set from being loaded: the cache, or else the hub."""
    for cause in _chain(error):
        full = isinstance(cause, OSError) and cause.errno == errno.ENOSPC
        if isinstance(cause, OSError) and (full or str(cache_folder()) in str(cause)):
            return cache_error(cause)
    return DownloadError(f"{where} cannot be loaded ({_last_line(error)}); check the name and the network")


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
