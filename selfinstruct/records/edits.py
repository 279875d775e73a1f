"""Texts of a record replaced where they stand, so that the rest of the record keeps its bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from selfinstruct.records.record import Piece, Record
from selfinstruct.records.rows import written
from selfinstruct.records.values import Place

Changes = Mapping[Place, str]
"""New texts by the places of the old."""

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


def changed(fields: dict[str, Any], changes: Changes) -> dict[str, Any]:
    """The fields with the new texts; the given fields stay as they are."""
    for place, text in changes.items():
        fields = _with(fields, place, text)
    return fields


def edited(record: Record, piece: Piece, changes: Changes) -> bytes | None:
    """The bytes of a record with the new texts: only these texts differ from the old bytes.

    Of a table's row, all cells are written anew. None if the form has no place for a text: a line
    end in a cell of TSV without quotation marks.
    """
    if piece.delimiter:
        return _row(record, piece, changes)
    text = piece.text.decode()
    spans = sorted((*_span(text, place), new) for place, new in changes.items())
    for start, end, new in reversed(spans):
        in_ascii = "\\u" in text[start:end]
        text = text[:start] + json.dumps(new, ensure_ascii=in_ascii) + text[end:]
    return text.encode("utf-8", "backslashreplace")


def _with(value: Any, place: Place, text: str) -> Any:
    if not place:
        return text
    key, *rest = place
    copied = dict(value) if isinstance(value, Mapping) else list(value)
    copied[key] = _with(copied[key], tuple(rest), text)  # type: ignore[index]
    return copied


def _span(text: str, place: Place) -> tuple[int, int]:
    """Where the JSON of a value begins and ends in the JSON of its record."""
    at = text.index("{")
    for key in place:
        at = _member(text, at, key)
    return at, _end(text, at)


def _member(text: str, at: int, key: str | int) -> int:
    """Where the value of a key begins, or an item of a list; of equal keys the last counts."""
    found, number, is_object = -1, 0, text[at] == "{"
    at = _skip(text, at + 1)
    while text[at] not in "}]":
        name: str | int = number
        if is_object:
            name, at = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)  # behind the colon
        if name == key:
            found = at
        at, number = _skip(text, _end(text, at)), number + 1
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found


def _end(text: str, at: int) -> int:
    return _DECODER.raw_decode(text, at)[1]


def _skip(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]  # matches the empty text too


def _row(record: Record, piece: Piece, changes: Changes) -> bytes | None:
    cells = list(changed(record.fields, changes).values())
    old = piece.text.decode()
    ending = old[len(old.rstrip("\r\n")) :]
    if not piece.quoted:
        if any(sign in cell for cell in cells for sign in (piece.delimiter, "\n", "\r")):
            return None
        return (piece.delimiter.join(cells) + ending).encode()
    return (written(cells, piece.delimiter) + ending).encode()
