"""Datasets, written record by record. A file appears complete or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from selfinstruct.errors import UserError
from selfinstruct.records.formats import STDIO, compressed, format_of, parquet
from selfinstruct.records.reading import Record

Write = Callable[[Record], None]


@contextmanager
def writing(path: str, format: str | None = None) -> Iterator[Write]:
    """Gives a function that writes a record to a path ("-" is standard output).

    The file takes its place at the end of the block. After an error in the block no file appears.
    """
    format = format or format_of(path)
    if path == STDIO:
        with WRITERS[format](sys.stdout.buffer) as write:
            yield write
        sys.stdout.buffer.flush()
        return
    is_pipe = Path(path).exists() and not Path(path).is_file()
    aside = Path(path if is_pipe else f"{path}.part")
    try:
        with ExitStack() as stack:
            raw = stack.enter_context(_opened(aside))
            yield stack.enter_context(WRITERS[format](compressed(raw, path, "wb", stack)))
        if aside != Path(path):
            os.replace(aside, path)
    finally:
        if aside != Path(path):
            aside.unlink(missing_ok=True)


def _opened(path: Path) -> IO[bytes]:
    try:
        return open(path, "wb")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; choose another place to write to") from None


@contextmanager
def _jsonl_out(file: IO[bytes]) -> Iterator[Write]:
    def write(record: Record) -> None:
        file.write((record.line.encode() if record.line else as_json(record.fields)) + b"\n")

    yield write


@contextmanager
def _json_out(file: IO[bytes]) -> Iterator[Write]:
    before = b"[\n"

    def write(record: Record) -> None:
        nonlocal before
        file.write(before + as_json(record.fields))
        before = b",\n"

    yield write
    file.write(b"\n]\n" if before == b",\n" else b"[]\n")


@contextmanager
def _csv_out(file: IO[bytes], delimiter: str = ",") -> Iterator[Write]:
    text = io.TextIOWrapper(file, "utf-8", "backslashreplace", newline="")
    header = list[str]()
    # Pythons before 3.13 quote a cell with a line end only if that is the writer's own.
    line = io.StringIO(newline="")
    rows = csv.writer(line, delimiter=delimiter, lineterminator="\r\n")

    def put(cells: list[str]) -> None:
        rows.writerow(cells)
        text.write(line.getvalue().removesuffix("\r\n") + "\n")
        line.seek(0)
        line.truncate()

    def write(record: Record) -> None:
        if not header:
            header.extend(record.fields)
            put(header)
        if record.fields.keys() != set(header):
            raise UserError(
                f"record {record.where} has other fields than the header "
                f"({', '.join(header)}); write .jsonl instead"
            )
        put([_cell(record.fields[name]) for name in header])

    try:
        yield write
    finally:
        text.detach()  # flushes; otherwise the wrapper would close standard output with itself


def _cell(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else as_json(value).decode()


def _tsv_out(file: IO[bytes]) -> AbstractContextManager[Write]:
    return _csv_out(file, "\t")


@contextmanager
def _parquet_out(file: IO[bytes]) -> Iterator[Write]:
    """The first 10,000 records decide the columns and their types."""
    arrow, files = parquet()
    waiting = list[dict[str, Any]]()
    writer: Any = None

    def flush() -> None:
        nonlocal writer
        names = list(dict.fromkeys(name for fields in waiting for name in fields))
        if writer and (more := set(names) - set(writer.schema.names)):
            raise UserError(
                f"a column {more.pop()!r} that the first 10,000 records lack "
                "does not fit into Parquet; write .jsonl"
            )
        try:
            columns = {
                name: [fields.get(name) for fields in waiting]
                for name in (writer.schema.names if writer else names)
            }
            table = arrow.table(columns, schema=writer.schema if writer else None)
        except arrow.ArrowException as error:
            raise UserError(f"records do not fit into Parquet ({error}); write .jsonl") from None
        writer = writer or files.ParquetWriter(file, table.schema)
        writer.write_table(table)
        waiting.clear()

    def write(record: Record) -> None:
        waiting.append(record.fields)
        if len(waiting) == 10_000:
            flush()

    try:
        yield write
        if waiting or writer is None:
            flush()
    finally:
        if writer:
            writer.close()


WRITERS: dict[str, Callable[[IO[bytes]], AbstractContextManager[Write]]] = {
    "jsonl": _jsonl_out, "json": _json_out, "csv": _csv_out, "tsv": _tsv_out,
    "parquet": _parquet_out,
}  # fmt: skip


def as_json(value: object) -> bytes:
    """A line of JSON in UTF-8, with escapes only if the record holds lone surrogates."""
    try:
        return json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return json.dumps(value, default=str).encode()
