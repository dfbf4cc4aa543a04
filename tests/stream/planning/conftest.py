from collections.abc import Iterator

import pytest
import torch

from stream.model import dropout


@pytest.fixture(scope="package", autouse=True)
def _quick() -> Iterator[None]:
    """Small pools of mask values, and one thread: a tiny model needs no more."""
    before = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dropout, "POOL_SIZE", 1 << 16)
        torch.set_num_threads(1)
        yield
    torch.set_num_threads(before)
