"""Parquet, read and written in batches. A copy keeps the schema of the file that it is made of."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

from selfinstruct.errors import UserError
from selfinstruct.records.formats import parquet
from selfinstruct.records.record import Bad, Lost, Record

_BATCH = 1024  # rows that are read at once
_ROWS = 10_000  # that decide the columns of a file whose source has no schema


def read_parquet(file: IO[bytes], pieces: bool) -> Generator[Record | Bad, None, bytes]:
    """The rows as Python's values. Raises Lost."""
    arrow, files = parquet()
    if not file.seekable():
        raise Lost(0, "Parquet cannot be read from a pipe; give the file's name")
    number = 0
    try:
        for batch in files.ParquetFile(file).iter_batches(batch_size=_BATCH):
            for fields in batch.to_pylist():
                number += 1
                yield Record(number, fields)
    except arrow.ArrowException as error:
        raise Lost(number, f"not Parquet ({error})") from None
    except ValueError as error:  # a time in nanoseconds, which Python does not have
        raise Lost(number + 1, f"a value that cannot be read ({error})") from None
    return b""


def schema_of(paths: Sequence[str]) -> Any:
    """The schema that holds the records of all these Parquet files.

    None for no file, for a file that cannot be read (its reader says why) and for schemas that
    contradict each other.
    """
    arrow, files = parquet()
    try:
        schemas = [files.read_schema(path) for path in paths]
        return arrow.unify_schemas(schemas, promote_options="permissive") if schemas else None
    except (arrow.ArrowException, OSError):
        return None


@contextmanager
def write_parquet(file: IO[bytes], schema: Any = None) -> Iterator[Callable[[Record], None]]:
    """Gives a function that writes a record.

    schema: of the columns; others behind them are found, as all are without a schema, in the
    first 10,000 records. Raises UserError for a record that does not fit.
    """
    arrow, files = parquet()
    waiting = list[dict[str, Any]]()
    writer: Any = None

    def flush() -> None:
        nonlocal writer
        table = _table(arrow, waiting, writer.schema if writer else None, schema)
        writer = writer or files.ParquetWriter(file, table.schema)
        writer.write_table(table)
        waiting.clear()

    def write(record: Record) -> None:
        waiting.append(record.fields)
        if len(waiting) == _ROWS:
            flush()

    try:
        yield write
        if waiting or writer is None:
            flush()
    finally:
        if writer:
            writer.close()


def _table(arrow: Any, rows: Sequence[dict[str, Any]], written: Any, source: Any) -> Any:
    """The rows as a table. written: the schema of the rows before; source: that of the source."""
    known = written if written is not None else source
    names = list(dict.fromkeys(name for fields in rows for name in fields))
    more = [name for name in names if known is None or name not in known.names]
    if written is not None and more:
        raise UserError(
            f"a column {more[-1]!r} that the first 10,000 records lack "
            "does not fit into Parquet; write .jsonl"
        )
    try:
        fields = list(known) if known is not None else []
        columns = [
            arrow.array([row.get(field.name) for row in rows], type=field.type) for field in fields
        ]
        for name in more:
            columns.append(arrow.array([row.get(name) for row in rows]))
            fields.append(arrow.field(name, columns[-1].type))
        metadata = known.metadata if known is not None else None
        return arrow.table(columns, schema=arrow.schema(fields, metadata=metadata))
    except (arrow.ArrowException, TypeError, OverflowError) as error:
        raise UserError(f"records do not fit into Parquet ({error}); write .jsonl") from None
