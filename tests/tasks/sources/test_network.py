import hashlib
import io
import threading
import time
import zipfile
from pathlib import Path

import pooch
import pytest
import requests

from tasks import DataMode, DownloadError, Network, UnreachableError, availability, open_suite
from tasks.sources import network as network_module

CONTENT = b"text,label\na,x\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
URL = "https://data.example/rows.csv"


def network_with(content: bytes) -> Network:
    """A network whose every host hands out the same bytes."""

    def fetch(url: str, target: Path) -> None:
        target.write_bytes(content)

    return Network(answers=lambda host: True, fetch=fetch)


def test_without_network_a_whole_suite_is_decided_within_ten_seconds():
    """At most two hosts are asked, each for a bounded time, and every task has its verdict."""
    asked = []

    def answers(host):
        asked.append(host)
        return False

    network = Network(answers=answers)
    found = [
        availability(card, None, DataMode.AUTO, network=network) for card in open_suite("additional17").cards
    ]
    assert {where.status for where in found} == {"simulated"}
    assert len(asked) * network_module.PROBE_SECONDS <= 10
    assert len(asked) == len(set(asked)) == network_module.MAX_FAILED_HOSTS


def test_one_host_that_is_down_does_not_hide_the_others():
    """A host that answered keeps the network alive; each host is asked once."""
    asked = []

    def answers(host):
        asked.append(host)
        return host == "raw.githubusercontent.com"

    network = Network(answers=answers)
    cards = open_suite("additional17").cards
    found = {card.name: availability(card, None, DataMode.AUTO, network=network).origin for card in cards}
    assert found["20-newsgroups"] == "simulator"
    assert found["airline"] == "download"
    assert sorted(asked) == ["archive.ics.uci.edu", "ndownloader.figshare.com", "raw.githubusercontent.com"]


def test_a_name_look_up_that_hangs_is_left_after_the_limit(monkeypatch):
    """The verdict does not wait for the system's resolver."""
    answer, asked = threading.Event(), threading.Event()

    def head(*args, **kwargs):
        asked.set()
        answer.wait()
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "head", head)
    monkeypatch.setattr(network_module, "PROBE_SECONDS", 0.02)
    started = time.monotonic()
    assert not network_module.host_answers("slow.example")
    assert time.monotonic() - started < 5
    assert asked.wait(5)
    answer.set()


@pytest.mark.parametrize(("error", "verdict"), [(None, True), (requests.ConnectionError, False)])
def test_any_answer_counts(monkeypatch, error, verdict):
    """Whatever the host says it is there; a refused connection is not an answer."""

    def head(*args, **kwargs):
        if error is not None:
            raise error

    monkeypatch.setattr(requests, "head", head)
    assert network_module.host_answers("some.example") is verdict


def test_a_download_is_kept_under_its_name(tmp_path):
    """The pinned content arrives, and nothing else stays in the folder."""
    target = tmp_path / "cache" / "rows.csv"
    network_with(CONTENT).download(URL, sha256=SHA256, target=target)
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
    "content", [CONTENT[:-3], b"", b"<html>log in</html>"], ids=["cut off", "empty", "other"]
)
def test_a_truncated_download_is_an_error_and_leaves_nothing(tmp_path, content):
    """What does not hash to the pin is removed, and the sentence says what to do."""
    with pytest.raises(
        DownloadError, match=r"rows.csv from https://data.example/rows.csv is not the pinned file"
    ) as e:
        network_with(content).download(URL, sha256=SHA256, target=tmp_path / "rows.csv")
    assert "data home" in str(e.value)
    assert list(tmp_path.iterdir()) == []


def test_a_member_of_an_archive_is_checked_by_its_own_hash(tmp_path):
    """Only the member is kept; the archive around it may change."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("readme", "hello")
        archive.writestr("Rows", CONTENT)
    network = network_with(buffer.getvalue())
    network.download(URL, sha256=SHA256, target=tmp_path / "Rows", member="Rows")
    assert [path.name for path in tmp_path.iterdir()] == ["Rows"]
    with pytest.raises(DownloadError, match="not the pinned file"):
        network.download(URL, sha256="0" * 64, target=tmp_path / "other", member="Rows")


def test_without_network_a_download_is_unreachable(tmp_path, offline):
    """The host is named."""
    with pytest.raises(
        UnreachableError, match=r"data.example cannot be reached, so rows.csv cannot be downloaded"
    ):
        offline.download(URL, sha256=SHA256, target=tmp_path / "rows.csv")


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    """A cache that is a file is answered with the variable that moves it."""
    (tmp_path / "cache").write_text("")
    with pytest.raises(DownloadError, match=r"cannot be written .*STREAM_CACHE"):
        network_with(CONTENT).download(URL, sha256=SHA256, target=tmp_path / "cache" / "rows.csv")


@pytest.mark.parametrize(
    ("error", "kind", "sentence"),
    [
        (requests.exceptions.ChunkedEncodingError("cut"), DownloadError, "broke off .cut.; try again"),
        (requests.HTTPError("404"), UnreachableError, "failed .404."),
        (requests.ReadTimeout("slow"), UnreachableError, "failed .slow."),
    ],
)
def test_errors_of_the_transport_become_one_sentence(monkeypatch, tmp_path, error, kind, sentence):
    """A connection that breaks off is damage; a host that does not hand the file out is unreachable."""

    def retrieve(*args, **kwargs):
        raise error

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    with pytest.raises(DownloadError, match=sentence) as caught:
        network_module.fetch_file(URL, tmp_path / "rows.csv")
    assert type(caught.value) is kind


def test_pooch_fetches_to_the_path_given(monkeypatch, tmp_path):
    """The file lies where it was asked for, whatever the address is called."""

    def download(self, url, output_file, pooch):
        Path(output_file).write_bytes(CONTENT)

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", download)
    network_module.fetch_file("https://data.example/files/5975967", tmp_path / "arrived")
    assert (tmp_path / "arrived").read_bytes() == CONTENT
