import io
import tarfile
import zipfile

import pytest

from tasks import DataError
from tasks.sources.archives import Bounds, read_member, read_members


def tar_of(path, *members, mode="w:gz"):
    """A tar with the (TarInfo or name, content) pairs given."""
    with tarfile.open(path, mode) as archive:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def link(name, target):
    info = tarfile.TarInfo(name)
    info.type = tarfile.SYMTYPE
    info.linkname = target
    return info


def test_regular_files_are_read_in_memory(tmp_path):
    """A tar's files come with their names, folders are skipped, and nothing is written."""
    folder = tarfile.TarInfo("a")
    folder.type = tarfile.DIRTYPE
    path = tar_of(tmp_path / "x.tar.gz", (folder, b""), ("a/1", b"one"), ("a/2", b"two"))
    assert [(member.name, member.content) for member in read_members(path)] == [
        ("a/1", b"one"),
        ("a/2", b"two"),
    ]
    assert list(tmp_path.iterdir()) == [path]


def test_zip_members_are_read(tmp_path):
    """A zip is read like a tar."""
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("folder/readme", b"no")
        archive.writestr("folder/SMSSpamCollection", b"ham\thello")
    assert read_member(tmp_path / "x.zip", "SMSSpamCollection") == b"ham\thello"


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a/../../out", "..\\out", "a/.."])
def test_a_name_that_leaves_the_archive_is_refused(tmp_path, name):
    """Escapes are refused although nothing is extracted."""
    path = tar_of(tmp_path / "x.tar.gz", (name, b"x"))
    with pytest.raises(DataError, match="points outside it"):
        list(read_members(path))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path, kind):
    """Only regular files and folders are accepted in a tar."""
    info = link("a/1", "/etc/passwd")
    info.type = kind
    with pytest.raises(DataError, match="only files are accepted"):
        list(read_members(tar_of(tmp_path / "x.tar.gz", (info, b""))))


def test_links_in_a_zip_are_refused(tmp_path):
    """A zip member whose mode says link is refused."""
    info = zipfile.ZipInfo("a/1")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match="a link"):
        list(read_members(tmp_path / "x.zip"))


@pytest.mark.parametrize(
    "bounds",
    [Bounds(num_members=2), Bounds(member_bytes=99_999), Bounds(total_bytes=250_000)],
    ids=["members", "one member", "all members"],
)
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, bounds, kind):
    """More members or bytes than allowed are refused by what the archive's directory says."""
    path, zeros = tmp_path / f"x.{kind}", bytes(100_000)
    if kind == "tar":
        tar_of(path, *((f"a/{number}", zeros) for number in range(3)))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(3):
                archive.writestr(f"a/{number}", zeros)
    with pytest.raises(DataError, match="too large at member"):
        list(read_members(path, bounds=bounds))


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_a_cut_off_archive_is_named_as_damaged(tmp_path, kind):
    """Half an archive gives one sentence, not a traceback of the archive module."""
    path, noise = tmp_path / f"x.{kind}", bytes(range(256)) * 400
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/1", noise)
    else:
        tar_of(path, ("a/1", noise), ("a/2", noise[::-1]))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=r"damaged or cut off|neither a tar nor a zip"):
        list(read_members(path))


def test_a_missing_member_is_answered_with_what_is_there(tmp_path):
    """The sentence lists the members found."""
    path = tar_of(tmp_path / "x.tar.gz", ("a/one", b"x"))
    with pytest.raises(DataError, match="no member 'two'; it holds a/one"):
        read_member(path, "two")
