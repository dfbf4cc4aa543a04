import hashlib
import struct

from tasks.fingerprint import task_fingerprint
from tasks.task import Split


def split(*texts: str, labels: tuple[int, ...] | None = None, pairs: tuple[str, ...] | None = None) -> Split:
    return Split(texts=texts, labels=labels or (0,) * len(texts), pairs=pairs)


def test_the_layout_is_the_documented_one():
    """The fingerprint is the SHA-256 of length-prefixed strings and 8-byte little-endian integers."""
    expected = b"".join(
        [
            struct.pack("<Q", 1) + b"t",
            struct.pack("<Q", 2) + struct.pack("<Q", 2) + "ä".encode() + struct.pack("<Q", 0),
            struct.pack("<Q", 1),
            struct.pack("<QQ", 1, 1) + struct.pack("<q", 1),
            struct.pack("<Q", 2) + b"hi" + struct.pack("<Q", 1) + b"x",
        ]
    )
    found = task_fingerprint("t", ["ä", ""], [split("hi", labels=(1,), pairs=("x",))])
    assert found == hashlib.sha256(expected).hexdigest()


def test_any_difference_changes_the_fingerprint():
    """Names, class names, texts, labels, order, pairs and the borders between splits all count."""
    variants = [
        task_fingerprint("t", ["a", "b"], [split("x", "y")]),
        task_fingerprint("u", ["a", "b"], [split("x", "y")]),
        task_fingerprint("t", ["ab", ""], [split("x", "y")]),
        task_fingerprint("t", ["b", "a"], [split("x", "y")]),
        task_fingerprint("t", ["a", "b"], [split("y", "x")]),
        task_fingerprint("t", ["a", "b"], [split("x", "y", labels=(0, 1))]),
        task_fingerprint("t", ["a", "b"], [split("x"), split("y")]),
        task_fingerprint("t", ["a", "b"], [split("x", "y"), split()]),
        task_fingerprint("t", ["a", "b"], [split("xy", "")]),
        task_fingerprint("t", ["a", "b"], [split("x", "y", pairs=("", ""))]),
        task_fingerprint("t", ["a", "b"], [split("x", "y", pairs=("p", ""))]),
        task_fingerprint("t", ["a", "b"], [split("x", "y", pairs=("", "p"))]),
    ]
    assert len(set(variants)) == len(variants)


def test_equal_tasks_have_equal_fingerprints_whatever_holds_them():
    """Lists and tuples of the same examples give the same fingerprint."""
    listed = Split(texts=["x", "y"], labels=[0, 1])
    assert task_fingerprint("t", ["a"], [listed]) == task_fingerprint(
        "t", ("a",), (split("x", "y", labels=(0, 1)),)
    )
