"""What choosing and studies are tested on: a tiny backbone, and a database of its own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from db import Database
from stream.model.backbone.backbone import Backbone
from tests.stream.tiny import tiny_backbone
from tests.tiny_runs import quick_and_single


@pytest.fixture(autouse=True, scope="module")
def _quick() -> Iterator[None]:
    with quick_and_single():
        yield


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return tiny_backbone()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database.open(f"sqlite:///{tmp_path}/runs.db") as opened:
        yield opened
