"""What a database's address means, and the sentence for one that means nothing or two things."""

from pathlib import Path

import pytest

from db import Database, NotADatabaseError, UsageError
from db.storage.address import parse_address
from db.storage.files import require_place, require_run
from tests.db.made_records import new_run


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("sqlite:///runs.db", "runs.db"),
        ("sqlite:///{here}/runs.db", "runs.db"),
        ("sqlite+pysqlite:///runs.db", "runs.db"),
        ("runs.db", "runs.db"),
        ("./runs", "runs"),
        ("{here}/runs.db", "runs.db"),
        ("~/runs.db", "runs.db"),
        ("sqlite:///~/runs.db", "runs.db"),
        ("sqlite:///what?/runs.db", "what?/runs.db"),
        ("sqlite:///a?b.db", "a?b.db"),
        ("a?b=c.db", "a?b=c.db"),
        ("a%41.db", "a%41.db"),
        ("sqlite:///100%.db", "100%.db"),
        ("sqlite:///a b#c.db", "a b#c.db"),
        ("a:b.db", "a:b.db"),
    ],
)
def test_an_address_means_the_file_that_it_names(
    address: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path, with or without `sqlite:///`, is taken as it stands; nothing lies elsewhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "what?").mkdir()
    given = address.format(here=tmp_path)
    with Database.open(given) as database:
        database.create_run(new_run())
    require_run(given, "first")
    assert parse_address(given).file == tmp_path / path
    files = {
        str(file).removesuffix("-wal").removesuffix("-shm") for file in tmp_path.rglob("*") if file.is_file()
    }
    assert files == {str(tmp_path / path)}
    with Database.open(given, read_only=True) as database:
        assert database.run_names() == ["first"]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("sqlite://runs.db", "write three slashes and its path, such as sqlite:///runs.db"),
        ("sqlite:///", "write three slashes"),
        ("sqlite:runs.db", "write three slashes and its path, such as sqlite:///runs.db"),
        ("sqlite:/runs.db", "write three slashes"),
        ("sqlite:///x.db?mode=ro", r"options \('\?mode=ro'\)"),
        ("sqlite:///x.db?nonsense=1", "leave them out"),
        ("sqlite:///a%41.db", "holds '%41'"),
        ("sqlite:///a%2Fb.db", "without sqlite:///"),
        ("foo:///x", "'foo', which is not supported"),
        ("mysql://host/x", "'mysql', which is not supported"),
        ("file:///x.db", "'file', which is not supported"),
        ("sqlite+aiosqlite:///x.db", "which is not supported"),
        ("postgresql+none://host/x", "cannot be reached from here"),
        ("postgresql://host:port/x", "is not a database address"),
        ("runs", "give a path such as runs.db"),
        ("", "is not a database address"),
        ("~nobody-of-that-name/x.db", "home folder that is not known"),
    ],
)
def test_an_address_that_cannot_be_meant_is_one_sentence(
    address: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence is the same with and without the database library, and nothing is made."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=words) as caught:
        Database.open(address)
    assert "\n" not in str(caught.value)
    if not address.startswith("postgresql"):
        with pytest.raises(UsageError) as light:
            require_place(address)
        assert str(light.value) == str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["sqlite://", "sqlite:///:memory:", ":memory:"])
def test_a_command_keeps_nothing_in_memory(address: str) -> None:
    """Tests may; a command's results would vanish with it."""
    with Database.open(address) as database:
        assert database.storage.address.in_memory
    for refuse in (lambda: require_place(address), lambda: require_run(address, None)):
        with pytest.raises(UsageError, match="gone when the command ends"):
            refuse()


def test_a_driver_that_is_not_installed_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server's address without its driver says what to install, and shows no password."""
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(UsageError, match="pip install psycopg") as caught:
        Database.exists("postgresql+psycopg://me:secret@host/x")
    assert "secret" not in str(caught.value)


def test_a_name_too_long_for_the_disk_is_one_sentence() -> None:
    """What the operating system refuses to look at is no traceback."""
    with pytest.raises(NotADatabaseError, match="cannot be looked at"):
        require_place("x" * 300 + ".db")
