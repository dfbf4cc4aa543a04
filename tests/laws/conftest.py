"""What the laws are tested on: a tiny backbone, and a database of its own for each test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from db import Database
from stream.model.backbone.backbone import Backbone
from stream.model.backbone.loading import load_backbone
from tests.stream.tiny import save_tiny_bert
from tests.tiny_runs import NAMES, finished_database, quick_and_single, tiny_learner, tiny_task


@pytest.fixture(scope="package", autouse=True)
def _quick() -> Iterator[None]:
    """Small pools of mask values, and one thread."""
    with quick_and_single():
        yield


@pytest.fixture(scope="session")
def backbone_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a tiny BERT with random weights; a test that changes them works on a copy."""
    dropout: dict[str, Any] = {"hidden_dropout_prob": 0.02, "attention_probs_dropout_prob": 0.02}
    return save_tiny_bert(tmp_path_factory.mktemp("backbone"), **dropout)


@pytest.fixture(scope="session")
def backbone(backbone_folder: Path) -> Backbone:
    """The tiny backbone, loaded once: nothing may write to it (law 7)."""
    return load_backbone(str(backbone_folder))


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An empty database as a file's content: migrating costs more than most tests."""
    file = tmp_path_factory.mktemp("migrated") / "runs.db"
    Database.open(f"sqlite:///{file}").close()
    return file.read_bytes()


@pytest.fixture
def file(tmp_path: Path, migrated: bytes) -> Path:
    """The file of an empty database."""
    (tmp_path / "runs.db").write_bytes(migrated)
    return tmp_path / "runs.db"


@pytest.fixture
def database(file: Path) -> Iterator[Database]:
    """An empty database."""
    with Database.open(f"sqlite:///{file}") as opened:
        yield opened


@pytest.fixture(scope="package")  # not wider: it has to come after `_quick`
def finished_run(tmp_path_factory: pytest.TempPathFactory, backbone: Backbone) -> bytes:
    """The database file of a finished run of four tasks; classes, and so heads, differ in number."""
    tasks = [tiny_task(name, num_labels=2 + i % 2, first=4 * i) for i, name in enumerate(NAMES)]
    return finished_database(tmp_path_factory.mktemp("finished"), tiny_learner(backbone), tasks)


@pytest.fixture
def finished(tmp_path: Path, finished_run: bytes) -> Path:
    """A copy of the finished run's database file, to be changed at will."""
    (tmp_path / "finished.db").write_bytes(finished_run)
    return tmp_path / "finished.db"
