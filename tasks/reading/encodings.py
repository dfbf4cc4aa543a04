"""Which encoding a file is in, and whether a text was decoded with a wrong one; rules, no statistics.

A guess over many encodings errs on short texts; here UTF-8 is recognised for certain (other text hardly ever
decodes as UTF-8), and everything else is taken for Western European text.
"""

import codecs
from dataclasses import dataclass
from pathlib import Path

from tasks.card import Undecodable
from tasks.errors import DataError

CHUNK_BYTES = 2**20
MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
"""Byte-order marks and the encodings they announce."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodingGuess:
    """An encoding by Python's name, and what is to become of bytes that do not fit it."""

    encoding: str
    undecodable: Undecodable = Undecodable.REFUSE
    reason: str = ""
    """Why it is not plain UTF-8; empty where it is."""


def guess_encoding(path: Path) -> EncodingGuess:
    """The encoding of a text file: by its mark; UTF-8 where all or most of it decodes; cp1252; Latin-1.

    Raises:
        DataError: The file holds NUL bytes, so it is no text in any of these.
    """
    with path.open("rb") as file:
        head = file.read(CHUNK_BYTES)
    for mark, encoding in MARKS.items():
        if head.startswith(mark):
            reason = "" if encoding == "utf-8" else "by its byte-order mark"
            return EncodingGuess(encoding=encoding, reason=reason)
    if b"\0" in head:
        raise DataError(f"{path} holds NUL bytes, so it is not text; save it as CSV in UTF-8")
    if _decodes(path, "utf-8"):
        return EncodingGuess(encoding="utf-8")
    text = head.decode("utf-8", "replace")
    num_lost = text.count("\ufffd")
    if sum(not sign.isascii() for sign in text) - num_lost > num_lost:
        return EncodingGuess(
            encoding="utf-8",
            undecodable=Undecodable.REPLACE,
            reason="mostly UTF-8, with other bytes among it, which become U+FFFD",
        )
    encoding = "cp1252" if _decodes(path, "cp1252") else "latin-1"
    return EncodingGuess(encoding=encoding, reason="it is not UTF-8; Western European text is assumed")


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        try:
            while chunk := file.read(CHUNK_BYTES):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def is_misread(text: str) -> bool:
    """Whether the text, written as cp1252 or Latin-1 again, is UTF-8 of other characters."""
    if text.isascii():
        return False
    for encoding in ("cp1252", "latin-1"):
        try:
            return text.encode(encoding).decode("utf-8") != text
        except UnicodeError:
            continue
    return False


def has_controls(text: str) -> bool:
    """Whether there are C1 control characters, which no one types; U+0085 is a line end."""
    return any("\x80" <= sign <= "\x9f" and sign != "\x85" for sign in text)
