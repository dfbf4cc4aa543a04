import dataclasses
import hashlib
from pathlib import Path

import pytest

from tasks import (
    DataError,
    DataMode,
    DataStatus,
    Network,
    Origin,
    SuiteError,
    availability,
    default_home,
    open_suite,
    resolve_home,
)
from tasks.sources.homes import plain_path

CONTENT = b"text,label\na,x\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def shipped():
    """A card as shipped suites have them: no folder, an address, a hash."""
    card = next(card for card in open_suite("additional17").cards if card.name == "airline")
    return dataclasses.replace(card, train="rows.csv", sha256=SHA256)


@pytest.mark.parametrize("below", ["additional17", "."])
def test_the_data_home_is_searched_by_suite_and_flat(shipped, tmp_path, below, offline):
    """HOME/additional17/FILE and HOME/FILE are both found, without asking the network."""
    path = tmp_path / below / "rows.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(CONTENT)
    found = availability(shipped, tmp_path, DataMode.AUTO, network=offline)
    assert (found.status, found.origin, found.notes) == (DataStatus.REAL, Origin.FILES, ())
    assert found.paths["train"].samefile(path)


def test_the_suites_folder_goes_before_the_flat_one(shipped, tmp_path, offline):
    """Where a file lies in both places, the suite's own is taken."""
    for folder in (tmp_path, tmp_path / "additional17"):
        folder.mkdir(exist_ok=True)
        (folder / "rows.csv").write_bytes(CONTENT)
    found = availability(shipped, tmp_path, DataMode.AUTO, network=offline)
    assert found.paths["train"] == tmp_path / "additional17" / "rows.csv"


def test_a_file_that_is_not_the_pinned_one_is_used_and_noted(shipped, tmp_path, offline):
    """Another SHA-256 in the data home is no error."""
    (tmp_path / "rows.csv").write_bytes(CONTENT + b"b,y\n")
    found = availability(shipped, tmp_path, DataMode.REAL, network=offline)
    assert found.status is DataStatus.REAL
    assert "rows.csv is not the pinned copy" in found.notes[0]


def test_stream_data_names_the_data_home(shipped, tmp_path, monkeypatch, offline):
    """Without an argument the environment decides; the argument wins."""
    (tmp_path / "rows.csv").write_bytes(CONTENT)
    monkeypatch.setenv("STREAM_DATA", str(tmp_path))
    assert default_home() == tmp_path
    assert availability(shipped, None, DataMode.REAL, network=offline).origin is Origin.FILES
    (tmp_path / "other").mkdir()
    assert resolve_home(tmp_path / "other") == tmp_path / "other"


def test_a_data_home_that_is_no_folder_is_the_users_mistake(tmp_path, monkeypatch):
    """Both ways of naming it are checked."""
    with pytest.raises(DataError, match=r"the data home is .*nowhere, which is not a folder"):
        resolve_home(tmp_path / "nowhere")
    monkeypatch.setenv("STREAM_DATA", str(tmp_path / "gone"))
    with pytest.raises(DataError, match=r"STREAM_DATA is .*gone, which is not a folder"):
        default_home()
    monkeypatch.setenv("STREAM_DATA", "")
    assert default_home() is None


def test_the_cache_comes_after_the_home_and_before_a_download(shipped, tmp_path, monkeypatch, offline):
    """A cached file with the pinned hash is used offline; a damaged one is not."""
    monkeypatch.setenv("STREAM_CACHE", str(tmp_path))
    cached = tmp_path / "downloads" / "additional17" / "rows.csv"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(CONTENT)
    assert availability(shipped, None, DataMode.AUTO, network=offline).origin is Origin.CACHE
    cached.write_bytes(CONTENT[:-2])
    assert availability(shipped, None, DataMode.AUTO, network=offline).origin is Origin.SIMULATOR


def test_what_can_be_downloaded_is_real(shipped):
    """A host that answers is enough; nothing is fetched yet."""
    found = availability(
        shipped, None, DataMode.AUTO, network=Network(answers=lambda host: True, fetch=lambda u, p: None)
    )
    assert (found.status, found.origin) == (DataStatus.REAL, Origin.DOWNLOAD)
    assert not found.paths["train"].exists()


def test_auto_falls_back_and_says_why(shipped, tmp_path, offline):
    """The stand-in's note tells where was looked."""
    without = availability(shipped, None, DataMode.AUTO, network=offline)
    assert without.notes == (
        "simulated stand-in: no data home is given and raw.githubusercontent.com cannot be reached",
    )
    empty = availability(shipped, tmp_path, DataMode.AUTO, network=offline)
    assert f"the file is not in {tmp_path / 'additional17'} or {tmp_path}" in empty.notes[0]


def test_real_data_that_cannot_be_had_is_an_error(shipped, offline):
    """Mode real names the task, the file and what to do."""
    with pytest.raises(DataError, match=r"task 'airline' has no data: .* put rows.csv into a data home"):
        availability(shipped, None, DataMode.REAL, network=offline)


def test_a_derived_file_has_no_download(shipped, offline):
    """Without an address only a data home helps."""
    card = dataclasses.replace(shipped, url=None)
    found = availability(card, None, DataMode.AUTO, network=Network(answers=lambda host: True))
    assert found.notes == (
        "simulated stand-in: no data home is given and the file has no address to download it from",
    )


def test_simulated_data_is_given_where_it_was_asked_for(shipped, tmp_path, offline):
    """Mode simulated does not look at files."""
    (tmp_path / "rows.csv").write_bytes(CONTENT)
    found = availability(shipped, tmp_path, DataMode.SIMULATED, network=offline)
    assert (found.status, found.notes) == (DataStatus.SIMULATED, ("simulated data was asked for",))


def test_a_missing_file_of_ones_own_suite_is_an_error_in_mode_auto(make_card, offline):
    """A stand-in would hide the mistake."""
    card = make_card(CONTENT)
    (Path(str(card.folder)) / "rows.csv").unlink()
    with pytest.raises(
        DataError, match=r"task 'small' has no data: the file .*rows.csv does not exist.*; correct the path"
    ):
        availability(card, None, DataMode.AUTO, network=offline)


def test_ones_own_suite_needs_no_data_home(make_card, monkeypatch, offline):
    """Paths are relative to the suite file; STREAM_DATA is not looked at."""
    card = make_card(CONTENT)
    monkeypatch.setenv("STREAM_DATA", "/nowhere")
    assert availability(card, None, DataMode.AUTO, network=offline).origin is Origin.FILES


def test_the_hub_is_asked_for_only_where_nothing_is_cached(make_card, monkeypatch, tmp_path, offline):
    """A hub data set in the cache is used offline; otherwise the hub must answer."""
    card = make_card("", 'hub = "owner/name"', 'revision = "abc"')
    with pytest.raises(
        DataError, match="owner/name is not in the cache and the hub cannot be reached; connect"
    ):
        availability(card, None, DataMode.AUTO, network=offline)
    monkeypatch.setenv("STREAM_CACHE", str(tmp_path))
    (tmp_path / "datasets" / "owner___name").mkdir(parents=True)
    assert availability(card, None, DataMode.AUTO, network=offline).origin is Origin.HUB


def test_a_partial_copy_is_called_partial(tmp_path, offline):
    """The status comes from the card."""
    card = next(card for card in open_suite("additional17").cards if card.partial)
    (tmp_path / card.train).write_bytes(CONTENT)
    assert availability(card, tmp_path, DataMode.AUTO, network=offline).status is DataStatus.PARTIAL


def test_a_test_file_that_is_not_the_pinned_one_is_noted_too(shipped, tmp_path, offline):
    """The test file has a hash of its own; a suite that pins none notes nothing."""
    (tmp_path / "rows.csv").write_bytes(CONTENT)
    (tmp_path / "dev.csv").write_bytes(CONTENT)
    pinned = dataclasses.replace(shipped, test="dev.csv", sha256_of={"dev.csv": SHA256})
    other = dataclasses.replace(pinned, sha256_of={"dev.csv": "0" * 64})
    found = [availability(card, tmp_path, DataMode.REAL, network=offline).notes for card in (pinned, other)]
    assert found[0] == ()
    assert [note.partition(" (")[0] for note in found[1]] == ["dev.csv is not the pinned copy"]


def test_a_file_beside_the_suites_folder_is_shown_without_detour(tmp_path):
    """`..` in a suite file is resolved, where the file is found and where it is missed."""
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "mine.toml").write_text(
        '[[task]]\nname = "one"\ntrain = "../rows.csv"\ntext = "text"\nlabel = "label"\n'
    )
    (card,) = open_suite(str(tmp_path / "suites" / "mine.toml")).cards
    with pytest.raises(DataError, match=f"the file {tmp_path}/rows.csv does not exist"):
        availability(card, None, DataMode.AUTO)
    (tmp_path / "rows.csv").write_bytes(CONTENT)
    found = availability(card, None, DataMode.AUTO)
    assert str(found.paths["train"]) == str(tmp_path / "rows.csv")


def test_suite_files_and_data_homes_are_shown_without_detour(tmp_path):
    """What does not exist is named by the short path."""
    with pytest.raises(SuiteError, match=f"the suite file {tmp_path}/gone.toml does not exist"):
        open_suite(f"{tmp_path}/suites/../gone.toml")
    with pytest.raises(DataError, match=f"the data home is {tmp_path}/gone, which is not a folder"):
        resolve_home(f"{tmp_path}/suites/../gone")


def test_a_symbolic_link_is_not_cut_out_of_a_path(tmp_path):
    """Behind a link `..` is the parent of where it leads, so such a path stays; so does one of a NUL byte."""
    (tmp_path / "far" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "inner")
    through = tmp_path / "link" / ".." / "rows.csv"
    assert plain_path(through) == through
    assert plain_path(tmp_path / "far" / ".." / "rows.csv") == tmp_path / "rows.csv"
    assert plain_path(Path("a/../\0")) == Path("a/../\0")


def test_a_data_home_of_a_user_that_does_not_exist_is_refused(monkeypatch):
    """One sentence that names the variable."""
    monkeypatch.setenv("STREAM_DATA", "~no-such-user/data")
    with pytest.raises(
        DataError, match="STREAM_DATA is ~no-such-user/data, but there is no such home direct"
    ):
        default_home()
