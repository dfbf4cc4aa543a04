import gzip
import io
import json
import os
from pathlib import Path

import pytest

from tasks import DataError
from tasks.reading.rows import read_file

FORMATS = ("csv", "tsv", "jsonl", "parquet")
ODD_NAMES = [
    "set[12]", "q?", "q*", "{a,b}", "100% #1", "a::b", ".hidden", "__private__", "data [v2]", "x'\"y",
    "~nobody", "é\nf", "**",
]  # fmt: skip
TEXTS = ["the cat sat", "a dog ran"]


def content_of(suffix, labels, texts=TEXTS):
    """A file of these texts and labels in the format of that suffix."""
    rows = [{"text": text, "label": label} for text, label in zip(texts, labels, strict=True)]
    if suffix == "jsonl":
        return "".join(json.dumps(row) + "\n" for row in rows).encode()
    if suffix == "parquet":
        import pyarrow
        import pyarrow.parquet

        made = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), made)
        return made.getvalue()
    separator = "\t" if suffix == "tsv" else ","
    lines = [("text", "label"), *((row["text"], row["label"]) for row in rows)]
    return "".join(f"{text}{separator}{label}\n" for text, label in lines).encode()


def labels(card, path=None):
    """The labels of the card's file, or of another one read in its way."""
    return list(read_file(card, path or card.folder / card.train).labels)


def replace_file(path, content):
    """Other content at the same path with the same time of change."""
    before = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def prepared_files():
    """The tables in the cache."""
    return [path for path in Path(os.environ["STREAM_CACHE"]).rglob("*.arrow*") if path.is_file()]


@pytest.mark.parametrize("suffix", FORMATS)
def test_other_content_is_read_though_path_and_time_are_the_same(make_card, suffix):
    """A prepared table belongs to the bytes it was made from."""
    card = make_card(content_of(suffix, ["cat", "dog"]), file=f"rows.{suffix}")
    assert labels(card) == ["cat", "dog"]
    replace_file(card.folder / card.train, content_of(suffix, ["sun", "fog"]))
    assert labels(card) == ["sun", "fog"]


def test_a_link_that_points_elsewhere_is_another_file(make_card, tmp_path):
    """What counts is the content behind the link."""
    for name, classes in (("one", ["cat", "dog"]), ("two", ["sun", "fog"])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows.csv").write_bytes(content_of("csv", classes))
        os.utime(tmp_path / name / "rows.csv", (10**9, 10**9))
    card = make_card("", file="empty.csv")
    link = tmp_path / "link"
    link.symlink_to("one")
    assert labels(card, link / "rows.csv") == ["cat", "dog"]
    link.unlink()
    link.symlink_to("two")
    assert labels(card, link / "rows.csv") == ["sun", "fog"]


def test_another_way_of_reading_is_another_table(make_card):
    """The same bytes read with other options are not taken from the first reading."""
    content = 'text,label\n"a",x\n'
    assert labels(make_card(content)) == ["x"]
    card = make_card(content, 'quoting = "none"')
    assert list(read_file(card, card.folder / card.train).texts) == ['"a"']
    assert labels(make_card(content, 'text = "label"', 'label = "text"', columns=False)) == ["a"]


def test_the_same_content_is_prepared_once(make_card, tmp_path):
    """A copy elsewhere is read from the table that is there already."""
    card = make_card(content_of("csv", ["cat", "dog"]))
    (tmp_path / "copy.csv").write_bytes(content_of("csv", ["cat", "dog"]))
    assert labels(card) == labels(card, tmp_path / "copy.csv")
    assert len(prepared_files()) == 1


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_path_is_never_a_pattern(make_card, tmp_path, name, suffix):
    """Brackets, stars and the like in folders and file names name themselves, whatever lies beside them."""
    beside = ["set1", "qa", "a", "data v", "data 2"]
    for folder, classes in ((name, ["cat", "dog"]), *((other, ["sun", "fog"]) for other in beside)):
        (tmp_path / folder).mkdir()
        for stem in ("d", folder):
            (tmp_path / folder / f"{stem}.{suffix}").write_bytes(content_of(suffix, classes))
    card = make_card("", file=f"rows.{suffix}")
    assert labels(card, tmp_path / name / f"d.{suffix}") == ["cat", "dog"]
    assert labels(card, tmp_path / name / f"{name}.{suffix}") == ["cat", "dog"]


def test_a_relative_path_below_an_odd_folder_is_read(make_card, tmp_path, monkeypatch):
    """The working folder's name is no pattern either, nor is a name that begins with a tilde."""
    (tmp_path / "data [v2]").mkdir()
    monkeypatch.chdir(tmp_path / "data [v2]")
    Path("~d.csv").write_bytes(content_of("csv", ["cat", "dog"]))
    assert labels(make_card("", file="empty.csv"), Path("~d.csv")) == ["cat", "dog"]


def test_the_cache_may_lie_in_an_odd_folder(make_card, monkeypatch, tmp_path):
    """The cache's path is no pattern."""
    monkeypatch.setenv("STREAM_CACHE", str(tmp_path / "c[1]*?::#%"))
    card = make_card(content_of("csv", ["cat", "dog"]))
    assert labels(card) == labels(card) == ["cat", "dog"]


@pytest.mark.parametrize("spoil", ["cut", "empty", "altered", "no table"])
@pytest.mark.parametrize("suffix", FORMATS)
def test_a_damaged_table_is_made_again(make_card, suffix, spoil):
    """Cut off, emptied or with other bytes in it: the rows are those of the file, and the table is whole."""
    card = make_card(content_of(suffix, ["cat", "dog"]), file=f"rows.{suffix}")
    assert labels(card) == ["cat", "dog"]
    (path,) = prepared_files()
    whole = path.read_bytes()
    assert b"dog" in whole
    spoiled = {
        "cut": whole[:100],
        "empty": b"",
        "altered": whole.replace(b"dog", b"fog"),
        "no table": b"x" * 400,
    }
    path.chmod(0o600)
    path.write_bytes(spoiled[spoil])
    assert labels(card) == ["cat", "dog"]
    assert path.read_bytes() == whole


def test_a_file_that_cannot_be_read_leaves_no_table(make_card):
    """Half a table is not kept."""
    card = make_card("text,label\na,x\nb,y,z,w\n")
    with pytest.raises(DataError, match="more cells than there are columns"):
        labels(card)
    assert not [path for path in Path(os.environ["STREAM_CACHE"]).rglob("*") if path.is_file()]


def test_a_compressed_file_is_read(make_card):
    """A CSV or JSON lines file may be packed with gzip, whatever its name."""
    for suffix in ("csv", "jsonl"):
        packed = gzip.compress(content_of(suffix, ["cat", "dog"]))
        assert labels(make_card(packed, file=f"rows.{suffix}")) == ["cat", "dog"]
