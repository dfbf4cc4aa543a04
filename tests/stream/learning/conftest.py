import pytest

from stream.model import dropout


@pytest.fixture(autouse=True)
def small_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pools of 65,536 mask values: the real ones take a tenth of a second each."""
    monkeypatch.setattr(dropout, "POOL_SIZE", 1 << 16)
