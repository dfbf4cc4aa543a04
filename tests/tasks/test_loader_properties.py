import contextlib
import csv
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks import DataError, Limits, load_task, open_suite
from tasks.reading.rows import read_file
from tasks.reading.sheets import read_sheet

# what a CSV reader may not keep as it is: NUL, a lone CR (a line end for some), half a surrogate pair
CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0\r", exclude_categories=["Cs"])
TEXTS = st.text(CHARACTERS, max_size=30)
LABELS = st.text(CHARACTERS, min_size=1, max_size=8).filter(str.strip)
SEPARATORS = {"csv": ",", "tsv": "\t"}


@st.composite
def tables(draw):
    """Rows of text and label under two to four classes, as plain lists."""
    labels = draw(st.lists(LABELS, min_size=2, max_size=4, unique=True))
    return draw(st.lists(st.tuples(TEXTS, st.sampled_from(labels)).map(list), min_size=1, max_size=20))


def write(path, rows):
    """The rows as a file of the format its name tells, by the format's own library."""
    if path.suffix == ".jsonl":
        lines = (json.dumps(dict(zip(("text", "label"), row, strict=True))) for row in rows)
        path.write_text("\n".join(lines), encoding="utf-8")
    elif path.suffix == ".parquet":
        import pyarrow
        import pyarrow.parquet

        texts, labels = zip(*rows, strict=True)
        pyarrow.parquet.write_table(pyarrow.table({"text": list(texts), "label": list(labels)}), path)
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=SEPARATORS[path.suffix[1:]], quoting=csv.QUOTE_ALL)
            writer.writerows([["text", "label"], *rows])


def card_of(path, *lines):
    toml = [
        "[[task]]",
        'name = "small"',
        f'train = "{path.name}"',
        'text = "text"',
        'label = "label"',
        *lines,
    ]
    (path.parent / "mine.toml").write_text("\n".join(toml), encoding="utf-8")
    return open_suite(str(path.parent / "mine.toml")).cards[0]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
@given(rows=tables())
@settings(max_examples=25)
def test_every_format_gives_back_the_rows_written(suffix, rows):
    """Quotes, separators, line ends, NA, byte-order marks and any script come back as they went in."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"rows.{suffix}"
        write(path, rows)
        examples = read_file(card_of(path), path)
    assert [list(row) for row in zip(examples.texts, examples.labels, strict=True)] == rows


@given(
    rows=st.lists(
        st.tuples(st.text("ab,;|\t\n\"'é ").map("a".__add__), st.sampled_from("xyz")).map(list), min_size=8
    ),
    separator=st.sampled_from(",;\t|"),
)
@settings(max_examples=60)
def test_a_quoted_table_is_recognised_whatever_its_cells_hold(rows, separator):
    """With every cell quoted and a letter in each text, separator, header and rows are found for certain."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=separator, quoting=csv.QUOTE_ALL).writerows(
                [["the text", "kind"], *rows]
            )
        sheet = read_sheet(path)
    assert sheet.has_header
    assert list(map(list, zip(*sheet.columns.values(), strict=True))) == rows


@given(
    rows=tables(),
    caps=st.tuples(*[st.none() | st.integers(1, 5)] * 3),
    own=st.none() | st.integers(1, 5),
    seed=st.integers(0, 2),
)
@settings(max_examples=40)
def test_a_task_is_its_rows_or_a_sentence(rows, caps, own, seed):
    """Splits hold rows of the file, share no text, keep to the smaller cap; few rows end in a DataError."""
    limits = Limits(max_train=caps[0], max_valid=caps[1], max_test=caps[2])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        write(path, rows)
        card = card_of(path, *([] if own is None else [f"max_train = {own}"]))
        if len({text for text, _ in rows}) < 10 or len({label for _, label in rows}) < 2:
            with contextlib.suppress(DataError):  # too few for a task, perhaps: one sentence
                load_task(card, limits=limits, split_seed=seed)
            return
        task = load_task(card, limits=limits, split_seed=seed)
    splits = (task.train, task.valid, task.test)
    held = [
        [text, task.labels[label]]
        for part in splits
        for text, label in zip(part.texts, part.labels, strict=True)
    ]
    assert all(held.count(row) <= rows.count(row) for row in held)
    assert len(set(task.train.texts) | set(task.valid.texts) | set(task.test.texts)) == sum(
        len(set(part.texts)) for part in splits
    )
    assert set(task.labels) == {label for _, label in rows}
    for part, cap in zip(splits, (min(filter(None, (caps[0], own)), default=None), *caps[1:]), strict=True):
        assert 1 <= len(part) <= (cap or len(rows))
