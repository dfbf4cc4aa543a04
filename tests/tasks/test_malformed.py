import csv
import io
import json
import random
import tarfile
from collections import Counter
from functools import partial

import pytest

from tasks import TaskError, load_task, open_suite
from tasks.drafting.draft import draft_of
from tasks.drafting.folder import TaskFiles

NUM_SUITES, NUM_DATA = 600, 400
SUITE = """name = "mine"
title = "Mine"
order = ["two"]

[[task]]
name = "one"
train = "a.csv"
test = "b.csv"
encoding = "latin-1"
text = ["premise", "hypothesis"]
label = "label"
kind = "pair"
drop = ["", "x"]
max_train = 100
learning_rate = 5e-4
map = {Y = "yes"}
[task.class_counts]
yes = 3
no = 4

[[task]]
name = "two"
hub = "owner/name"
revision = "abc"
text = "text"
label = "label"
metric = "macro_f1"
"""
JUNK = [
    "", " ", "\0", "\n", '"', "'", '"""', "[", "]", "[[", "{", "}", "=", "#", ",", ".", "\\", "\\u0000", "é",
    "\\ud800", "\u2028", "\ufeff", "nan", "-inf", "1e999", "9" * 5000, "[" * 3000, "true", "1979-05-27", "0x",
    "-1", "0", '"~nobody/x.csv"', '"/"', '"."', '"' + "x" * 5000 + '"', '["a", "a"]', '"rot13"', '"utf-16"',
    "[[task]]", "[task.paper]", '"idna"', '"\\u0000"', "{}", "[[], {}]",
]  # fmt: skip
ROWS = [[f"text number {number}", "xyz"[number % 3], str(number)] for number in range(24)]
CELLS = [
    "",
    " ",
    '"',
    "'",
    ",",
    "\t",
    "\n",
    "\r",
    "\0",
    "\ufeff",
    "\ud800",
    "é",
    "NaN",
    "1e999",
    "x" * 2000,
    '""',
    ";",
]
ODD_BYTES = [
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xe2\x82",
    b'"',
    b"\n",
    b"\r",
    b",",
    b"\t",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"{",
]
OPTIONS = [
    "", 'encoding = "utf-16"', 'encoding = "ascii"', 'quoting = "none"', 'undecodable = "replace"',
    'separator = ";"', 'columns = ["text", "label", "id"]', 'columns = ["text", "label"]', 'drop = ["x"]',
    'map = {x = "y", z = "y"}', 'label_rule = "present"', 'test = "rows2.csv"', 'format = "tsv"',
    'format = "jsonl"', 'format = "parquet"', 'format = "folders"', "max_train = 1",
]  # fmt: skip


def spoiled_suite(chance):
    """A suite file after one to four random changes of its characters, lines or values."""
    text = SUITE
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(text) + 1)
        lines = text.split("\n")
        line = chance.randrange(len(lines))
        change = chance.randrange(6)
        if change == 0:
            text = text[:at] + chance.choice(JUNK) + text[at + chance.randrange(3) :]
        elif change == 1:
            text = text[:at]
        elif change == 2:
            key = lines[line].split(" = ")[0]
            text = "\n".join([*lines[:line], f"{key} = {chance.choice(JUNK)}", *lines[line + 1 :]])
        elif change == 3:
            text = "\n".join([*lines[:line], *lines[line + 1 :]])
        elif change == 4:
            text = "\n".join([*lines[:line], lines[chance.randrange(len(lines))], *lines[line:]])
        else:
            text = text[:at] + text[at:].swapcase()
    content = text.encode("utf-8", "surrogatepass")
    return content if chance.random() < 0.9 else spoiled_bytes(content, chance)


def spoiled_bytes(content, chance):
    """The bytes after one to four changes: something put in, something cut out, the rest cut off."""
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(content) + 1)
        change = chance.randrange(4)
        if change == 0:
            content = content[:at] + chance.choice(ODD_BYTES) + content[at:]
        elif change == 1:
            content = content[:at] + content[at + chance.randrange(40) :]
        elif change == 2:
            content = content[:at]
        else:
            content = content[:at] + bytes(chance.randrange(256) for _ in range(8)) + content[at:]
    return content


def spoiled_data(chance):
    """Name and content of a CSV, TSV, JSON lines, Parquet or tar file of which little may be left."""
    kind = chance.choice(["csv", "tsv", "jsonl", "parquet", "tar"])
    rows = [["text", "label", "id"], *[list(row) for row in ROWS]]
    for _ in range(chance.randrange(4)):
        row = chance.choice(rows)
        row[chance.randrange(len(row))] = chance.choice(CELLS)
    if chance.random() < 0.3:
        chance.choice(rows).append("surplus")
    content = {"csv": table, "tsv": table, "jsonl": json_lines, "parquet": parquet, "tar": tar}[kind](
        rows, kind
    )
    return f"rows.{kind}", content if chance.random() < 0.4 else spoiled_bytes(content, chance)


def table(rows, kind):
    made = io.StringIO()
    csv.writer(made, delimiter="," if kind == "csv" else "\t").writerows(rows)
    return made.getvalue().encode("utf-8", "surrogatepass")


def json_lines(rows, kind):
    return "\n".join(json.dumps(dict(zip(rows[0], row, strict=False))) for row in rows[1:]).encode()


def parquet(rows, kind):
    import pyarrow
    import pyarrow.parquet

    cells = [[cell.encode("utf-8", "replace").decode() for cell in row[:3]] for row in rows]
    columns = dict(zip([name or "none" for name in cells[0]], zip(*cells[1:], strict=True), strict=True))
    made = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({name: list(column) for name, column in columns.items()}), made)
    return made.getvalue()


def tar(rows, kind):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for number, row in enumerate(rows):
            content = row[0].encode("utf-8", "surrogatepass")
            info = tarfile.TarInfo(f"{row[1][:90]}/{number}".replace("\ud800", "?"))
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


def answer(act):
    """'good', or 'refused' where the exception is a TaskError of one line; anything else fails the test."""
    try:
        act()
    except TaskError as error:
        sentence = str(error)
        assert sentence, "an error without a sentence"
        assert "\n" not in sentence
        assert len(sentence) < 2500, sentence
        return "refused"
    return "good"


def test_malformed_suite_files_end_in_one_sentence(tmp_path):
    """Of 600 spoiled suite files each is read or refused with one TaskError of one line."""
    chance = random.Random(6)
    path = tmp_path / "mine.toml"
    counts = Counter()
    for _ in range(NUM_SUITES):
        path.write_bytes(spoiled_suite(chance))
        counts[answer(lambda: open_suite(str(path)))] += 1
    assert counts["refused"] > 300, counts
    assert counts["good"] > 20, counts


@pytest.mark.filterwarnings("ignore")  # of the libraries about the files; what is tested is how they end
def test_malformed_data_files_end_in_one_sentence(tmp_path):
    """Each of 400 spoiled data files is loaded or refused with one TaskError, by `init` likewise."""
    chance = random.Random(7)
    counts = Counter()
    for _ in range(NUM_DATA):
        name, content = spoiled_data(chance)
        path = tmp_path / name
        path.write_bytes(content)
        (tmp_path / "rows2.csv").write_bytes(content)
        format_of = ('format = "folders"',) if name == "rows.tar" else chance.choice(OPTIONS)
        lines = [
            "[[task]]",
            'name = "small"',
            f'train = "{name}"',
            'text = "text"',
            'label = "label"',
            *format_of,
        ]
        (tmp_path / "mine.toml").write_text("\n".join(lines), encoding="utf-8")
        counts[answer(lambda: load_task(open_suite(str(tmp_path / "mine.toml")).cards[0]))] += 1
        files = TaskFiles(name="small", files={"train": path})
        counts[f"init {answer(partial(draft_of, files))}"] += 1
    assert counts["refused"] > 100, counts
    assert min(counts["good"], counts["init good"], counts["init refused"]) > 20, counts
