"""A database of an older schema, read as it is: temporary views add the columns and tables that came since.

A view in a connection's temporary schema hides the table of its name. Nothing in the file changes, so an
archived run can be verified, and a process of the older program may go on writing meanwhile.
"""

import sqlite3
from collections.abc import Mapping

from db.tables import Base, LearnedSplitRow
from db.tables.measurements import MeasurementRow
from db.tables.trials import TrialCheckpointRow, TrialRow

_PAPER = "NULL AS paper_no_bert, NULL AS paper_variable_fine_tuning"
_KIND = "'classification' AS kind, '[]' AS secondary, '{}' AS published"
ADDED_SINCE: Mapping[str, Mapping[str, str]] = {
    "0001": {
        "runs": "'stream' AS regime",
        "tasks": f"{_PAPER}, {_KIND}",
    },
    "0002": {"tasks": _KIND},
    "0003": {"tasks": _KIND},
    "0004": {},
}
"""Columns, as SQL by table, that a revision lacks; revisions that are not listed must be migrated first."""
TABLES_SINCE: Mapping[str, tuple[type[Base], ...]] = {
    "0001": (TrialRow, TrialCheckpointRow, LearnedSplitRow, MeasurementRow),
    "0002": (TrialRow, TrialCheckpointRow, LearnedSplitRow, MeasurementRow),
    "0003": (LearnedSplitRow, MeasurementRow),
    "0004": (MeasurementRow,),
}
"""Tables that a revision lacks; they are read as empty."""


def show_as_newest(connection: sqlite3.Connection) -> None:
    """Let queries of the newest schema work on this connection to an older one."""
    revision = _revision(connection) or ""
    for table, columns in ADDED_SINCE.get(revision, {}).items():
        connection.execute(f"CREATE TEMP VIEW {table} AS SELECT *, {columns} FROM main.{table}")
    for model in TABLES_SINCE.get(revision, ()):
        columns = ", ".join(f"NULL AS {column.name}" for column in model.__table__.columns)
        connection.execute(f"CREATE TEMP VIEW {model.__tablename__} AS SELECT {columns} WHERE 0")


def _revision(connection: sqlite3.Connection) -> str | None:
    query = "SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
    if connection.execute(query).fetchone() is None:
        return None
    row = connection.execute("SELECT version_num FROM main.alembic_version").fetchone()
    return None if row is None else str(row[0])
