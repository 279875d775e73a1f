"""A Parquet file whose columns are known beforehand, written in parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selfinstruct.records.formats import parquet

_ROWS = 10_000  # that are held at once


@contextmanager
def table(path: Path, columns: Mapping[str, str]) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Gives a function that writes a row.

    columns: each name's kind: text, texts, messages, flag, count or number. Any value may be None.
    """
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
    waiting: list[dict[str, Any]] = []
    with files.ParquetWriter(path, schema, compression="zstd") as writer:

        def flush() -> None:
            writer.write_table(arrow.Table.from_pylist(waiting, schema=schema))
            waiting.clear()

        def write(row: dict[str, Any]) -> None:
            waiting.append(row)
            if len(waiting) == _ROWS:
                flush()

        yield write
        if waiting:
            flush()
