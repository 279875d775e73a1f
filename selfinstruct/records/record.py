"""A record of a dataset, a record that cannot be read, and the bytes that a copy needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Piece:
    """The bytes of a record in its file, in UTF-8.

    before: from the end of the record before, as blank lines or a comma. delimiter: of the cells
    of a table. quoted: whether quotation marks may enclose cells.
    """

    before: bytes
    text: bytes
    delimiter: str = ""
    quoted: bool = True


@dataclass(frozen=True, slots=True)
class Record:
    """A record's fields by name and, from JSON Lines, the line as it stood."""

    where: int  # the line, item or row, counted from 1
    fields: dict[str, Any]
    line: str | None = None
    piece: Piece | None = field(default=None, compare=False, repr=False)  # only if asked for


@dataclass(frozen=True, slots=True)
class Bad:
    """Stands in the place of a record that cannot be read."""

    where: int
    why: str
    piece: Piece | None = field(default=None, compare=False, repr=False)


class Lost(Exception):
    """From here on nothing more can be read."""

    def __init__(self, where: int, why: str) -> None:
        super().__init__(why)
        self.where, self.why = where, why
