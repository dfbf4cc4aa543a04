"""The beginning of a data file as a sheet of named columns; separator, quoting and header by stated rules.

- Separator and quoting: of comma, semicolon, TAB and bar, each with and without quoted fields, the pair under
  which most rows have the same number of columns; quoted fields are preferred unless they swallow line ends.
- Header: the first row, unless it holds a number, an empty cell (but the first), a sentence of more than 80
  characters, or a word that comes again in its column. Its names must differ.
"""

import csv
import io
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tasks.card import FileFormat, Quoting
from tasks.errors import DataError
from tasks.reading.cells import class_names_in, texts_of
from tasks.reading.encodings import EncodingGuess, guess_encoding
from tasks.reading.json_lines import cell_text, json_objects

SAMPLE_CHARS = 2**20
SAMPLE_ROWS = 10_000
LEAST_REGULAR = 0.9
"""Share of rows with the same number of columns below which a file is no table."""
MAX_HEADER_CHARS = 80
SEPARATORS = (",", "\t", ";", "|")
UTF_8 = EncodingGuess(encoding="utf-8")


@dataclass(frozen=True, kw_only=True, slots=True)
class OddRows:
    """Rows of a table that have another number of cells than most."""

    num_odd: int
    num_rows: int
    """Rows looked at, a header among them."""
    num_cells: int
    """Of most rows."""
    first_line: int
    """1-based line on which the first of them begins."""
    first_cells: int
    """Its number of cells."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """What the beginning of a data file looks like."""

    path: Path
    format: FileFormat
    columns: Mapping[str, Sequence[str]]
    """Column name -> values of the rows looked at."""
    num_rows: int
    """Rows looked at."""
    encoding: EncodingGuess = UTF_8
    separator: str | None = None
    quoting: Quoting = Quoting.STANDARD
    has_header: bool = True
    odd_rows: OddRows | None = None
    """Rows that are left out of `columns`; None where there are none."""
    no_texts: tuple[str, ...] = ()
    """Columns of lists, objects or bytes, which are neither texts nor labels and left out of `columns`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reading:
    """The rows of a text under one separator and quoting."""

    separator: str
    quoting: Quoting
    rows: list[list[str]]
    lines: list[int]
    """1-based line on which each row begins."""
    num_columns: int
    """Of most rows."""
    regularity: float
    """Share of the rows that have so many columns; 0 for a single column."""


def read_sheet(path: Path) -> Sheet:
    """The sheet at the beginning of a CSV, TSV, JSON lines or Parquet file.

    Raises:
        DataError: The file is empty, damaged, not text, or has no columns.
    """
    try:
        if path.stat().st_size == 0:
            raise DataError(f"{path} is empty; it needs rows with a text and a label")
        if path.suffix.lower() == ".parquet":
            return _parquet_sheet(path)
        guess = guess_encoding(path)
        with path.open(encoding=guess.encoding, errors="replace", newline="") as file:
            text = file.read(SAMPLE_CHARS).removeprefix("\ufeff")
            is_whole = not file.read(1)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error})") from error
    except UnicodeError as error:
        raise DataError(f"{path} is not {guess.encoding} text ({error}); save it as UTF-8") from error
    if path.suffix.lower() in (".jsonl", ".json"):
        return _json_sheet(path, text, guess, is_whole=is_whole)
    return _table_sheet(path, text, guess, is_whole=is_whole)


def _table_sheet(path: Path, text: str, guess: EncodingGuess, *, is_whole: bool) -> Sheet:
    best = _best_reading(text, is_whole=is_whole, first=SEPARATORS.index("\t" if _is_tsv(path) else ","))
    if best.regularity < LEAST_REGULAR:
        raise DataError(
            f"{path} is no table: under no separator (comma, semicolon, TAB, bar) have nine rows of ten the "
            "same number of columns, two or more; correct the file, or write its suite file by hand"
        )
    rows = [row for row in best.rows if len(row) == best.num_columns]
    has_header = _is_header(rows)
    if has_header:
        _check_names(path, rows[0])
    names = rows[0] if has_header else [f"column{number}" for number in range(1, best.num_columns + 1)]
    body = rows[has_header:]
    if not body:
        raise DataError(f"{path} has a header and no rows; it needs rows with a text and a label")
    return Sheet(
        path=path,
        format=FileFormat.TSV if best.separator == "\t" else FileFormat.CSV,
        columns={name: [row[at] for row in body] for at, name in enumerate(names) if name.strip()},
        num_rows=len(body),
        encoding=guess,
        separator=None if best.separator in ",\t" else best.separator,
        quoting=best.quoting,
        has_header=has_header,
        odd_rows=_odd_rows(best),
    )


def _check_names(path: Path, names: Sequence[str]) -> None:
    ((name, count),) = Counter(names).most_common(1)
    if count > 1:
        raise DataError(
            f"{count} columns of {path} are named '{name}' in its first row; give each a name of its own"
        )


def _odd_rows(reading: _Reading) -> OddRows | None:
    numbered = zip(reading.lines, reading.rows, strict=True)
    odd = [(line, len(row)) for line, row in numbered if len(row) != reading.num_columns]
    if not odd:
        return None
    return OddRows(
        num_odd=len(odd),
        num_rows=len(reading.rows),
        num_cells=reading.num_columns,
        first_line=odd[0][0],
        first_cells=odd[0][1],
    )


def _is_tsv(path: Path) -> bool:
    return path.suffix.lower() == ".tsv"


def _best_reading(text: str, *, is_whole: bool, first: int) -> _Reading:
    """The most regular reading; of equals that with more columns, then the file name's own separator."""
    preferred = (SEPARATORS[first], *SEPARATORS[:first], *SEPARATORS[first + 1 :])
    readings = []
    for separator in preferred:
        standard = _reading(text, separator, Quoting.STANDARD, is_whole=is_whole)
        plain = _reading(text, separator, Quoting.NONE, is_whole=is_whole)
        # as regular without quoting, and with more rows: a stray quote had swallowed line ends
        swallowed = plain.regularity >= standard.regularity and len(plain.rows) > len(standard.rows)
        stray = swallowed and not _quotes_fit(text, separator, is_whole=is_whole)
        readings.append(plain if stray else standard)
    return max(readings, key=lambda reading: (reading.regularity, reading.num_columns))


def _quotes_fit(text: str, separator: str, *, is_whole: bool) -> bool:
    """Whether every field that begins with a quotation mark also ends with one: then none is a stray one."""
    try:
        for _ in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True):
            pass
    except csv.Error as error:
        return not is_whole and "end of data" in str(error)
    return True


def _reading(text: str, separator: str, quoting: Quoting, *, is_whole: bool) -> _Reading:
    numbered = list(numbered_rows(io.StringIO(text, newline=""), separator=separator, quoting=quoting))
    numbered = (numbered if is_whole else numbered[:-1])[: SAMPLE_ROWS + 1]
    rows = [row for _, row in numbered]
    ((num_columns, num_rows),) = Counter(map(len, rows)).most_common(1) or [(0, 0)]
    return _Reading(
        separator=separator,
        quoting=quoting,
        rows=rows,
        lines=[line for line, _ in numbered],
        num_columns=num_columns,
        regularity=num_rows / len(rows) if num_columns >= 2 else 0.0,
    )


def numbered_rows(
    lines: Iterable[str], *, separator: str, quoting: Quoting
) -> Iterator[tuple[int, list[str]]]:
    """Every row that is not empty, with the 1-based line on which it begins."""
    csv.field_size_limit(sys.maxsize)  # the default is shorter than the longest real texts
    if quoting is Quoting.NONE:
        reader = csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(lines, delimiter=separator)
    line = 1
    for row in reader:
        if row:
            yield line, row
        line = reader.line_num + 1


def _is_header(rows: Sequence[Sequence[str]]) -> bool:
    first = rows[0]
    return (
        all(cell.strip() for cell in first[1:])
        and not any(is_number(cell) or (len(cell) > MAX_HEADER_CHARS and " " in cell) for cell in first)
        and not any(cell and any(row[at] == cell for row in rows[1:]) for at, cell in enumerate(first))
    )


def is_number(cell: str) -> bool:
    """Whether the cell is a number as Python reads it."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _json_sheet(path: Path, text: str, guess: EncodingGuess, *, is_whole: bool) -> Sheet:
    lines = text.split("\n")
    try:
        rows = [row for _, row in islice(json_objects(lines if is_whole else lines[:-1]), SAMPLE_ROWS)]
    except ValueError as error:
        raise DataError(f"{path}, {error}; a JSON lines file has one on every line") from error
    names = dict.fromkeys(name for row in rows for name in row)
    columns: dict[str, Sequence[str]] = {}
    for name in names:
        with suppress(DataError):  # lists and objects
            columns[name] = [cell_text(row.get(name), name) for row in rows]
    return _sheet_of(path, FileFormat.JSONL, columns, names, len(rows), guess)


def _parquet_sheet(path: Path) -> Sheet:
    import pyarrow.parquet

    columns: dict[str, Sequence[str]] = {}
    try:
        with path.open("rb") as file, pyarrow.parquet.ParquetFile(file) as parquet:
            schema = parquet.schema_arrow
            batch = next(parquet.iter_batches(batch_size=SAMPLE_ROWS), schema.empty_table())
        classes = class_names_in(schema)
        for name, column in zip(schema.names, batch.columns, strict=True):
            with suppress(DataError):  # lists, objects and bytes that are no text
                texts = texts_of(column, where=name, names=classes.get(name)).to_pylist()
                columns[name] = [text or "" for text in texts]
    except Exception as error:  # the library raises many kinds
        raise DataError(f"{path} cannot be read as parquet ({str(error).splitlines()[0]})") from error
    return _sheet_of(path, FileFormat.PARQUET, columns, schema.names, batch.num_rows, UTF_8)


def _sheet_of(
    path: Path,
    format: FileFormat,
    columns: Mapping[str, Sequence[str]],
    names: Iterable[str],
    num_rows: int,
    guess: EncodingGuess,
) -> Sheet:
    no_texts = tuple(name for name in names if name not in columns)
    named = {name: values for name, values in columns.items() if name.strip()}
    if not named or not num_rows:
        beside = f" beside those of lists or objects ({', '.join(no_texts)})" if no_texts else ""
        raise DataError(f"{path} has no rows with columns of text{beside}; it needs a text and a label")
    return Sheet(
        path=path, format=format, columns=named, num_rows=num_rows, encoding=guess, no_texts=no_texts
    )
