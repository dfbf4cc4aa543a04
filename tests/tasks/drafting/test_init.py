import json
import re

import pytest

from tasks import Quoting, Undecodable, load_task, open_suite
from tasks.__main__ import main
from tasks.drafting.columns import choose_columns
from tasks.drafting.folder import task_files, task_name
from tasks.reading.sheets import read_sheet
from tasks.task import TaskKind

ROWS = [(f"a text, number {number}", "xyz"[number % 3]) for number in range(30)]


@pytest.fixture(autouse=True)
def _here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def table(rows=ROWS, *, separator=",", header=("text", "label"), quote='"'):
    lines = [header, *rows] if header else rows
    return "".join(separator.join(f"{quote}{cell}{quote}" for cell in line) + "\n" for line in lines)


def write_rows(path, rows):
    """The rows as JSON lines or Parquet."""
    import pyarrow
    import pyarrow.parquet

    if path.suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)


def drafted(path):
    """The one card of the suite that `init` writes for the path."""
    assert main(["init", str(path)]) == 0
    (card,) = open_suite(f"{task_name(path.stem)}.toml").cards
    return card


def test_a_csv_file_becomes_a_suite_that_loads(tmp_path, capsys):
    """The suite file names file and columns; the task holds all rows; the next two commands are printed."""
    (tmp_path / "My reviews.csv").write_text(table())
    card = drafted(tmp_path / "My reviews.csv")
    assert (card.name, card.train, card.text, card.label) == (
        "my-reviews",
        "My reviews.csv",
        ("text",),
        "label",
    )
    task = load_task(card)
    assert len(task.train) + len(task.valid) + len(task.test) == 30
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "my-reviews.toml: 1 task"
    assert lines[-2:] == [
        "  python -m tasks check my-reviews.toml",
        "  python -m stream.run --suite my-reviews.toml",
    ]


def test_a_suite_file_is_never_overwritten(tmp_path, capsys):
    """The second time is refused with exit code 2, and the file stays as it was."""
    (tmp_path / "a.csv").write_text(table())
    assert main(["init", "a.csv"]) == 0
    (tmp_path / "a.toml").write_text("corrected by hand")
    capsys.readouterr()
    assert main(["init", "a.csv"]) == 2
    assert capsys.readouterr().err.startswith("error: a.toml exists and is not overwritten")
    assert (tmp_path / "a.toml").read_text() == "corrected by hand"


@pytest.mark.parametrize(
    ("content", "keys"),
    [
        (table(separator=";"), {"separator": ";"}),
        (table(separator="|"), {"separator": "|"}),
        (table(separator="\t"), {"format": "tsv"}),
        (table(header=None), {"columns": ("text", "label")}),
        (
            table(quote="", separator="\t", rows=[*ROWS, ('"open', "x"), ("end", "y")]),
            {"quoting": Quoting.NONE},
        ),
        (table([*ROWS, ("café", "x")]).encode("latin-1"), {"encoding": "cp1252"}),
        (table([*ROWS, ("caf\x9d", "x")]).encode("latin-1"), {"encoding": "iso8859-1"}),
        (table().encode("utf-16"), {"encoding": "utf-16"}),
        (table().encode("utf-8-sig"), {"encoding": "utf-8"}),
        (
            table([*ROWS, ("éé", "x")]).encode() + "\xe9,x\n".encode("latin-1"),
            {"undecodable": Undecodable.REPLACE, "encoding": "utf-8"},
        ),
        (table([*ROWS, ("unlabelled", "")]), {"drop": ("",)}),
    ],
)
def test_a_files_ways_are_found_and_load(tmp_path, content, keys):
    """Separator, header, quoting, encoding and blank labels stand in the card, and the task can be loaded."""
    (tmp_path / "a.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    card = drafted(tmp_path / "a.csv")
    assert {key: getattr(card, key) for key in keys} == keys
    task = load_task(card)
    assert task.labels == ("x", "y", "z")
    assert {"a text, number 7"} <= {*task.train.texts, *task.valid.texts, *task.test.texts}


def test_json_lines_and_parquet_are_drafted(tmp_path):
    """Nested values are no columns; numbers are labels."""
    import pyarrow
    import pyarrow.parquet

    rows = [
        {"sentence": text, "meta": {"a": 1}, "stars": len(label) + number % 2}
        for number, (text, label) in enumerate(ROWS)
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "b.parquet")
    for name in ("a.jsonl", "b.parquet"):
        card = drafted(tmp_path / name)
        assert (card.text, card.label, load_task(card).labels) == (("sentence",), "stars", ("1", "2"))


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_lists_of_labels_are_named(tmp_path, capsys, name):
    """Where nothing else is a label they are the reason, and where another column is, they are a remark."""
    for more, code in ({}, 2), ({"source": "s"}, 0):
        rows = [{"text": text, "label": [label]} | more for text, label in ROWS]
        for number, row in enumerate(rows):
            row |= {key: f"{value}{number % 2}" for key, value in more.items()}
        write_rows(tmp_path / name, rows)
        assert main(["init", name]) == code
        shown = capsys.readouterr()
        assert "lists, objects or bytes, which are no texts and no labels, " in shown.err + shown.out
        assert re.search(r"labels, (stand )?in label$", shown.err + shown.out, re.M)


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_values_are_drafted_as_they_are_read(tmp_path, capsys, name):
    """`init` names the classes that the task then has: of truth values, and of bytes in Parquet."""
    rows = [
        {"text": text.encode() if name == "a.parquet" else text, "label": number % 2 == 0}
        for number, (text, _) in enumerate(ROWS)
    ]
    write_rows(tmp_path / name, rows)
    task = load_task(drafted(tmp_path / name))
    shown = capsys.readouterr().out
    assert f"2 values in the first 30 rows, {', '.join(task.labels)}" in shown
    assert "such as a text, number 0\n" in shown.replace('"', "")
    assert any("a text, number 7" in part.texts for part in (task.train, task.valid, task.test))


def test_files_of_a_folder_are_grouped_by_their_names(tmp_path):
    """Parts by a word of the name, tasks by the other words, folders below by their own name."""
    names = [
        "a.csv", "b_train.csv", "b_test.csv", "c.csv", "c-dev.csv", "lonely_test.csv", "notes.md",
        "d/train.tsv", "d/dev.tsv", "d/test-labeled.tsv", "e/train.jsonl", "e/dev_one.jsonl",
        "e/dev_two.jsonl", ".hidden/train.csv",
    ]  # fmt: skip
    for name in names:
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).touch()
    found = task_files(tmp_path / "data")
    assert {task.name: {part: path.name for part, path in task.files.items()} for task in found.tasks} == {
        "a": {"train": "a.csv"},
        "b": {"train": "b_train.csv", "test": "b_test.csv"},
        "c": {"train": "c.csv", "valid": "c-dev.csv"},
        "d": {"train": "train.tsv", "valid": "dev.tsv", "test": "test-labeled.tsv"},
        "e": {"train": "train.jsonl"},
    }
    assert [sentence.split(":")[0].rsplit("/", 1)[1] for sentence in found.left_out] == [
        "dev_one.jsonl",
        "dev_two.jsonl",
        "lonely_test.csv",
    ]


@pytest.mark.parametrize(
    "left_over",
    [
        "._train.csv", ".train.csv", ".~lock.train.csv", "__MACOSX/train.csv", "__MACOSX/._train.csv",
        "__pycache__/train.csv", ".ipynb_checkpoints/train-checkpoint.csv", "sub/._train.csv",
    ],
)  # fmt: skip
def test_left_over_files_are_no_data(tmp_path, left_over):
    """What other programs leave beside the data takes no file's place and is no task."""
    data = tmp_path / "data"
    for name in ("train.csv", "test.csv", left_over):
        (data / name).parent.mkdir(exist_ok=True, parents=True)
        (data / name).write_text(table() if name != left_over else table([("sun", "s"), ("fog", "f")] * 9))
    card = drafted(data)
    assert dict(card.given) == {"train": "data/train.csv", "test": "data/test.csv"}
    assert load_task(card).labels == ("x", "y", "z")


def test_a_hidden_folder_or_file_that_was_asked_for_is_read(tmp_path):
    """Only names below the folder given are judged."""
    (tmp_path / ".data").mkdir()
    for name in ("train.csv", ".own.csv"):
        (tmp_path / ".data" / name).write_text(table())
    assert [str(task.files["train"].name) for task in task_files(tmp_path / ".data").tasks] == ["train.csv"]
    assert task_files(tmp_path / ".data" / ".own.csv").tasks[0].files["train"].name == ".own.csv"


def test_shards_tell_their_part_and_are_counted(tmp_path):
    """A split's one shard is its file; of several the first is, and the others are said to be left out."""
    names = [
        "one/train-00000-of-00001.parquet", "one/test-00000-of-00001.parquet",
        "two/train-00000-of-00002.parquet", "two/train-00001-of-00002.parquet",
        "two/validation-00000-of-00001.parquet",
    ]  # fmt: skip
    for name in names:
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).touch()
    found = task_files(tmp_path / "data")
    assert {task.name: {part: path.name for part, path in task.files.items()} for task in found.tasks} == {
        "one": {"train": "train-00000-of-00001.parquet", "test": "test-00000-of-00001.parquet"},
        "two": {"train": "train-00000-of-00002.parquet", "valid": "validation-00000-of-00001.parquet"},
    }
    (sentence,) = found.left_out
    assert "two/train-00001-of-00002.parquet: " in sentence
    assert "a split is one file, so write its shards as one" in sentence


@pytest.mark.parametrize("word", ["valid", "validation", "val", "dev", "eval", "evaluation"])
def test_words_for_the_validation_split_are_known(tmp_path, word):
    """Each of them names the valid split of the training file beside it."""
    for name in ("train.tsv", f"{word}.tsv"):
        (tmp_path / name).touch()
    (task,) = task_files(tmp_path).tasks
    assert {part: path.name for part, path in task.files.items()} == {
        "train": "train.tsv",
        "valid": f"{word}.tsv",
    }


def test_several_files_become_several_tasks(tmp_path, capsys):
    """A file that is no table is left out and named; an unlabelled test file too; the rest loads."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "one.csv").write_text(table())
    (data / "two_train.csv").write_text(table(header=("review", "kind of")))
    (data / "two_test.csv").write_text(table([(text,) for text, _ in ROWS], header=("review",)))
    (data / "three.csv").write_text("nothing\nbut\nlines\n")
    assert main(["init", "data", "--out", "mine.toml"]) == 0
    suite = open_suite("mine.toml")
    assert [(card.name, dict(card.given)) for card in suite.cards] == [
        ("one", {"train": "data/one.csv"}),
        ("two", {"train": "data/two_train.csv"}),
    ]
    assert all(load_task(card).labels == ("x", "y", "z") for card in suite.cards)
    shown = capsys.readouterr().out
    assert "data/three.csv is no table" in shown
    assert "two_test.csv is left out, and a test split cut off: " in shown


@pytest.mark.parametrize(
    ("header", "row", "text", "label"),
    [
        (("id", "tweet", "_golden", "sentiment", "z"), "{n},words {n},{b},{c},{b}", ("tweet",), "sentiment"),
        (("premise", "hypothesis", "gold"), "p {n},h {n},{c}", ("premise", "hypothesis"), "gold"),
        (("#1 A", "#2 A", "q"), "a sentence such as {n},a sentence such as {n},{c}", ("#1 A", "#2 A"), "q"),
        (("short", "long", "kind"), "s {n},some more words {n},{c}", ("long",), "kind"),
        (("text", "score", "few"), "words {n},{n}.5,{b}", ("text",), "few"),
        (("text", "the topic", "few"), "words {n},{c},{b}", ("text",), "the topic"),
        (("few", "text", "more", "id"), "{b},words {n},{c},{n}", ("text",), "few"),
        (("part1", "part2", "q"), "a sentence longer than {n},{b},{c}", ("part1",), "q"),
    ],
)  # fmt: skip
def test_columns_are_chosen_by_the_stated_rules(tmp_path, header, row, text, label):
    """Names first, then lengths and numbers of values; scores, numbers and bookkeeping are no labels."""
    lines = [row.format(n=number, c="xyz"[number % 3], b="pq"[number % 2]) for number in range(30)]
    (tmp_path / "a.csv").write_text("\n".join([",".join(header), *lines]))
    choice = choose_columns(read_sheet(tmp_path / "a.csv"))
    assert (choice.text, choice.label) == (text, label)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", b"", "a.csv is empty"),
        ("a.csv", b"text,label\n", "a.csv has a header and no rows"),
        ("a.csv", b"\x89PNG\0\0", "a.csv holds NUL bytes, so it is not text"),
        ("a.csv", b"one\ntwo\n", "a.csv is no table"),
        (
            "a.csv",
            b"text,text,label\na,b,x\nc,d,y\ne,f,x\ng,h,y\n",
            "2 columns of a.csv are named 'text' in its first row; give each a name of its own",
        ),
        (
            "a.csv",
            b"text,id\na,1\nb,2\nc,3\nd,4\n",
            "has no column that could be a label beside the text 'text'",
        ),
        ("a.csv", b"id,x\n1,2\n2,2\n3,2\n", "has no column of texts; its columns hold numbers"),
        ("a.jsonl", b'{"a": 1}\n[]\n', "a.jsonl, line 2 is no JSON object"),
        ("a.parquet", b"nothing", "a.parquet cannot be read as parquet"),
        ("gone.csv", None, "gone.csv does not exist"),
    ],
)
def test_data_that_cannot_be_used_is_answered_with_one_sentence(tmp_path, capsys, name, content, sentence):
    """Exit code 2, one line, and no suite file is left behind."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert main(["init", name]) == 2
    shown = capsys.readouterr().err
    assert sentence in shown
    assert shown.count("\n") == 1
    assert not list(tmp_path.glob("*.toml"))


@pytest.mark.parametrize(
    ("out", "sentence"),
    [("a.txt", "a suite file's name ends in .toml"), ("nowhere/a.toml", "nowhere/a.toml cannot be written")],
)
def test_a_suite_file_that_cannot_be_is_refused(tmp_path, capsys, out, sentence):
    """Another ending or a folder that does not exist is the user's mistake."""
    (tmp_path / "a.csv").write_text(table())
    assert main(["init", "a.csv", "--out", out]) == 2
    assert sentence in capsys.readouterr().err


def test_files_without_headers_get_names_and_go_together(tmp_path):
    """Text and label are called so, other columns by number; the test file is read likewise."""
    for part, first in (("train", 0), ("test", 100)):
        rows = [(str(number), label, f"{text} {first}") for number, (text, label) in enumerate(ROWS)]
        (tmp_path / f"a_{part}.tsv").write_text(table(rows, separator="\t", header=None))
    (tmp_path / "data").mkdir()
    for path in tmp_path.glob("*.tsv"):
        path.rename(tmp_path / "data" / path.name)
    card = drafted(tmp_path / "data")
    assert (card.columns, card.text, card.label) == (("column1", "label", "text"), ("text",), "label")
    assert len(load_task(card).test) == 30


@pytest.mark.parametrize(
    ("row", "text", "columns"),
    [
        ("a sentence longer than {n},{c}", "text", ("text", "label")),
        ("a sentence longer than {n},{b},{c}", "text", ("text", "column2", "label")),
        ("a sentence longer than {n},another sentence of {n},{c}", "text", ("text", "column2", "label")),
    ],
)
def test_made_up_names_are_no_pair(tmp_path, capsys, row, text, columns):
    """Columns without a header are called column1 and column2; a second text among them is a remark."""
    lines = [row.format(n=number, c="xyz"[number % 3], b="pq"[number % 2]) for number in range(30)]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    card = drafted(tmp_path / "a.csv")
    assert (card.text, card.label, card.columns) == ((text,), "label", columns)
    assert ("long texts stand in column2 too" in capsys.readouterr().out) == ("another" in row)


def test_lines_with_another_number_of_cells_are_counted(tmp_path, capsys):
    """How many there are and the first of them, by the line of the file, of every file of a task."""
    (tmp_path / "data").mkdir()
    clean = table().splitlines(keepends=True)
    (tmp_path / "data" / "train.csv").write_text(
        "".join([*clean[:5], '"two\nlines",x\n', "a,b,c\n", *clean[5:]])
    )
    (tmp_path / "data" / "test.csv").write_text("".join([*clean[:3], "one\n", "a,b,c\n", *clean[3:]]))
    drafted(tmp_path / "data")
    shown = capsys.readouterr().out
    assert (
        "train.csv: 1 of 33 lines looked at (3.0 %) have another number of cells than 2, the first is line 8 "
        "with 3; correct them"
    ) in shown
    assert (
        "test.csv: 2 of 33 lines looked at (6.1 %) have another number of cells than 2, the first is line 4 w"
        in shown
    )


SCORED = [(text, str(1 + number % 7 / 2)) for number, (text, _) in enumerate(ROWS)]


def test_numbers_with_fractions_become_a_regression(tmp_path, capsys):
    """The range is that of all the task's files, and said to be what was seen; the task loads."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.csv").write_text(
        table([*SCORED, ("unjudged", "")], header=("message", "stars"))
    )
    (tmp_path / "data" / "test.csv").write_text(
        table([("a", "4.75"), ("b", "0")], header=("message", "stars"))
    )
    card = drafted(tmp_path / "data")
    assert (card.kind, card.metric, card.text, card.label) == (
        TaskKind.REGRESSION,
        "spearman",
        ("message",),
        "stars",
    )
    assert (card.score_range, card.drop) == ((0.0, 4.75), ("",))
    assert len(load_task(card).test) == 2
    shown = capsys.readouterr().out
    assert "label   stars: scores from 0 to 4.75 in the first 31 rows" in shown
    assert "range = [0, 4.75] is what was seen: widen it if scores can lie outside" in shown


@pytest.mark.parametrize(
    ("header", "row", "label"),
    [
        (("text", "value"), "words {n},{x}", "value"),
        (("text", "x", "y"), "words {n},{x},{y}", "y"),
        (("text", "similarity", "y"), "words {n},{x},{y}", "similarity"),
        (("text", "my rating", "y"), "words {n},{x},{y}", "my rating"),
    ],
)
def test_the_column_of_scores_is_chosen_by_name_then_place(tmp_path, header, row, label):
    """Scores without bounds keep every digit, so that no row lies outside the range written."""
    scores = [(-1) ** number * 1234.56789012345 * number for number in range(30)]
    lines = [row.format(n=number, x=repr(score), y=number / 4) for number, score in enumerate(scores)]
    (tmp_path / "a.csv").write_text("\n".join([",".join(header), *lines]))
    card = drafted(tmp_path / "a.csv")
    assert (card.kind, card.label) == (TaskKind.REGRESSION, label)
    assert len(load_task(card).train) == 24


@pytest.mark.parametrize("odd", ["nan", "inf"])
def test_what_is_not_finite_is_no_score(tmp_path, capsys, odd):
    """A column of numbers but one is no column of scores, and a test file with such a one is left out."""
    (tmp_path / "a.csv").write_text(table([*SCORED, ("more", odd)], header=("message", "stars")))
    assert main(["init", "a.csv"]) == 2
    assert "that could be a label beside the text 'message'" in capsys.readouterr().err
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.csv").write_text(table(SCORED, header=("message", "stars")))
    (tmp_path / "data" / "test.csv").write_text(
        table([("a", odd), ("b", "1.5")], header=("message", "stars"))
    )
    assert dict(drafted(tmp_path / "data").given) == {"train": "data/train.csv"}
    assert "its column 'stars' holds values that are no numbers" in capsys.readouterr().out


def test_paths_are_shown_without_detours(tmp_path, capsys):
    """What leads through a folder and out again is said shortly, in what is printed and what is refused."""
    (tmp_path / "suites").mkdir()
    (tmp_path / "a.csv").write_text(table())
    assert main(["init", "suites/../a.csv", "--out", "suites/../b.toml"]) == 0
    assert capsys.readouterr().out.startswith("b.toml: 1 task")
    assert main(["init", "suites/../gone.csv"]) == 2
    assert capsys.readouterr().err.startswith("error: gone.csv does not exist")


def test_stray_quotes_in_one_file_hold_for_all_of_a_task(tmp_path):
    """A card has one way of reading: stray quotes in the test file make quotes characters in training too."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.tsv").write_text(table(separator="\t", quote=""))
    stray = [('"open', "x"), *ROWS, ("the end", "y")]
    (tmp_path / "data" / "test.tsv").write_text(table(stray, separator="\t", quote=""))
    card = drafted(tmp_path / "data")
    assert card.quoting is Quoting.NONE
    assert '"open' in load_task(card).test.texts
