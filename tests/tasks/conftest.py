import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks import Network, TaskCard, open_suite


@pytest.fixture(autouse=True)
def _own_folders(request, monkeypatch, tmp_path_factory):
    """Each test has its own cache and, unless it needs real data, no data home."""
    monkeypatch.setenv("STREAM_CACHE", str(tmp_path_factory.mktemp("cache")))
    if request.node.get_closest_marker("real_data") is None:
        monkeypatch.delenv("STREAM_DATA", raising=False)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch) -> Iterator[None]:
    """A connection to anywhere fails the test, even where the code under test would swallow the error."""
    tried = []

    def refuse(*address, **options):
        tried.append(address)
        raise OSError("no network in tests")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield
    assert not tried, f"a test tried to connect to {tried}"


@pytest.fixture
def offline() -> Network:
    """A network where no host answers."""
    return Network(answers=lambda host: False)


@pytest.fixture
def make_card(tmp_path: Path) -> Callable[..., TaskCard]:
    """A card through the real loader: the file's content, its name and further TOML lines."""

    def make(content: str | bytes, *lines: str, file: str = "rows.csv", columns: bool = True) -> TaskCard:
        raw = content.encode() if isinstance(content, str) else content
        (tmp_path / file).write_bytes(raw)
        named = ['text = "text"', 'label = "label"'] if columns else []
        toml = ["[[task]]", 'name = "small"', f'train = "{file}"', *named, *lines]
        (tmp_path / "mine.toml").write_text("\n".join(toml), encoding="utf-8")
        return open_suite(str(tmp_path / "mine.toml")).cards[0]

    return make
