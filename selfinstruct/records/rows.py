"""CSV and TSV, read row by row under a header."""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterable, Iterator
from itertools import chain
from typing import IO

from selfinstruct.records.arrays import NOT_UTF8, decoded, encoded
from selfinstruct.records.record import Bad, Piece, Record

_LONGEST = 1 << 30  # characters of a cell


def read_csv(file: IO[bytes], pieces: bool) -> Generator[Record | Bad, None, bytes]:
    """Rows of cells between commas, or between semicolons or tabs where the header has no comma.

    The first line may say "sep=;". A row's place is the line where the row ends. Returns the
    bytes behind the last row.
    """
    with decoded(file) as text:
        first = text.readline()
        said = first.strip().lower()
        if said.startswith("sep=") and len(said) == 5:
            delimiter, lines, skipped = said[-1], chain([], text), first
        else:
            delimiter, lines, skipped = _delimiter(first), chain([first] * bool(first), text), ""
        rows = _Rows(lines, delimiter, quoted=True, skipped=skipped)
        yield from rows.read(pieces)
        return encoded(rows.taken())


def read_tsv(file: IO[bytes], pieces: bool) -> Generator[Record | Bad, None, bytes]:
    """Rows of cells between tabs.

    Quotation marks enclose cells if the whole file can be read so; else they are letters, as in
    FLAN's files. From a pipe, which is read once, they enclose cells.
    """
    quoted = not file.seekable() or _is_quoted(file)
    with decoded(file) as text:
        rows = _Rows(text, "\t", quoted=quoted)
        yield from rows.read(pieces)
        return encoded(rows.taken())


class _Rows:
    """The rows of a table, with the text of each."""

    def __init__(
        self, lines: Iterable[str], delimiter: str, *, quoted: bool, skipped: str = ""
    ) -> None:
        csv.field_size_limit(_LONGEST)
        self._delimiter, self._quoted, self._taken = delimiter, quoted, [skipped]
        self._before_header = 1 if skipped else 0
        self._rows = csv.reader(
            self._noted(lines),
            delimiter=delimiter,
            strict=True,
            quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        )

    def read(self, pieces: bool) -> Iterator[Record | Bad]:
        header: list[str] | None = None
        before = b""
        while True:
            if not pieces:
                self._taken.clear()
            try:
                row = next(self._rows)
            except StopIteration:
                self._taken.insert(0, before.decode("utf-8", "surrogateescape"))
                return
            except csv.Error as error:
                yield Bad(self._line, f"not CSV ({error})", self._piece(before, pieces))
                before = b""
                continue
            if not row or header is None:
                header = row or header
                before += encoded(self.taken())
                continue
            piece, before = self._piece(before, pieces), b""
            if len(row) != len(header):
                why = f"{len(row)} values under a header of {len(header)}"
                yield Bad(self._line, why, piece)
            elif any(map(NOT_UTF8.search, row)):
                yield Bad(self._line, "not UTF-8", piece)
            else:
                yield Record(self._line, dict(zip(header, row, strict=True)), None, piece)

    def taken(self) -> str:
        """The text since this was asked last."""
        text = "".join(self._taken)
        self._taken.clear()
        return text

    @property
    def _line(self) -> int:
        return self._rows.line_num + self._before_header

    def _piece(self, before: bytes, pieces: bool) -> Piece | None:
        if not pieces:
            return None
        return Piece(before, encoded(self.taken()), self._delimiter, self._quoted)

    def _noted(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            self._taken.append(line)
            yield line


def _delimiter(header: str) -> str:
    """A comma, unless the header has none but another sign between its names."""
    for sign in (",", ";", "\t"):
        if sign in header:
            return sign
    return ","


def written(cells: Iterable[str], delimiter: str) -> str:
    """A row without its line end, with quotation marks around the cells that need them."""
    line = io.StringIO(newline="")
    # Pythons before 3.13 quote a cell with a line end only if that is the writer's own.
    csv.writer(line, delimiter=delimiter, lineterminator="\r\n").writerow(cells)
    return line.getvalue().removesuffix("\r\n")


def _is_quoted(file: IO[bytes]) -> bool:
    """Whether quotation marks enclose the cells of a TSV file. Reads the file and goes back.

    They do where more rows fit the header so, or where no row tells. The lines of a cell may be
    taken for rows that fit; hence they do, too, where all rows are as a writer of quoted cells
    writes them. In a text whose marks are letters, some stand inside a cell or are not doubled.
    """
    at = file.tell()
    fitting = {
        quoted: sum(-1 if isinstance(row, Bad) else 1 for row in _tried(file, at, quoted=quoted))
        for quoted in (True, False)
    }
    is_quoted = fitting[True] >= fitting[False] or all(
        isinstance(row, Record) and _is_as_written(row)
        for row in _tried(file, at, quoted=True, pieces=True)
    )
    file.seek(at)
    return is_quoted


def _is_as_written(row: Record) -> bool:
    assert row.piece is not None
    text = row.piece.text.decode("utf-8", "surrogateescape")
    return text.rstrip("\r\n") == written(row.fields.values(), "\t")


def _tried(
    file: IO[bytes], at: int, *, quoted: bool, pieces: bool = False
) -> Iterator[Record | Bad]:
    file.seek(at)
    with decoded(file) as text:
        yield from _Rows(text, "\t", quoted=quoted).read(pieces)
