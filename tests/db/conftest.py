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


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An empty database as a file's content: migrating costs more than most tests."""
    file = tmp_path_factory.mktemp("migrated") / "runs.db"
    Database.open(f"sqlite:///{file}").close()
    return file.read_bytes()


@pytest.fixture(params=["file", "memory"])
def database(request: pytest.FixtureRequest, url: str, tmp_path: Path, migrated: bytes) -> Iterator[Database]:
    """An empty database of each kind."""
    (tmp_path / "runs.db").write_bytes(migrated)
    with Database.open(url if request.param == "file" else "sqlite://", max_inline_bytes=1_000) as opened:
        yield opened


@pytest.fixture
def ledger(database: Database) -> Iterator[Ledger]:
    """The ledger of a run that this process holds."""
    with database.acquire("first"):
        yield database.create_run(new_run())


@pytest.fixture
def file_ledger(url: str, tmp_path: Path, migrated: bytes) -> Iterator[Ledger]:
    """The ledger of a held run in a file."""
    (tmp_path / "runs.db").write_bytes(migrated)
    with Database.open(url, max_inline_bytes=1_000) as opened, opened.acquire("first"):
        yield opened.create_run(new_run())
