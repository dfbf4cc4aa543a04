import tomllib

import pytest

from tasks.suites.toml_lines import key_lines, line_of

TEXT = '''# a comment
name = "mine" # another

[[task]]
name = "one"
notes = [
  "[[task]]",  # not a header
  "]",
]
title = """
label = "inside a string"
"""
"quoted key" = 1
a.b = 2
[task.paper]
num_train = 3

[[task]]
map = {x = "y"}
[[task.part]]
z = 1
[[task.part]]
z = 2
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 2),
        (("task", 0), 4),
        (("task", 0, "notes"), 6),
        (("task", 0, "title"), 10),
        (("task", 0, "quoted key"), 13),
        (("task", 0, "a", "b"), 14),
        (("task", 0, "paper"), 15),
        (("task", 0, "paper", "num_train"), 16),
        (("task", 1, "map", "x"), 19),
        (("task", 1, "part", 0, "z"), 21),
        (("task", 1, "part", 1, "z"), 23),
        (("task", 1, "missing"), 18),
        (("missing",), None),
    ],
)
def test_a_key_has_the_line_it_stands_in(path, line):
    """Comments, strings and lists over several lines mislead nobody; a missing key has its table's line."""
    assert line_of(TEXT, path) == line
    assert line_of(TEXT.replace("\n", "\r\n"), path) == line


def test_every_key_has_a_line():
    """Whatever tomllib finds in the text has a line, and nothing else has one."""

    def paths(value):
        inner = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        for key, item in inner:
            yield (key,)
            yield from ((key, *path) for path in paths(item))

    # the arrays of tables themselves have no statement of their own
    arrays = {("task",), ("task", 0, "a"), ("task", 1, "part")}
    assert set(key_lines(TEXT)) - arrays == set(paths(tomllib.loads(TEXT))) - arrays
