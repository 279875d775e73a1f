"""Datasets as streams of records: JSON Lines, JSON, CSV, TSV and Parquet, plain or compressed, files or standard streams.

Nothing is held whole: a reader yields one record at a time, a writer takes one at a time and puts a complete file in place
when it is closed. The one owner of these formats; pyarrow and zstandard are asked for only by those who need them.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from selfinstruct.errors import UserError

STDIO = "-"
_SEPARATOR = re.compile(r"[\s,]*")


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its fields by name and, from JSON Lines, the line as it stood."""

    where: int  # the line, item or row, counted from 1
    fields: dict[str, Any]
    line: str | None = None


@dataclass(frozen=True, slots=True)
class Bad:
    """What stands in a record's place and cannot be read."""

    where: int
    why: str


class _Lost(Exception):
    """From here on nothing more can be read."""

    def __init__(self, where: int, why: str) -> None:
        super().__init__(why)
        self.where, self.why = where, why


class Source:
    """One input: what it is called, how big it is, how far it has been read, and its records."""

    def __init__(self, name: str, kind: str | None = None) -> None:
        """name: a path, or "-" for standard input. kind: a name in `READERS`, instead of what the file's name says."""
        self.name = "<stdin>" if name == STDIO else name
        self._path = name
        self._kind = kind or _kind(name)
        self._raw: IO[bytes] | None = None
        self._done = 0
        if name != STDIO and not Path(name).is_file():
            raise UserError(f"{name}: {'is a directory' if Path(name).is_dir() else 'no such file'}; give a file, or - for standard input")
        self.size = 0 if name == STDIO else Path(name).stat().st_size

    @property
    def done(self) -> int:
        """Bytes of `size` read so far (compressed ones, if the file is)."""
        return self._raw.tell() if self._raw and not self._raw.closed and self._path != STDIO else self._done

    def __iter__(self) -> Iterator[Record | Bad]:
        """Every record in order, `Bad` in the place of one that cannot be read. Raises UserError if the rest is lost."""
        with ExitStack() as stack:
            try:
                self._raw = sys.stdin.buffer if self._path == STDIO else stack.enter_context(open(self._path, "rb"))
                yield from READERS[self._kind](_decompressed(self._raw, self._path, stack))
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise UserError(f"{self.name}: damaged or cut off ({error}); compress it anew") from None
            except _Lost as lost:
                raise UserError(f"{self.name}:{lost.where}: {lost.why}") from None
            except OSError as error:
                raise UserError(f"{self.name}: {error.strerror or error}") from None
        self._done = self.size


def _kind(name: str) -> str:
    """The format that a file's name says; JSON Lines for a standard stream."""
    if name == STDIO:
        return "jsonl"
    suffixes = [suffix.lower() for suffix in Path(name).suffixes]
    if suffixes and suffixes[-1] in (".gz", ".zst"):
        suffixes.pop()
    kind = {"ndjson": "jsonl"}.get(suffixes[-1][1:], suffixes[-1][1:]) if suffixes else ""
    if kind not in READERS:
        raise UserError(f"{name}: cannot tell the format from the name; known are .{', .'.join(READERS)}, with .gz or .zst, or say it")
    return kind


def _decompressed(raw: IO[bytes], name: str, stack: ExitStack) -> IO[bytes]:
    if name.lower().endswith(".gz"):
        return stack.enter_context(gzip.open(raw, "rb"))  # type: ignore[return-value]  # a GzipFile reads as IO[bytes]
    if name.lower().endswith(".zst"):
        return stack.enter_context(_zstandard(raw, "rb"))
    return raw


def _zstandard(raw: IO[bytes] | Path, mode: str) -> IO[bytes]:
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd as zstandard
        else:
            import zstandard
    except ImportError:
        raise UserError("reading and writing .zst needs zstandard: pip install 'selfinstruct[dedupe]'") from None
    opened: IO[bytes] = zstandard.open(raw, mode)
    return opened


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
            yield Record(number, value, line) if isinstance(value, dict) else Bad(number, "not a JSON object")


def _json(file: IO[bytes]) -> Iterator[Record | Bad]:
    """One array of objects, read item by item: a 10 GB file takes the memory of its largest item."""
    text, decoder = io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape"), json.JSONDecoder()
    buffer, number, inside = "", 0, False
    while more := text.read(max(1 << 16, len(buffer))):  # as much again, so that a huge item is not tried too often
        buffer = (buffer + more).lstrip()
        if not inside and buffer:
            if buffer[0] != "[":
                raise _Lost(1, "a .json file must hold one array of objects; is it .jsonl?")
            buffer, inside = buffer[1:], True
        at = 0
        while inside:
            start = _SEPARATOR.match(buffer, at).end()  # type: ignore[union-attr]  # it matches the empty string too
            if buffer.startswith("]", start):
                return
            try:
                value, end = decoder.raw_decode(buffer, start)
            except (ValueError, RecursionError):
                break  # cut off here, or broken: the end of the file will tell
            if end == len(buffer):
                break
            number, at = number + 1, end
            yield _checked(number, value)
        buffer = buffer[at:]
    raise _Lost(number + 1, "not JSON, or the file ends inside the array")


def _csv(file: IO[bytes], delimiter: str = ",") -> Iterator[Record | Bad]:
    """Rows under a header. The line of a row is the one that it ends on."""
    csv.field_size_limit(1 << 30)
    rows = csv.reader(io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
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
        else:
            yield _checked(rows.line_num, dict(zip(header, row, strict=True)))


def _tsv(file: IO[bytes]) -> Iterator[Record | Bad]:
    return _csv(file, "\t")


def _parquet(file: IO[bytes]) -> Iterator[Record | Bad]:
    pyarrow = _pyarrow()
    if not file.seekable():
        raise _Lost(0, "Parquet cannot be read from a pipe; give the file's name")
    try:
        batches = pyarrow.parquet.ParquetFile(file).iter_batches(batch_size=1024)
        number = 0
        for batch in batches:
            for fields in batch.to_pylist():
                number += 1
                yield Record(number, fields)
    except pyarrow.ArrowException as error:
        raise _Lost(0, f"not Parquet ({error})") from None


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UserError("reading and writing .parquet needs pyarrow: pip install 'selfinstruct[dedupe]'") from None
    return pyarrow


def _checked(number: int, value: object) -> Record | Bad:
    if not isinstance(value, dict):
        return Bad(number, "not a JSON object")
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return Bad(number, "not UTF-8")
    return Record(number, value)


READERS: dict[str, Callable[[IO[bytes]], Iterator[Record | Bad]]] = {
    "jsonl": _jsonl, "json": _json, "csv": _csv, "tsv": _tsv, "parquet": _parquet,
}  # fmt: skip


@contextmanager
def writing(name: str, kind: str | None = None) -> Iterator[Callable[[Record], None]]:
    """Gives a function that writes one record. The file appears, complete, when the block is left without an error."""
    kind = kind or _kind(name)
    if name == STDIO:
        with WRITERS[kind](sys.stdout.buffer) as write:
            yield write
        sys.stdout.buffer.flush()
        return
    part = Path(name + ".part")
    try:
        with ExitStack() as stack:
            raw = stack.enter_context(open(part, "wb"))
            yield stack.enter_context(WRITERS[kind](_compressed(raw, name, stack)))
        os.replace(part, name)
    except OSError as error:
        raise UserError(f"{name}: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)


def _compressed(raw: IO[bytes], name: str, stack: ExitStack) -> IO[bytes]:
    if name.lower().endswith(".gz"):  # without a time in the header: the same records give the same bytes
        return stack.enter_context(gzip.GzipFile("", "wb", 6, raw, mtime=0))  # type: ignore[return-value]
    if name.lower().endswith(".zst"):
        return stack.enter_context(_zstandard(raw, "wb"))
    return raw


@contextmanager
def _jsonl_out(file: IO[bytes]) -> Iterator[Callable[[Record], None]]:
    yield lambda record: (file.write((record.line or _as_json(record.fields)).encode() + b"\n"), None)[1]


@contextmanager
def _json_out(file: IO[bytes]) -> Iterator[Callable[[Record], None]]:
    before = b"[\n"

    def write(record: Record) -> None:
        nonlocal before
        file.write(before + _as_json(record.fields).encode())
        before = b",\n"

    yield write
    file.write(b"\n]\n" if before == b",\n" else b"[]\n")


@contextmanager
def _csv_out(file: IO[bytes], delimiter: str = ",") -> Iterator[Callable[[Record], None]]:
    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
    rows, header = csv.writer(text, delimiter=delimiter, lineterminator="\n"), list[str]()

    def write(record: Record) -> None:
        if not header:
            header.extend(record.fields)
            rows.writerow(header)
        if record.fields.keys() != set(header):
            raise UserError(f"record {record.where} has other fields than the header ({', '.join(header)}); write .jsonl instead")
        rows.writerow([v if isinstance(v := record.fields[name], str) else "" if v is None else _as_json(v) for name in header])

    yield write
    text.flush()
    text.detach()


def _tsv_out(file: IO[bytes]) -> Any:
    return _csv_out(file, "\t")


@contextmanager
def _parquet_out(file: IO[bytes]) -> Iterator[Callable[[Record], None]]:
    """The first 10,000 records decide the types of the columns."""
    pyarrow, waiting, writer = _pyarrow(), list[dict[str, Any]](), None

    def flush() -> None:
        nonlocal writer
        try:
            table = pyarrow.Table.from_pylist(waiting, schema=writer.schema if writer else None)
        except pyarrow.ArrowException as error:
            raise UserError(f"records do not fit one Parquet schema ({error}); write .jsonl instead") from None
        writer = writer or pyarrow.parquet.ParquetWriter(file, table.schema)
        writer.write_table(table)
        waiting.clear()

    def write(record: Record) -> None:
        waiting.append(record.fields)
        if len(waiting) == 10_000:
            flush()

    yield write
    if waiting or writer is None:
        flush()
    writer.close()


WRITERS = {"jsonl": _jsonl_out, "json": _json_out, "csv": _csv_out, "tsv": _tsv_out, "parquet": _parquet_out}


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
