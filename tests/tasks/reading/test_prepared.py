import errno
import gzip
import io
import json
import os
import pwd
from pathlib import Path

import pytest

from tasks import DataError
from tasks.reading.rows import read_file, read_hub

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


def test_a_full_cache_is_named_and_left_clean(make_card, monkeypatch):
    """No space for the table: the sentence is about the cache and its variable, not about the file."""

    def replace(*paths):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", replace)
    sentence = (
        r"the cache folder .* cannot be used .No space left on device.; set STREAM_CACHE to one that can"
    )
    with pytest.raises(DataError, match=sentence) as caught:
        labels(make_card(content_of("csv", ["cat", "dog"])))
    assert "rows.csv" not in str(caught.value)
    assert not [path for path in Path(os.environ["STREAM_CACHE"]).rglob("*") if path.is_file()]


def test_a_cache_whose_parents_cannot_be_made_is_named(make_card, monkeypatch):
    """What fails is a folder above the cache."""
    monkeypatch.setenv("STREAM_CACHE", "/dev/null/above/cache")
    with pytest.raises(
        DataError, match=r"the cache folder /dev/null/above/cache cannot be used .*STREAM_CACHE"
    ):
        labels(make_card(content_of("csv", ["cat", "dog"])))


@pytest.mark.parametrize("variable", [None, "~/cache"])
def test_without_a_home_the_variable_is_named(make_card, monkeypatch, variable, tmp_path):
    """A user without a home directory is told to set STREAM_CACHE, and no folder called ~ is made."""

    def nobody(uid):
        raise KeyError(uid)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for name in ("HOME", "XDG_CACHE_HOME", "STREAM_CACHE"):
        monkeypatch.delenv(name, raising=False)
    if variable is not None:
        monkeypatch.setenv("STREAM_CACHE", variable)
    with pytest.raises(DataError, match=r"no home directory, .* set STREAM_CACHE to a folder") as caught:
        labels(make_card(content_of("csv", ["cat", "dog"])))
    assert "rows.csv" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.toml", "rows.csv"]


def test_a_ready_table_is_read_where_nothing_can_be_written(make_card, monkeypatch):
    """The cache of another user, or one mounted read-only, serves what is in it."""
    card = make_card(content_of("csv", ["cat", "dog"]))
    before = os.umask(0o022)
    labels(card)
    os.umask(before)
    (path,) = prepared_files()
    assert path.stat().st_mode & 0o044 == 0o044

    def refuse(*arguments, **options):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(os, "replace", refuse)
    assert labels(card) == ["cat", "dog"]


def test_a_file_that_may_not_be_read_is_named(make_card, monkeypatch):
    """The system's answer about the data file is neither about its format nor about the cache."""

    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied")

    card = make_card(content_of("csv", ["cat", "dog"]))
    monkeypatch.setattr("tasks.reading.tables.file_sha256", refuse)
    with pytest.raises(DataError, match=r"rows.csv cannot be read .Permission denied.; check its rights"):
        labels(card)


def test_a_squad_file_that_may_not_be_read_is_named(make_card, monkeypatch):
    """The same sentence for the format that is read without a table."""

    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied")

    card = make_card("{}", 'format = "squad"', file="rows.json", columns=False)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError, match=r"rows.json cannot be read .Permission denied.; check its rights"):
        labels(card)


def test_a_file_that_changes_while_it_is_read_is_refused(make_card, monkeypatch):
    """Rows of two contents are never one table."""
    hashes = iter(["a", "b"])
    monkeypatch.setattr("tasks.reading.tables.file_sha256", lambda path: next(hashes))
    with pytest.raises(DataError, match=r"rows.csv changed while it was read; try again"):
        labels(make_card(content_of("csv", ["cat", "dog"])))
    assert not prepared_files()


@pytest.mark.parametrize("home", [True, False])
def test_the_cache_is_named_where_a_hub_data_set_cannot_be_kept(make_card, monkeypatch, home):
    """Neither the data set's name nor the network is blamed."""
    import datasets

    def load_dataset(*arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied", f"{os.environ['STREAM_CACHE']}/datasets/x")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    card = make_card("", 'hub = "owner/name"', 'revision = "abc"')
    if not home:
        monkeypatch.setenv("STREAM_CACHE", "~no-such-user/cache")
    with pytest.raises(DataError, match="set STREAM_CACHE") as caught:
        read_hub(card, "train")
    assert "network" not in str(caught.value)
