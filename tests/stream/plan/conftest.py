from collections.abc import Iterator

import pytest

from tests.tiny_runs import quick_and_single


@pytest.fixture(scope="package", autouse=True)
def _quick() -> Iterator[None]:
    """Small pools of mask values, and one thread."""
    with quick_and_single():
        yield
