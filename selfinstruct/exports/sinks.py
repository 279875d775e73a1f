"""Files that take a row at a time: JSON Lines, a JSON list, Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from selfinstruct.records import table
from selfinstruct.text import to_json

Row = dict[str, Any]
Write = Callable[[Row], None]
Columns = Mapping[str, str]  # each name's kind: text, texts, messages, flag, count or number


def sink(path: Path, columns: Columns) -> AbstractContextManager[Write]:
    """A function that writes a row to `path`, in the format of its suffix.

    columns: for Parquet, the kinds of the columns; any value may be None.
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return table(path, columns)
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
