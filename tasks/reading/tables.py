"""Files and hub data sets as tables of the `datasets` library, which also caches them (Arrow, memory-mapped).

Every cell of a CSV or TSV file is text: nothing becomes a number, and strings such as None, NA and null stay
what they are. The library is imported on first use; it takes a second.
"""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from tasks.card import FileFormat, Quoting, TaskCard, Undecodable
from tasks.errors import DataError
from tasks.sources.archives import read_members
from tasks.sources.homes import cache_folder
from tasks.sources.network import file_sha256

SEPARATORS = {FileFormat.CSV: ",", FileFormat.TSV: "\t"}


def datasets_library() -> Any:
    """The `datasets` library, silent, and without the request by which it counts loads."""
    import datasets

    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    return datasets


def table_cache() -> Path:
    """Folder of the prepared tables."""
    return cache_folder() / "datasets"


def file_table(card: TaskCard, path: Path) -> Any:
    """The rows of a file; raises whatever the library, pandas, pyarrow or the archive reader raise."""
    if card.format is FileFormat.FOLDERS:
        return _folders_table(card, path)
    if card.format in SEPARATORS:
        return _load("csv", path, **_csv_options(card, path))
    if card.format is FileFormat.JSONL:
        return _load("json", path, **_json_options(card))
    return _load("parquet", path)


def hub_table(card: TaskCard, split: str) -> Any:
    """The rows of a split of a hub data set; raises whatever the library and its transport raise."""
    return datasets_library().load_dataset(
        card.hub, card.subset, revision=card.revision, split=split, cache_dir=str(table_cache())
    )


def _load(builder: str, path: Path, **options: object) -> Any:
    return datasets_library().load_dataset(
        builder, data_files={"train": str(path)}, split="train", cache_dir=str(table_cache()), **options
    )


def _csv_options(card: TaskCard, path: Path) -> Mapping[str, Any]:
    """All columns are read: told to choose (`usecols`), pandas drops surplus fields silently."""
    datasets = datasets_library()
    header = _header(card, path)
    return {
        **_dialect(card),
        "column_names": list(card.columns) if card.columns else None,
        "header": None if card.columns else 0,
        "features": datasets.Features({column: datasets.Value("string") for column in header}),
    }


def _json_options(card: TaskCard) -> Mapping[str, Any]:
    """The library decodes in Python only what is not called `utf-8`; Arrow replaces nothing."""
    if card.undecodable is Undecodable.REFUSE:
        return {"encoding": card.encoding}
    return {"encoding": card.encoding.replace("utf-8", "utf_8"), "encoding_errors": card.undecodable}


def _dialect(card: TaskCard) -> Mapping[str, Any]:
    return {
        "sep": card.separator or SEPARATORS[card.format],
        "encoding": card.encoding,
        "encoding_errors": "replace" if card.undecodable is Undecodable.REPLACE else "strict",
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
    first = pandas.read_csv(path, header=None, nrows=1 if card.columns else 2, **dialect)
    if card.columns is None:
        return tuple(str(name) for name in pandas.read_csv(path, nrows=0, **dialect).columns)
    if first.shape[1] > len(card.columns):
        raise DataError(
            f"{path} has {first.shape[1]} fields in its first row, but the card names {len(card.columns)} "
            f"columns ({', '.join(card.columns)}); correct columns, format or quoting"
        )
    return card.columns


def _folders_table(card: TaskCard, path: Path) -> Any:
    # the hash stands in the arguments so that another archive at the same path is another table
    return datasets_library().Dataset.from_generator(
        folder_rows,
        cache_dir=str(table_cache()),
        gen_kwargs={
            "path": str(path),
            "sha256": file_sha256(path),
            "encoding": card.encoding,
            "errors": "replace" if card.undecodable is Undecodable.REPLACE else "strict",
            "text": card.text[0],
            "label": card.label,
        },
    )


def folder_rows(
    *, path: str, sha256: str, encoding: str, errors: str, text: str, label: str
) -> Iterator[dict[str, str]]:
    """A row per member `.../LABEL/name` of an archive: its content and its folder's name."""
    found = False
    for member in read_members(Path(path)):
        parts = PurePosixPath(member.name).parts
        if len(parts) >= 2:
            found = True
            yield {text: member.content.decode(encoding, errors), label: parts[-2]}
    if not found:
        raise DataError(
            f"the archive {path} (SHA-256 {sha256[:12]}...) has no member LABEL/name; check the file"
        )
