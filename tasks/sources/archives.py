"""Members of tar and zip archives, read in memory: nothing is ever extracted.

An archive is refused as a whole if a member's name leaves it, is a link or a device, or if there is more in
it than a text data set has: archives come from the network.
"""

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tasks.errors import DataError


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """What is accepted at most; the largest archive of the shipped suites has 18,846 members and 36 MB."""

    num_members: int = 200_000
    member_bytes: int = 256 * 2**20
    total_bytes: int = 2**30


BOUNDS = Bounds()


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One file inside an archive."""

    name: str
    content: bytes


def read_members(path: Path, *, bounds: Bounds = BOUNDS) -> Iterator[Member]:
    """The regular files of a tar (any compression) or zip archive, in archive order.

    Raises:
        DataError: The file is no archive, is damaged, or holds something an archive of texts does not.
    """
    try:
        if zipfile.is_zipfile(path):
            yield from _zip_members(path, bounds)
        elif tarfile.is_tarfile(path):
            yield from _tar_members(path, bounds)
        else:
            raise DataError(f"{path} is neither a tar nor a zip archive; fetch it again")
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        EOFError,
        OSError,
        zlib.error,
        NotImplementedError,
    ) as error:
        raise DataError(f"the archive {path} is damaged or cut off ({error}); fetch it again") from error


def read_member(path: Path, name: str, *, bounds: Bounds = BOUNDS) -> bytes:
    """The content of the member with that name (the last part of its path counts)."""
    names = []
    for member in read_members(path, bounds=bounds):
        if PurePosixPath(member.name).name == name:
            return member.content
        names.append(member.name)
    raise DataError(
        f"the archive {path} has no member '{name}'; it holds {', '.join(names[:5]) or 'nothing'}"
    )


def _tar_members(path: Path, bounds: Bounds) -> Iterator[Member]:
    total = 0
    with tarfile.open(path, "r:*") as archive:
        for number, info in enumerate(archive, start=1):
            total += info.size
            _check(path, info.name, number=number, size=info.size, total=total, bounds=bounds)
            if info.isdir():
                continue
            if not info.isreg():
                raise DataError(
                    f"the archive {path} holds '{info.name}', a link or device; only files are accepted"
                )
            content = archive.extractfile(info)
            if content is not None:
                yield Member(name=info.name, content=content.read())


def _zip_members(path: Path, bounds: Bounds) -> Iterator[Member]:
    total = 0
    with zipfile.ZipFile(path) as archive:
        for number, info in enumerate(archive.infolist(), start=1):
            total += info.file_size
            _check(path, info.filename, number=number, size=info.file_size, total=total, bounds=bounds)
            if info.is_dir():
                continue
            if stat.S_ISLNK(info.external_attr >> 16):
                raise DataError(
                    f"the archive {path} holds '{info.filename}', a link; only files are accepted"
                )
            if info.flag_bits & 1:
                raise DataError(f"the archive {path} is encrypted; only plain archives are accepted")
            # zipfile never yields more than the size in the directory, which was checked above
            yield Member(name=info.filename, content=archive.read(info))


def _check(path: Path, name: str, *, number: int, size: int, total: int, bounds: Bounds) -> None:
    member = PurePosixPath(name.replace("\\", "/"))
    if member.is_absolute() or ".." in member.parts or ":" in member.parts[:1]:
        raise DataError(f"the archive {path} holds '{name}', which points outside it; it is not used")
    if number > bounds.num_members or size > bounds.member_bytes or total > bounds.total_bytes:
        raise DataError(
            f"the archive {path} is too large at member {number}, '{name}' ({size} bytes, {total} in all); "
            f"accepted are {bounds.num_members} members, {bounds.member_bytes} bytes each "
            f"and {bounds.total_bytes} in all"
        )
