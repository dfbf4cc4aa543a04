import io
import json
import tarfile
import zipfile

import pytest

from tasks import DataError
from tasks.reading.labels import apply_label_rules
from tasks.reading.rows import read_file, read_hub


def read(card):
    """Texts and label values of the card's train file."""
    return read_file(card, card.folder / card.train)


def test_none_na_and_null_are_data(make_card):
    """Strings that pandas takes for missing values stay strings, in texts and labels."""
    words = ["None", "NA", "null", "nan", "N/A", "", "-1.0", "007", "true"]
    card = make_card("text,label\n" + "".join(f'"{word}",{word}\n' for word in words))
    examples = read(card)
    assert list(examples.texts) == words
    assert list(examples.labels) == words


def test_stray_quotes_are_characters_without_quoting(make_card):
    """With quoting = none an opening quote swallows neither TAB nor line ends."""
    content = 'ham\t"never closed\nspam\tsaid "so" and\nham\t""\n'
    card = make_card(content, 'quoting = "none"', 'columns = ["label", "text"]', file="rows.tsv")
    examples = read(card)
    assert list(examples.texts) == ['"never closed', 'said "so" and', '""']
    assert list(examples.labels) == ["ham", "spam", "ham"]


def test_quoted_fields_hold_separators_quotes_and_line_ends(make_card):
    """Standard CSV quoting is honoured, the line end kept as it is."""
    card = make_card('text,label\n"a, ""b""\r\nc",x\n')
    assert list(read(card).texts) == ['a, "b"\r\nc']


def test_latin_1_is_read_where_the_card_says_so(make_card):
    """A byte that is no UTF-8 is a character in Latin-1."""
    card = make_card("text,label\ncafé,x\n".encode("latin-1"), 'encoding = "latin-1"')
    assert list(read(card).texts) == ["café"]


def test_another_separator_is_read_where_the_card_says_so(make_card):
    """A semicolon between columns makes commas characters."""
    card = make_card("text;label\na, b;x\n", 'separator = ";"')
    assert (list(read(card).texts), list(read(card).labels)) == (["a, b"], ["x"])


@pytest.mark.parametrize(
    ("content", "file"),
    [
        (b"text,label\ncaf\xe9 \xc3\xa9,x\n", "rows.csv"),
        (b'{"text": "caf\xe9 \xc3\xa9", "label": "x"}\n', "rows.jsonl"),
    ],
)
def test_bytes_of_another_encoding_are_replaced_where_the_card_says_so(make_card, content, file):
    """In a file of two encodings what does not decode becomes U+FFFD, the rest is read."""
    assert list(read(make_card(content, 'undecodable = "replace"', file=file)).texts) == ["caf\ufffd é"]


@pytest.mark.parametrize(
    ("content", "file"), [("text,label\na,x\n", "rows.csv"), ('{"text": "a", "label": "x"}\n', "rows.jsonl")]
)
def test_a_byte_order_mark_is_not_part_of_the_first_column(make_card, content, file):
    """UTF-8 with a byte-order mark has the columns it shows."""
    assert list(read(make_card("\ufeff" + content, file=file)).texts) == ["a"]


def test_surplus_columns_do_not_matter(make_card):
    """Unnamed and doubled columns beside the wanted ones are passed over."""
    card = make_card(",text,other,other,label\n1,a,b,c,x\n")
    assert (list(read(card).texts), list(read(card).labels)) == (["a"], ["x"])


def test_a_file_without_lines_to_spare_is_read_whole(make_card):
    """The last row needs no line end."""
    assert list(read(make_card("text,label\na,x\nb,y")).labels) == ["x", "y"]


def test_a_changed_file_is_read_again(make_card):
    """The cache knows a file by what it is now."""
    card = make_card("text,label\na,x\n")
    assert list(read(card).texts) == ["a"]
    assert list(read(make_card("text,label\nanother,x\n")).texts) == ["another"]


def json_lines(*rows):
    return "".join(f"{row}\n" for row in rows)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("1", "1"), ("1.0", "1.0"), ("1e-1", "1e-1"), ("-0", "-0"), ('"007"', "007"), ("true", "true"),
        ("false", "false"), ("null", ""), ('"null"', "null"), ("NaN", "NaN"), ("9" * 5000, "9" * 5000),
        (r'"na\u00efve \n \\ \""', 'naïve \n \\ "'), ('"2020-01-01T00:00:00"', "2020-01-01T00:00:00"),
    ],
)  # fmt: skip
def test_every_value_of_json_lines_is_text_as_it_is_written(make_card, written, text):
    """Numbers keep their form, truth values are words, null is blank; and other rows stay what they are."""
    card = make_card(
        json_lines(
            r'{"text": "say \"17\"\n", "label": "unknown"}',
            f'{{"text": {written}, "label": {written}}}',
            '{"text": "b", "label": 1}',
        ),
        file="rows.jsonl",
    )
    examples = read(card)
    assert list(examples.texts) == ['say "17"\n', text, "b"]
    assert list(examples.labels) == ["unknown", text, "1"]


def test_a_key_that_is_missing_is_blank(make_card):
    """A row without a label has a blank one; a column that no row has is named."""
    card = make_card(json_lines('{"text": "a"}', "", '{"label": "x", "text": "b"}'), file="rows.jsonl")
    assert list(read(card).labels) == ["", "x"]
    with pytest.raises(DataError, match=r"rows.jsonl has no column 'label'; did you mean 'labels'"):
        read(make_card(json_lines('{"text": "a", "labels": 1}'), file="rows.jsonl"))


def test_keys_that_nobody_asked_for_may_be_anything(make_card):
    """They come late, change their types or hold lists, beyond any block of the file too."""
    filler = "x" * 1000
    rows = [
        {"text": f"{filler} {i}", "label": i % 2, "id": i, "more": None, "tags": []} for i in range(12_000)
    ]
    rows.append({"text": "last", "label": "unknown", "id": "id5", "more": "text", "tags": ["x"], "late": {}})
    examples = read(make_card(json_lines(*map(json.dumps, rows)), file="rows.jsonl"))
    assert (len(examples), examples.texts[-1], examples.labels[-2:]) == (12_001, "last", ["1", "unknown"])


def test_a_json_line_that_is_no_object_is_named(make_card):
    """By its number, blank lines counted."""
    with pytest.raises(DataError, match=r"cannot be read as jsonl .line 3 is no JSON object"):
        read(make_card(json_lines('{"text": "a", "label": "x"}', "", "[]"), file="rows.jsonl"))


def test_one_list_of_objects_is_read_as_their_rows(make_card):
    """A JSON file whose objects stand in one list has the same rows."""
    rows = [{"text": "a", "label": 1.0}, {"text": "b", "label": True}]
    examples = read(make_card(json.dumps(rows, indent=1), file="rows.jsonl"))
    assert (list(examples.texts), list(examples.labels)) == (["a", "b"], ["1.0", "true"])


SEVERAL = [["a", "b"], ["a"], [], {"name": "a"}, [{"a": "b"}]]


@pytest.mark.parametrize("value", SEVERAL, ids=json.dumps)
@pytest.mark.parametrize("column", ["text", "label"])
def test_several_values_in_a_cell_of_json_lines_are_refused(make_card, column, value):
    """A list of labels or of words, or an object, is named with its line."""
    row = {"text": "a", "label": "x"}
    card = make_card(json_lines(json.dumps(row), json.dumps({**row, column: value})), file="rows.jsonl")
    sentence = rf"rows.jsonl, line 2, column '{column}', holds .*, a list or an object, but a cell is one"
    with pytest.raises(DataError, match=sentence) as caught:
        read(card)
    assert json.dumps(value) in str(caught.value)


def parquet(**columns):
    """A Parquet file of these columns."""
    import pyarrow
    import pyarrow.parquet

    made = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), made)
    return made.getvalue()


@pytest.mark.parametrize(
    "values", [[["a", "b"], ["a"]], [{"name": "a"}, {"name": "b"}]], ids=["list", "struct"]
)
@pytest.mark.parametrize("column", ["text", "label"])
def test_several_values_in_a_cell_of_parquet_are_refused(make_card, column, values):
    """Lists and objects are never written as Python shows them."""
    content = parquet(**{"text": ["a", "b"], "label": ["x", "y"], column: values})
    with pytest.raises(DataError, match=rf"rows.parquet, column '{column}', holds .*, a list or an object"):
        read(make_card(content, file="rows.parquet"))


@pytest.mark.parametrize("kind", ["binary", "large_binary", "binary_view", "dictionary"])
def test_bytes_of_parquet_are_utf_8(make_card, kind):
    """A binary column is text where it is UTF-8, never b'...'."""
    import pyarrow

    made = (
        pyarrow.dictionary(pyarrow.int8(), pyarrow.binary())
        if kind == "dictionary"
        else getattr(pyarrow, kind)()
    )
    texts, labels = ["café".encode(), None], [b"cat", b"dog"]
    content = parquet(
        text=pyarrow.array(texts, pyarrow.binary()).cast(made),
        label=pyarrow.array(labels, pyarrow.binary()).cast(made),
    )
    examples = read(make_card(content, file="rows.parquet"))
    assert (list(examples.texts), list(examples.labels)) == (["café", ""], ["cat", "dog"])


def test_bytes_that_are_no_utf_8_are_refused(make_card):
    """The sentence names the column and the file."""
    content = parquet(text=[b"caf\xe9", b"b"], label=["x", "y"])
    with pytest.raises(DataError, match=r"rows.parquet, column 'text', holds bytes that are not UTF-8 text"):
        read(make_card(content, file="rows.parquet"))


def test_columns_of_parquet_that_nobody_asked_for_may_be_anything(make_card):
    """Maps, lists and bytes beside the wanted columns are not looked at."""
    import pyarrow

    maps = pyarrow.array([[("a", 1)], []], pyarrow.map_(pyarrow.string(), pyarrow.int8()))
    content = parquet(text=["a", "b"], map=maps, bytes=[b"\xff", b""], label=[1, 2], list=[[1], []])
    assert list(read(make_card(content, file="rows.parquet")).labels) == ["1", "2"]


def test_parquet_class_indices_become_names(make_card, tmp_path):
    """A class index of a parquet file that knows its names is read by name; -1 is no label."""
    import datasets

    features = datasets.Features(
        text=datasets.Value("string"), label=datasets.ClassLabel(names=["no", "yes"])
    )
    card = make_card(b"", file="rows.parquet")
    table = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": [1, 0, -1]}, features=features)
    datasets.disable_progress_bars()
    table.to_parquet(tmp_path / "rows.parquet")
    assert list(read(card).labels) == ["yes", "no", ""]


def test_sentence_pairs_have_two_segments(make_card):
    """Two text columns become texts and pairs."""
    card = make_card("p\th\tl\na\tb\tx\n", 'text = ["p", "h"]', 'label = "l"', file="r.tsv", columns=False)
    examples = read(card)
    assert (list(examples.texts), list(examples.pairs), list(examples.labels)) == (["a"], ["b"], ["x"])


@pytest.mark.parametrize("top", ["", "extra/"], ids=["as published", "repacked with one more folder"])
def test_folders_are_labels(make_card, top):
    """Members `.../split/group/number` are read whole, labelled by group, however deep they lie."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in [("news-test/sci.space/1", b"caf\xe9"), ("news-train/alt.x/2", b"two")]:
            info = tarfile.TarInfo(top + name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    card = make_card(buffer.getvalue(), 'format = "folders"', 'encoding = "latin-1"', file="news.tar.gz")
    examples = read(card)
    assert list(zip(examples.texts, examples.labels, strict=True)) == [
        ("café", "sci.space"),
        ("two", "alt.x"),
    ]


def packed(members):
    """A zip archive of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_left_overs_in_an_archive_are_no_rows(make_card):
    """AppleDouble files, Finder's and Jupyter's left-overs give neither rows nor classes."""
    members = {
        "data/cat/1.txt": "a cat", "data/dog/2.txt": "a dog", "__MACOSX/data/cat/._1.txt": b"\0\5\26\7",
        "data/cat/._1.txt": b"\0\5\26\7", "data/cat/.DS_Store": b"\0\0\0\1Bud1",
        "data/.ipynb_checkpoints/1-checkpoint.txt": "a sun", "data/__pycache__/x.pyc": b"\xff",
    }  # fmt: skip
    examples = read(make_card(packed(members), 'format = "folders"', file="mac.zip"))
    assert (list(examples.texts), list(examples.labels)) == (["a cat", "a dog"], ["cat", "dog"])


def test_a_member_that_is_no_text_is_named(make_card):
    """The sentence says which member, and what can be stated."""
    card = make_card(packed({"a/1": "good", "a/2": b"\xff"}), 'format = "folders"', file="a.zip")
    with pytest.raises(DataError, match=r"a.zip: its member 'a/2' is not utf-8 text; state the right enc"):
        read(card)


@pytest.mark.parametrize(
    ("content", "lines", "sentence"),
    [
        ("", [], "rows.csv is empty; it needs rows with the columns text and label"),
        ("text,label\n", [], "rows.csv has no rows; it needs rows with the columns text and label"),
        ("\n\n", [], "cannot be read as csv"),
        ("txt,label\na,x\n", [], "has no column 'text'; did you mean 'txt'"),
        (
            "text,label\na,x\nb\xffc,y\n".encode("latin-1"),
            [],
            "is not utf-8 text .line 3.; state the right enc",
        ),
        (
            "text,label\nhello, world,x\n",
            [],
            r"1 of 2 lines have more cells than there are columns \(2\), the first is line 2 with 3; correct",
        ),
        (
            'text,label\n"a\n\nb",x\n\nhello, the world,x\na, b, c,y\n',
            [],
            r"2 of 4 lines have more cells .* the first is line 6 with 3",
        ),
        (
            "a,x\nb,y\nc, d, e,x\n".encode("utf-16"),
            ['columns = ["text", "label"]', 'encoding = "utf-16"'],
            r"1 of 3 lines have more cells than there are columns \(2\), the first is line 3 with 4",
        ),
        (
            "\ufefftext;label\na;x\nb;y;z\n",
            ['separator = ";"', 'undecodable = "replace"'],
            r"columns \(2\), the first is line 3 with 3",
        ),
        ('text,label\n"a,x\n', [], "cannot be read as csv .*EOF inside string"),
        ("a,b,c\n", ['columns = ["text", "label"]'], "3 fields in its first row, but the card names 2"),
        ("\n", ['format = "jsonl"'], "has no rows|cannot be read as jsonl"),
        ("no archive", ['format = "folders"'], "neither a tar nor a zip archive"),
        ("no table", ['format = "parquet"'], "cannot be read as parquet"),
        ('{"text": "a"', ['format = "jsonl"'], "cannot be read as jsonl"),
        (b'{"text": "\xf7", "label": "x"}\n', ['format = "jsonl"'], "is not utf-8 text .line 1."),
        ("text,label\na,x\n", ['encoding = "utf-16"'], "is not utf-16 text .line 1."),
    ],
)
def test_a_file_that_cannot_be_read_is_answered_with_one_sentence(make_card, content, lines, sentence):
    """The sentence names the task, the file and what is wrong; no exception of a library comes through."""
    with pytest.raises(DataError, match=sentence) as caught:
        read(make_card(content, *lines))
    assert "task 'small'" in str(caught.value)
    assert "rows.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_archive_without_folders_is_no_data_set(make_card):
    """Members that lie in no folder have no label."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("readme"), io.BytesIO())
    with pytest.raises(DataError, match="has no member LABEL/name"):
        read(make_card(buffer.getvalue(), 'format = "folders"', file="x.tar"))


def test_an_unusable_cache_is_named(make_card, monkeypatch, tmp_path):
    """A cache that is a file is answered with the variable that moves it."""
    (tmp_path / "occupied").write_text("")
    monkeypatch.setenv("STREAM_CACHE", str(tmp_path / "occupied"))
    with pytest.raises(DataError, match=r"cache folder .*occupied.* cannot be used .*STREAM_CACHE"):
        read(make_card("text,label\na,x\n"))


def test_a_hub_data_set_that_cannot_be_had_is_named(make_card, monkeypatch):
    """Whatever the library raises becomes one sentence with name and revision."""
    import datasets

    def load_dataset(*args, **kwargs):
        raise datasets.exceptions.DatasetNotFoundError("not there")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    card = make_card("", 'hub = "owner/name"', 'revision = "abc"')
    with pytest.raises(
        DataError, match=r"hub data set owner/name at abc, split 'train' cannot be loaded .not there"
    ):
        read_hub(card, "train")


def test_a_hub_data_set_is_loaded_at_its_revision(make_card, monkeypatch):
    """Name, subset, revision and split are handed to the library."""
    import datasets

    asked = []

    def load_dataset(*args, **kwargs):
        asked.append((*args, kwargs["revision"], kwargs["split"]))
        return datasets.Dataset.from_dict({"text": ["a"], "label": [3]})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    card = make_card("", 'hub = "owner/name"', 'revision = "abc"', 'subset = "part"')
    assert list(read_hub(card, "train").labels) == ["3"]
    assert asked == [("owner/name", "part", "abc", "train")]


def test_several_labels_of_a_hub_data_set_are_refused(make_card, monkeypatch):
    """The sentence names the column and the data set."""
    import datasets

    made = datasets.Dataset.from_dict({"text": ["a"], "label": [["x", "y"]]})
    monkeypatch.setattr(datasets, "load_dataset", lambda *arguments, **options: made)
    card = make_card("", 'hub = "owner/name"', 'revision = "abc"')
    with pytest.raises(
        DataError, match=r"hub data set owner/name .*, column 'label', holds \['x', 'y'\], a list"
    ):
        read_hub(card, "train")


def test_labels_are_dropped_mapped_or_kept(make_card):
    """`drop` removes rows, `map` renames values, others keep their names."""
    card = make_card("text,label\na,Y\nb,NA\nc,\nd,no\n", 'drop = ["", "NA"]', 'map = {Y = "yes"}')
    examples = apply_label_rules(card, read(card), file="rows.csv")
    assert list(zip(examples.texts, examples.labels, strict=True)) == [("a", "yes"), ("d", "no")]


def test_presence_can_be_the_label(make_card):
    """With label_rule = present, something is yes and blank is no."""
    card = make_card("text,label\na,7\nb,\nc, \n", 'label_rule = "present"')
    assert list(apply_label_rules(card, read(card), file="rows.csv").labels) == ["yes", "no", "no"]


def test_blank_labels_are_asked_about(make_card):
    """A blank label is neither a class nor silently dropped."""
    card = make_card("text,label\na,x\nb,\nc\n")
    with pytest.raises(DataError, match=r"2 of 3 rows of rows.csv have no label in column 'label'; add drop"):
        apply_label_rules(card, read(card), file="rows.csv")
