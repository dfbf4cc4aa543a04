"""A database per test, on disk and in memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from db import Database, Ledger
from tests.db.made_records import new_run


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Address of a database that does not exist yet."""
    return f"sqlite:///{tmp_path}/runs.db"


@pytest.fixture(params=["file", "memory"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database of each kind."""
    address = f"sqlite:///{tmp_path}/runs.db" if request.param == "file" else "sqlite://"
    with Database.open(address, max_inline_bytes=1_000) as opened:
        yield opened


@pytest.fixture
def ledger(database: Database) -> Iterator[Ledger]:
    """The ledger of a run that this process holds."""
    with database.acquire("first"):
        yield database.create_run(new_run())


@pytest.fixture
def file_ledger(url: str) -> Iterator[Ledger]:
    """The ledger of a held run in a file."""
    with Database.open(url, max_inline_bytes=1_000) as opened, opened.acquire("first"):
        yield opened.create_run(new_run())
