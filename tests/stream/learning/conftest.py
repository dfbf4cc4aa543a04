from collections.abc import Iterator

import pytest

from stream.model.encoder import dropout


@pytest.fixture(scope="module", autouse=True)
def small_pool() -> Iterator[None]:
    """Pools of 65,536 mask values: the real ones take a tenth of a second each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dropout, "POOL_SIZE", 1 << 16)
        yield
