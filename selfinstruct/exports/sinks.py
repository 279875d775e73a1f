"""How rows become files: JSON Lines, one JSON list, Parquet. All are written as the rows come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from selfinstruct.exports.table import COLUMNS
from selfinstruct.records import table
from selfinstruct.text import to_json

Write = Callable[[dict[str, Any]], None]


@contextmanager
def _lines(path: Path) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        yield lambda record: _ignore(file.write(to_json(record) + "\n"))


@contextmanager
def _list(path: Path) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        before = "[\n"

        def write(record: dict[str, Any]) -> None:
            nonlocal before
            file.write(before + to_json(record))
            before = ",\n"

        yield write
        file.write("\n]\n" if before == ",\n" else "[]\n")


def _ignore(_: int) -> None:
    pass


def _table(path: Path) -> AbstractContextManager[Write]:
    return table(path, COLUMNS)


SINKS: dict[str, Callable[[Path], AbstractContextManager[Write]]] = {
    ".jsonl": _lines,
    ".json": _list,
    ".parquet": _table,
}
