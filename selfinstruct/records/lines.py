"""JSON Lines and plain text, read line by line."""

from __future__ import annotations

import codecs
import json
from collections.abc import Generator
from typing import IO

from selfinstruct.records.record import Bad, Piece, Record

_decode = json.JSONDecoder().raw_decode  # without the checks of json.loads, in half the time


def read_jsonl(file: IO[bytes], pieces: bool) -> Generator[Record | Bad, None, bytes]:
    """An object a line; blank lines are passed over. Returns the bytes behind the last record."""
    before = b""
    for number, raw in enumerate(file, 1):
        piece = Piece(before, raw) if pieces else None
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            if not line or line.isspace():
                before += raw if pieces else b""
                continue
            value, end = _decode(line) if line[0] == "{" else (None, -1)
            if end != len(line):  # white space around the object, or no object
                value = json.loads(line)
        except UnicodeDecodeError as error:
            yield Bad(number, _not_utf8(error), piece)
        except (ValueError, RecursionError) as error:
            yield Bad(number, f"not JSON ({getattr(error, 'msg', error)})", piece)
        else:
            yield (
                Record(number, value, line, piece)
                if isinstance(value, dict)
                else Bad(number, "not a JSON object", piece)
            )
        before = b""
    return before


def read_txt(file: IO[bytes], pieces: bool) -> Generator[Record | Bad, None, bytes]:
    """Plain text, an instruction a line; blank lines are passed over."""
    for number, raw in enumerate(file, 1):
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            yield Bad(number, _not_utf8(error))
        else:
            if line and not line.isspace():
                yield Record(number, {"instruction": line})
    return b""


def holds_lines(beginning: bytes) -> bool:
    """Whether a .json file's beginning is that of JSON Lines: an object on the first line."""
    line, newline, _ = beginning.removeprefix(codecs.BOM_UTF8).lstrip().partition(b"\n")
    return line.startswith(b"{") and (not newline or line.rstrip().endswith(b"}"))


def _not_utf8(error: UnicodeDecodeError) -> str:
    return f"not UTF-8 (byte {error.start + 1})"
