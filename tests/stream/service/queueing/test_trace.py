from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream.errors import UserError
from stream.service.queueing.trace import Trace, read_trace

HEADER = "task,time_seconds,customer,priority\n"
KNOWN = ("airline", "emotion")


def read(tmp_path: Path, content: str | bytes) -> Trace:
    path = tmp_path / "trace.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_trace(path, KNOWN)


def test_all_columns_are_read(tmp_path: Path) -> None:
    """Task, time, customer and priority of each row, in the file's order; empty lines are skipped."""
    trace = read(tmp_path, HEADER + 'airline,10.5,"a, b",2\n\nemotion, 3 ,c,-1\n')
    assert trace.columns == ("task", "time_seconds", "customer", "priority")
    assert [(r.task, r.time_seconds, r.customer, r.priority) for r in trace.rows] == [
        ("airline", 10.5, "a, b", 2.0),
        ("emotion", 3.0, "c", -1.0),
    ]


def test_two_columns_are_enough(tmp_path: Path) -> None:
    """Columns may stand in any order, customer and priority may be absent, a byte order mark is no text."""
    trace = read(tmp_path, "\ufefftime_seconds,task\r\n0,emotion\r\n")
    assert trace.columns == ("time_seconds", "task")
    assert trace.rows[0].customer == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ("line 1", "'task' is missing")),
        ("task\nairline\n", ("line 1", "'time_seconds' is missing")),
        ("task,time_second\n", ("line 1", "'time_second'", "did you mean 'time_seconds'")),
        ("task,time_seconds,task\n", ("line 1", "'task'", "twice")),
        (HEADER, ("no rows",)),
        (HEADER + "airline,1,a\n", ("line 2", "3 cells", "4 columns")),
        (HEADER + "airline,1,a,1\nairlin,1,a,1\n", ("line 3", "column task", "did you mean 'airline'")),
        (HEADER + "airline,soon,a,1\n", ("line 2", "column time_seconds", "'soon'")),
        (HEADER + "airline,-1,a,1\n", ("line 2", "column time_seconds", "-1")),
        (HEADER + "airline,nan,a,1\n", ("line 2", "column time_seconds", "'nan'")),
        (HEADER + "airline,1,a,high\n", ("line 2", "column priority", "'high'")),
        (HEADER + "airline,1,,1\n", ("line 2", "column customer", "empty")),
        (HEADER + '"airline",1,"a\nb",1\n,1,a,1\n', ("line 4", "column task", "empty")),
        (HEADER + 'airline,1,"a"b,1\n', ("line 2", "not CSV")),
        (b"task,time_seconds\n\xff\xfe,1\n", ("not UTF-8",)),
    ],
)
def test_mistakes_are_named_with_file_line_and_column(
    tmp_path: Path, content: str | bytes, words: tuple[str, ...]
) -> None:
    """One sentence says where the mistake is and what to do."""
    with pytest.raises(UserError) as caught:
        read(tmp_path, content)
    for word in ("trace.csv", *words):
        assert word in str(caught.value)


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """A missing file and a folder are the user's mistakes."""
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(UserError, match="cannot read the trace"):
            read_trace(path, KNOWN)


@given(
    content=st.one_of(
        st.binary(max_size=60),
        st.lists(st.sampled_from(["airline", "1", "-1", "1e999", '"', "", "a\x00", "é"]), max_size=12).map(
            lambda cells: (HEADER + ",".join(cells)).encode()
        ),
    )
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_file_ends_in_a_traceback(tmp_path: Path, content: bytes) -> None:
    """Whatever the bytes, the file is read or refused in a sentence."""
    with suppress(UserError):
        assert read(tmp_path, content).rows
