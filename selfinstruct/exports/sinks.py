"""Files that take a row at a time: JSON Lines, a JSON list, Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from selfinstruct.records.formats import parquet
from selfinstruct.text import to_json

Row = dict[str, Any]
Write = Callable[[Row], None]
Columns = Mapping[str, str]  # each name's kind: text, texts, messages, flag, count or number

_PART = 10_000  # rows of a Parquet file that are held at once


def sink(path: Path, columns: Columns) -> AbstractContextManager[Write]:
    """A function that writes a row to `path`, in the format of its suffix.

    columns: for Parquet, the kinds of the columns; any value may be None.
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _table(path, columns)
    return _list(path) if suffix == ".json" else _lines(path)


@contextmanager
def _lines(path: Path) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="\n") as file:

        def write(row: Row) -> None:
            file.write(to_json(row) + "\n")

        yield write


@contextmanager
def _list(path: Path) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        before = "[\n"

        def write(row: Row) -> None:
            nonlocal before
            file.write(before + to_json(row))
            before = ",\n"

        yield write
        file.write("\n]\n" if before == ",\n" else "[]\n")


@contextmanager
def _table(path: Path, columns: Columns) -> Iterator[Write]:
    arrow, files = parquet("export")
    text = arrow.string()
    kinds = {
        "text": text,
        "texts": arrow.list_(text),
        "messages": arrow.list_(arrow.struct([("role", text), ("content", text)])),
        "flag": arrow.bool_(),
        "count": arrow.int64(),
        "number": arrow.float64(),
    }
    schema = arrow.schema([(name, kinds[kind]) for name, kind in columns.items()])
    waiting: list[Row] = []
    with files.ParquetWriter(path, schema, compression="zstd") as writer:

        def flush() -> None:
            writer.write_table(arrow.Table.from_pylist(waiting, schema=schema))
            waiting.clear()

        def write(row: Row) -> None:
            waiting.append(row)
            if len(waiting) == _PART:
                flush()

        yield write
        if waiting:
            flush()
