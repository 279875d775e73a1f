"""A copy of a dataset in which some texts are others, and every other byte stays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import IO, Protocol

from selfinstruct.errors import UserError
from selfinstruct.records.columnar import schema_of
from selfinstruct.records.edits import Changes, changed, edited
from selfinstruct.records.formats import STDIO, format_of
from selfinstruct.records.reading import Source
from selfinstruct.records.record import Bad, Record
from selfinstruct.records.writing import Write, placing, writing


class Copy(Protocol):
    """What becomes of each record of the source, in order."""

    def keep(self, record: Record | Bad) -> None:
        """Copies a record as it stands. Raises UserError if the form of the copy has no such."""

    def change(self, record: Record, changes: Changes) -> bool:
        """Copies a record with new texts; False if they fit not, and the old stay."""

    def leave_out(self, record: Record | Bad) -> None:
        """Copies nothing."""


@contextmanager
def copying(source: Source, out: str, format: str | None = None) -> Iterator[Copy]:
    """Gives the copy of a source, whose records must have pieces.

    A copy in the source's own format, but Parquet, is made of the source's bytes (in UTF-8, and
    compressed as the name says). The file takes its place at the end of the block.
    """
    wanted = (format or "jsonl") if out == STDIO else format_of(out)
    if wanted != source.format or wanted == "parquet":
        schema = schema_of([source.path]) if source.format == wanted == "parquet" else None
        with writing(out, wanted, schema) as write:
            yield _Rewritten(source, write)
        return
    with placing(out) as file:
        copy = _OfBytes(file)
        yield copy
        copy.finish(source.end)


class _OfBytes:
    """A copy made of the source's bytes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._opening: bytes | None = None  # of a list whose first items were left out
        self._has_items = False

    def keep(self, record: Record | Bad) -> None:
        assert record.piece is not None
        self._write(record.piece.before, record.piece.text)

    def change(self, record: Record, changes: Changes) -> bool:
        assert record.piece is not None
        text = edited(record, record.piece, changes)
        self._write(record.piece.before, record.piece.text if text is None else text)
        return text is not None

    def leave_out(self, record: Record | Bad) -> None:
        before = record.piece.before if record.piece is not None else b""
        if self._opening is None and not self._has_items:
            self._opening = before
        elif self._opening is None and b"," not in before:
            self._file.write(before)  # blank lines

    def finish(self, end: bytes) -> None:
        self._file.write((self._opening or b"") + end)

    def _write(self, before: bytes, text: bytes) -> None:
        if self._opening is not None:  # instead of the comma
            before = self._opening
        self._file.write(before + text)
        self._opening, self._has_items = None, True


class _Rewritten:
    """A copy in another format, or of Parquet: the records are written anew."""

    def __init__(self, source: Source, write: Write) -> None:
        self._source, self._put = source, write

    def keep(self, record: Record | Bad) -> None:
        if isinstance(record, Bad):
            raise UserError(
                f"{self._source.name}:{record.where}: {record.why}; a copy in another format "
                "cannot hold that: --skip-bad leaves such records out"
            )
        self._put(record)

    def change(self, record: Record, changes: Changes) -> bool:
        fields = changed(record.fields, changes)
        self._put(replace(record, fields=fields, line=None))
        return True

    def leave_out(self, record: Record | Bad) -> None:
        pass
