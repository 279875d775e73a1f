"""Datasets, written record by record. A file appears complete or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from selfinstruct.errors import UserError
from selfinstruct.records.columnar import write_parquet
from selfinstruct.records.formats import STDIO, compressed, format_of
from selfinstruct.records.record import Record

Write = Callable[[Record], None]


@contextmanager
def writing(path: str, format: str | None = None, schema: Any = None) -> Iterator[Write]:
    """Gives a function that writes a record to a path ("-" is standard output).

    schema: of a Parquet file, as `schema_of` gives it. The file takes its place at the end of the
    block. After an error in the block no file appears.
    """
    format = format or format_of(path)
    with placing(path) as file:
        kept = format == "parquet" and schema is not None
        with write_parquet(file, schema) if kept else WRITERS[format](file) as write:
            yield write


@contextmanager
def placing(path: str) -> Iterator[IO[bytes]]:
    """A file to write to ("-" is standard output), compressed as its name says.

    The file takes its place at the end of the block. After an error in the block no file appears.
    """
    if path == STDIO:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    is_pipe = Path(path).exists() and not Path(path).is_file()
    aside = Path(path if is_pipe else f"{path}.part")
    try:
        with ExitStack() as stack:
            raw = stack.enter_context(_opened(aside))
            yield compressed(raw, path, "wb", stack)
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


WRITERS: dict[str, Callable[[IO[bytes]], AbstractContextManager[Write]]] = {
    "jsonl": _jsonl_out, "json": _json_out, "csv": _csv_out, "tsv": _tsv_out,
    "parquet": write_parquet,
}  # fmt: skip


def as_json(value: object) -> bytes:
    """A line of JSON in UTF-8, with escapes only if the record holds lone surrogates."""
    try:
        return json.dumps(value, ensure_ascii=False, default=_told).encode()
    except UnicodeEncodeError:
        return json.dumps(value, default=_told).encode()


def _told(value: object) -> str:
    """A value that JSON does not have: bytes in base64, as images in Parquet; else its text."""
    return b64encode(value).decode() if isinstance(value, bytes) else str(value)
