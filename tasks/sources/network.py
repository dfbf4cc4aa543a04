"""Downloads with a checksum, and a quick verdict where there is no network.

A host is tried once, for a short time; when two hosts have failed and none ever answered, there is no network
and nothing else is tried. So a whole suite is decided in seconds even where packets are silently dropped.
"""

import hashlib
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from tasks.errors import DownloadError, UnreachableError
from tasks.sources.archives import read_member

PROBE_SECONDS = 2.5
"""How long a host may take to answer at all; name look-up included."""
READ_SECONDS = 30.0
"""How long a download may pause."""
MAX_FAILED_HOSTS = 2
"""Failing hosts after which, if none has answered, there is no network."""


class Network:
    """What is known about reachable hosts; make a new one to ask again."""

    def __init__(
        self,
        *,
        answers: Callable[[str], bool] | None = None,
        fetch: Callable[[str, Path], None] | None = None,
    ) -> None:
        self._answers = answers or host_answers
        self._fetch = fetch or fetch_file
        self._verdicts: dict[str, bool] = {}

    @property
    def absent(self) -> bool:
        """Whether enough hosts failed, and none answered, to stop trying."""
        return len(self._verdicts) >= MAX_FAILED_HOSTS and not any(self._verdicts.values())

    def reaches(self, url: str) -> bool:
        """Whether the host of the address answers; asked once per host."""
        host = urlsplit(url).netloc
        if host not in self._verdicts:
            if self.absent:
                return False
            self._verdicts[host] = self._answers(host)
        return self._verdicts[host]

    def download(self, url: str, *, sha256: str, target: Path, member: str | None = None) -> None:
        """Fetch a file (or member of the archive at `url`) to `target`; nothing is left behind if it fails.

        Raises:
            UnreachableError: No network, or the host does not hand the file out.
            DownloadError: Something else than the pinned content arrived.
        """
        if not self.reaches(url):
            raise UnreachableError(
                f"{urlsplit(url).netloc} cannot be reached, so {target.name} cannot be downloaded"
            )
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=target.parent) as folder:
                arrived = Path(folder) / "arrived"
                self._fetch(url, arrived)
                if member is not None:
                    arrived = _only_member(arrived, member)
                _check(arrived, url=url, sha256=sha256, name=target.name)
                os.replace(arrived, target)
        except OSError as error:
            raise DownloadError(
                f"the download of {target.name} cannot be written to {target.parent} ({error.strerror}); "
                "set STREAM_CACHE to a folder that can"
            ) from error


def _check(arrived: Path, *, url: str, sha256: str, name: str) -> None:
    got = file_sha256(arrived)
    if got != sha256:
        raise DownloadError(
            f"the download of {name} from {url} is not the pinned file: SHA-256 {got[:12]}..., "
            f"{arrived.stat().st_size} bytes, expected {sha256[:12]}...; it was removed. Try again, or "
            "put the file into the data home"
        )


def file_sha256(path: Path) -> str:
    """SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def host_answers(host: str) -> bool:
    """Whether anything comes back from the host in time.

    A thread of its own, because the system's name look-up has no time limit that a caller could set.
    """
    answered = threading.Event()
    thread = threading.Thread(target=_ask, args=(host, answered), daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return answered.is_set()


def _ask(host: str, answered: threading.Event) -> None:
    import requests

    try:
        requests.head(f"https://{host}/", timeout=PROBE_SECONDS, allow_redirects=False)
    except requests.RequestException:
        return
    answered.set()


def fetch_file(url: str, target: Path) -> None:
    """Download an address to a path with pooch; proxies are taken from the environment."""
    import pooch
    import requests

    pooch.get_logger().setLevel("ERROR")
    downloader = pooch.HTTPDownloader(progressbar=False, timeout=(PROBE_SECONDS, READ_SECONDS))
    broken = (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError)
    try:
        pooch.retrieve(url, known_hash=None, fname=target.name, path=target.parent, downloader=downloader)
    except broken as error:
        raise DownloadError(f"the download of {url} broke off ({error}); try again") from error
    except requests.RequestException as error:
        raise UnreachableError(f"the download of {url} failed ({error})") from error


def _only_member(archive: Path, name: str) -> Path:
    path = archive.with_name("member")
    path.write_bytes(read_member(archive, name))
    return path
