"""A user's folder: a tiny backbone, a suite of one's own, and the command line called in it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from stream.run import main
from tests.stream.tiny import save_tiny_bert
from tests.tiny_runs import quick_and_single, write_suite


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a command left on the terminal."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="package", autouse=True)
def _quick() -> Iterator[None]:
    """Small pools of mask values, and one thread."""
    with quick_and_single():
        yield


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a tiny BERT."""
    return save_tiny_bert(tmp_path_factory.mktemp("backbone"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a suite `tiny.toml` of three tasks and no data home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STREAM_DATA", raising=False)
    monkeypatch.setenv("STREAM_CACHE", str(tmp_path / "cache"))
    write_suite(tmp_path)
    return tmp_path


@pytest.fixture
def run(home: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """`python -m stream.run` with small settings; later options win over them."""

    def call(*options: str) -> Outcome:
        small = ("--suite", "tiny.toml", "--backbone", str(tiny_folder), "--adapter-size", "4")
        code = main([*small, "--epochs", "2", "--batch-size", "8", "--display", "plain", *options])
        captured = capsys.readouterr()
        return Outcome(code=code, out=captured.out, err=captured.err)

    return call
