"""A JSON array of objects, read item by item."""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import IO

from selfinstruct.records.encoding import peeked
from selfinstruct.records.lines import holds_lines, read_jsonl
from selfinstruct.records.record import Bad, Lost, Piece, Record

_SEPARATOR = re.compile(r"[\s,]*")
_BLOCK = 1 << 16  # characters or bytes
# The error handler surrogateescape leaves these in the place of bytes that are not UTF-8.
NOT_UTF8 = re.compile("[\udc80-\udcff]")


@contextmanager
def decoded(file: IO[bytes]) -> Iterator[io.TextIOWrapper]:
    """The text of a file; bytes that are not UTF-8 become lone surrogates."""
    text = io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="")
    try:
        yield text
    finally:
        text.detach()  # the file is not ours to close


def encoded(text: str) -> bytes:
    """The bytes from which `decoded` made a text."""
    return text.encode("utf-8", "surrogateescape")


def read_json(file: IO[bytes], pieces: bool) -> Generator[Record | Bad, None, bytes]:
    """An array of objects, or JSON Lines under a name in .json.

    Returns the bytes behind the last record. Raises Lost for any other text.
    """
    beginning, file = peeked(file, _BLOCK)
    beginning = beginning.removeprefix(codecs.BOM_UTF8).lstrip()
    if holds_lines(beginning):
        return (yield from read_jsonl(file, pieces))
    if beginning and not beginning.startswith(b"["):
        raise Lost(
            1,
            "a .json file must hold an array of objects, or an object on each line"
            + ("; take the list out of this object" if beginning.startswith(b"{") else ""),
        )
    return (yield from _read_array(file, pieces))


def _read_array(file: IO[bytes], pieces: bool) -> Generator[Record | Bad, None, bytes]:
    """Item by item: a file of 10 GB takes the memory of its largest item."""
    decoder, buffer, number, inside, skipped = json.JSONDecoder(), "", 0, False, ""
    with decoded(file) as text:
        # As much again as there is, so that a huge item is not tried too often.
        while more := text.read(max(_BLOCK, len(buffer))):
            buffer += more
            at = 0
            if not inside and (opening := buffer.lstrip()):
                at = len(buffer) - len(opening) + 1
                skipped, inside = buffer[:at], True
            while inside:
                # The pattern matches the empty string too.
                start = _SEPARATOR.match(buffer, at).end()  # type: ignore[union-attr]
                if buffer.startswith("]", start):
                    return encoded(skipped + buffer[at:] + text.read()) if pieces else b""
                try:
                    value, end = decoder.raw_decode(buffer, start)
                except (ValueError, RecursionError):
                    break  # cut off here, or broken: the end of the file will tell
                if end == len(buffer):
                    break
                piece = None
                if pieces:
                    piece = Piece(encoded(skipped + buffer[at:start]), encoded(buffer[start:end]))
                number, at, skipped = number + 1, end, ""
                if NOT_UTF8.search(buffer, start, end):
                    yield Bad(number, "not UTF-8", piece)
                elif isinstance(value, dict):
                    yield Record(number, value, None, piece)
                else:
                    yield Bad(number, "not a JSON object", piece)
            buffer = buffer[at:]
    raise Lost(number + 1, "not JSON, or the file ends inside the array")
