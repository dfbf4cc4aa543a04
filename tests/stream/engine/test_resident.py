from stream.engine.serving import Resident


def test_a_value_is_made_once_per_key() -> None:
    """Asking again under the same key gives the same object; another key is made anew."""
    kept: Resident[list[int]] = Resident(100, len)
    first = kept.get("a", lambda: [1])
    assert kept.get("a", lambda: [2]) is first
    assert kept.get("b", lambda: [2]) == [2]
    assert len(kept) == 2


def test_the_bound_holds() -> None:
    """A thousand values of 30 bytes: three are kept of a hundred, the first ones, and all are right."""
    kept: Resident[bytes] = Resident(100, len)
    for _ in range(2):
        for key in range(1000):
            assert kept.get(key, lambda key=key: bytes([key % 256]) * 30)[0] == key % 256
            assert kept.num_bytes <= 100
    assert (len(kept), kept.num_bytes) == (3, 90)


def test_turns_hit_what_was_kept() -> None:
    """Visiting more than fits in turn finds the kept part each time, where dropping the oldest finds none."""
    kept: Resident[bytes] = Resident(100, len)
    made: list[int] = []

    def make(key: int) -> bytes:
        made.append(key)
        return bytes(25)

    for _ in range(3):
        for key in range(8):
            kept.get(key, lambda key=key: make(key))
    assert made == [*range(8), *range(4, 8), *range(4, 8)]


def test_clearing_frees_the_room() -> None:
    """After `clear` nothing counts and everything is made anew."""
    kept: Resident[bytes] = Resident(10, len)
    first = kept.get("a", lambda: bytes(10))
    kept.clear()
    assert (len(kept), kept.num_bytes) == (0, 0)
    assert kept.get("a", lambda: bytes(10)) is not first
