"""Datasets, read record by record."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from selfinstruct.errors import UserError
from selfinstruct.records.formats import STDIO, TEXT, compressed, damaged, format_of, parquet

OnRead = Callable[[int, int, int], None]
"""Called while files are read: bytes read, bytes in all (0: unknown), records read."""

ANY_JSON = "json or jsonl"  # of .json files: an array of objects, or JSON Lines

_SEPARATOR = re.compile(r"[\s,]*")
_BLOCK = 1 << 16  # characters or bytes
# The error handler surrogateescape leaves these in the place of bytes that are not UTF-8.
_NOT_UTF8 = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Record:
    """A record's fields by name and, from JSON Lines, the line as it stood."""

    where: int  # the line, item or row, counted from 1
    fields: dict[str, Any]
    line: str | None = None


@dataclass(frozen=True, slots=True)
class Bad:
    """Stands in the place of a record that cannot be read."""

    where: int
    why: str


class _Lost(Exception):
    """From here on nothing more can be read."""

    def __init__(self, where: int, why: str) -> None:
        super().__init__(why)
        self.where, self.why = where, why


class Source:
    """An input: its name, its size, how much of that was read, and its records."""

    def __init__(self, path: str, format: str | None = None) -> None:
        """path: "-" is standard input. format: a name in `READERS`, if not told by the file's name.

        Raises UserError if there is no such file.
        """
        if path != STDIO and not Path(path).exists():
            raise UserError(f"{path}: no such file; give a file, or - for standard input")
        self.name = "<stdin>" if path == STDIO else path
        self.size = 0 if path == STDIO else Path(path).stat().st_size
        self._path, self._format = path, format or format_of(path)
        self._raw: IO[bytes] | None = None

    @property
    def done(self) -> int:
        """Bytes of `size` read so far, in compressed files before decompression; 0 for stdin."""
        if self._raw is None or self._path == STDIO:
            return 0
        return self.size if self._raw.closed else self._raw.tell()

    def __iter__(self) -> Generator[Record | Bad, None, None]:
        """Every record in order, `Bad` in the place of an unreadable record.

        Raises UserError where the rest is lost.
        """
        with ExitStack() as stack:
            try:
                self._raw = (
                    sys.stdin.buffer
                    if self._path == STDIO
                    else stack.enter_context(open(self._path, "rb"))
                )
                yield from READERS[self._format](compressed(self._raw, self._path, "rb", stack))
            except _Lost as lost:
                raise UserError(f"{self.name}:{lost.where}: {lost.why}") from None
            except damaged() as error:
                raise UserError(
                    f"{self.name}: damaged or cut off ({error}); compress it anew"
                ) from None
            except OSError as error:
                raise UserError(
                    f"{self.name}: {error.strerror or error}; give a file that can be read"
                ) from None


def _jsonl(file: IO[bytes]) -> Iterator[Record | Bad]:
    for number, raw in enumerate(file, 1):
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            if not line or line.isspace():
                continue
            value = json.loads(line)
        except UnicodeDecodeError:
            yield Bad(number, "not UTF-8")
        except (ValueError, RecursionError) as error:
            yield Bad(number, f"not JSON ({getattr(error, 'msg', error)})")
        else:
            yield (
                Record(number, value, line)
                if isinstance(value, dict)
                else Bad(number, "not a JSON object")
            )


@contextmanager
def _decoded(file: IO[bytes]) -> Iterator[io.TextIOWrapper]:
    text = io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="")
    try:
        yield text
    finally:
        text.detach()  # the file is not ours to close


def _json(file: IO[bytes]) -> Iterator[Record | Bad]:
    """An array of objects, item by item: a 10 GB file takes the memory of its largest item."""
    decoder, buffer, number, inside = json.JSONDecoder(), "", 0, False
    with _decoded(file) as text:
        # As much again as there is, so that a huge item is not tried too often.
        while more := text.read(max(_BLOCK, len(buffer))):
            buffer = (buffer + more).lstrip()
            if not inside and buffer:
                if buffer[0] != "[":
                    raise _Lost(1, "a .json file must hold one array of objects; is it .jsonl?")
                buffer, inside = buffer[1:], True
            at = 0
            while inside:
                # The pattern matches the empty string too.
                start = _SEPARATOR.match(buffer, at).end()  # type: ignore[union-attr]
                if buffer.startswith("]", start):
                    return
                try:
                    value, end = decoder.raw_decode(buffer, start)
                except (ValueError, RecursionError):
                    break  # cut off here, or broken: the end of the file will tell
                if end == len(buffer):
                    break
                number, at = number + 1, end
                if _NOT_UTF8.search(buffer, start, end):
                    yield Bad(number, "not UTF-8")
                else:
                    yield (
                        Record(number, value)
                        if isinstance(value, dict)
                        else Bad(number, "not a JSON object")
                    )
            buffer = buffer[at:]
    raise _Lost(number + 1, "not JSON, or the file ends inside the array")


def _any_json(file: IO[bytes]) -> Iterator[Record | Bad]:
    """An array of objects, or JSON Lines: then the first line holds a whole object."""
    beginning = file.read(_BLOCK).removeprefix(codecs.BOM_UTF8).lstrip()
    file.seek(0)
    if beginning.startswith(b"["):
        return _json(file)
    line, newline, _ = beginning.partition(b"\n")
    if line.startswith(b"{") and (not newline or line.rstrip().endswith(b"}")):
        return _jsonl(file)
    raise _Lost(1, "a .json file must hold an array of objects, or an object on each line")


def _csv(file: IO[bytes], delimiter: str = ",") -> Iterator[Record | Bad]:
    """Rows under a header. A row's place is the line where the row ends."""
    csv.field_size_limit(1 << 30)
    header: list[str] | None = None
    with _decoded(file) as text:
        rows = csv.reader(text, delimiter=delimiter, strict=True)
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield Bad(rows.line_num, f"not CSV ({error})")
                continue
            if not row:
                continue
            if header is None:
                header = row
            elif len(row) != len(header):
                yield Bad(rows.line_num, f"{len(row)} values under a header of {len(header)}")
            elif any(map(_NOT_UTF8.search, row)):
                yield Bad(rows.line_num, "not UTF-8")
            else:
                yield Record(rows.line_num, dict(zip(header, row, strict=True)))


def _tsv(file: IO[bytes]) -> Iterator[Record | Bad]:
    return _csv(file, "\t")


def _txt(file: IO[bytes]) -> Iterator[Record | Bad]:
    """Plain text, an instruction a line; blank lines are passed over."""
    for number, raw in enumerate(file, 1):
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            yield Bad(number, "not UTF-8")
        else:
            if line and not line.isspace():
                yield Record(number, {"instruction": line})


def _parquet(file: IO[bytes]) -> Iterator[Record | Bad]:
    arrow, files = parquet()
    if not file.seekable():
        raise _Lost(0, "Parquet cannot be read from a pipe; give the file's name")
    try:
        batches = files.ParquetFile(file).iter_batches(batch_size=1024)
        number = 0
        for batch in batches:
            for fields in batch.to_pylist():
                number += 1
                yield Record(number, fields)
    except arrow.ArrowException as error:
        raise _Lost(0, f"not Parquet ({error})") from None


READERS: dict[str, Callable[[IO[bytes]], Iterator[Record | Bad]]] = {
    "jsonl": _jsonl, "json": _json, "csv": _csv, "tsv": _tsv, "parquet": _parquet,
    ANY_JSON: _any_json, TEXT: _txt,
}  # fmt: skip
