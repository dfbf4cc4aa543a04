"""The columns of Arrow tables, from Parquet files and from the hub, as texts.

A class index becomes its name where the table knows it, bytes are UTF-8, a missing value is blank. A list or
an object in a cell is no text and no label.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.errors import DataError
from tasks.reading.json_lines import several_values
from tasks.reading.prepared import text_type


def texts_of(column: Any, *, where: str, names: Sequence[str] | None = None) -> Any:
    """An Arrow array (or chunked array) as one of texts; `names` are those of class indices.

    Raises:
        DataError: It holds lists, objects or bytes that are not UTF-8; the sentence begins with `where`.
    """
    import pyarrow
    from pyarrow import types

    kind = column.type
    if types.is_dictionary(kind):
        return texts_of(column.cast(kind.value_type), where=where, names=names)
    if types.is_nested(kind):
        raise several_values(where, str(next((value for value in column.to_pylist() if value), kind)))
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind) or _is_bytes(kind):
        try:
            texts = column.cast(text_type())
            texts.validate(full=True)  # Arrow takes any bytes for text until someone reads them
        except pyarrow.ArrowInvalid as error:
            raise DataError(f"{where} holds bytes that are not UTF-8 text; save it as text") from error
        return texts
    return pyarrow.array([_text(value, names) for value in column.to_pylist()], text_type())


def class_names_in(schema: Any) -> Mapping[str, Sequence[str]]:
    """Column -> names of its class indices, where the `datasets` library wrote them into the schema."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {
            column: feature["names"]
            for column, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (KeyError, TypeError, AttributeError, ValueError):
        return {}


def _is_bytes(kind: Any) -> bool:
    from pyarrow import types

    return bool(
        types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_binary_view(kind)
        or types.is_fixed_size_binary(kind)
    )


def _text(value: object, names: Sequence[str] | None) -> str:
    if value is None:
        return ""
    if names is None:
        return str(value)
    index = int(str(value))
    if index >= len(names):
        raise ValueError(f"class index {index} has no name; there are {len(names)}")
    return names[index] if index >= 0 else ""
