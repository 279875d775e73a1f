"""The encoding of a text file: UTF-8, or UTF-16 and UTF-32 by their marks; other files by name."""

from __future__ import annotations

import codecs
import io
from contextlib import ExitStack
from typing import IO, Any, cast

from selfinstruct.records.record import Lost

_BLOCK = 1 << 14  # characters
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# The beginnings of files that a wrong name or an unfinished download makes look like data.
_OTHERS = (
    (b"PK\x03\x04", "a ZIP archive or a spreadsheet; unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an Excel file; save the sheet as CSV"),
    (b"PAR1", "Parquet; let its name end in .parquet, or say --format parquet"),
    (b"ARROW1", "an Arrow file; write it as Parquet or JSON Lines"),
    (b"SQLite format 3", "an SQLite database; export the table as CSV"),
    (b"\x1f\x8b", "compressed by gzip; let its name end in .gz"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd; let its name end in .zst"),
    (b"BZh", "compressed by bzip2; unpack it"),
    (b"\xfd7zXZ", "compressed by xz; unpack it"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the data; fetch it: git lfs pull"),
    (b"<!doctype html", "a web page, not data; download the file itself"),
    (b"<html", "a web page, not data; download the file itself"),
)
_SEEN = 32  # bytes of a beginning


def as_utf8(file: IO[bytes], stack: ExitStack) -> IO[bytes]:
    """The file, or a stream of its text in UTF-8 if the text is in UTF-16 or UTF-32.

    A mark of UTF-8 stays in the stream. Raises Lost, with the cause, for a file that is no text.
    """
    beginning, file = peeked(file, _SEEN)
    for start, kind in _OTHERS:
        if beginning.lower().startswith(start.lower()):
            raise Lost(1, f"is {kind}")
    encoding = _encoding(beginning)
    if encoding is None:
        return file
    text = io.TextIOWrapper(file, encoding, newline="")
    stack.callback(text.detach)  # closed, the wrapper would close a file that is not its own
    return io.BufferedReader(_AsUtf8(text, encoding))


def peeked(file: IO[bytes], size: int) -> tuple[bytes, IO[bytes]]:
    """The first bytes, at most so many, and a file that gives them again."""
    if not hasattr(file, "peek") and file.seekable():
        at = file.tell()
        beginning = file.read(size)
        file.seek(at)
        return beginning, file
    again: Any = file if hasattr(file, "peek") else io.BufferedReader(cast(Any, file))
    return bytes(again.peek(size)[:size]), again


def _encoding(beginning: bytes) -> str | None:
    """A codec; None for UTF-8. Without a mark, NUL beside each ASCII letter tells UTF-16."""
    for mark, encoding in _MARKS:
        if beginning.startswith(mark):
            return encoding
    first = beginning[:4]
    if len(first) == 4 and first[1] == first[3] == 0 and first[0] and first[2]:
        return "utf-16-le"
    if len(first) == 4 and first[0] == first[2] == 0 and first[1] and first[3]:
        return "utf-16-be"
    return None


class _AsUtf8(io.RawIOBase):
    """A text as bytes in UTF-8."""

    def __init__(self, text: io.TextIOWrapper, encoding: str) -> None:
        self._text, self._encoding, self._rest = text, encoding.upper(), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            try:
                self._rest = self._text.read(_BLOCK).encode("utf-8", "surrogatepass")
            except UnicodeDecodeError as error:
                raise Lost(1, f"not {self._encoding}, as its mark says ({error.reason})") from None
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
