"""Files that take a row at a time: JSON Lines, a JSON list, Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from selfinstruct.records import table
from selfinstruct.text import to_json

Row = dict[str, Any]
Write = Callable[[Row], None]
Columns = Mapping[str, str]  # each name's kind: text, texts, messages, flag, count or number


def sink(path: Path, columns: Columns) -> AbstractContextManager[Write]:
    """A function that writes a row to `path`, in the format of its suffix; without one, a folder.

    columns: for Parquet, the kinds of the columns; any value may be None.
    """
    suffix = path.suffix.lower()
    if not suffix:
        return _tasks(path)
    if suffix == ".parquet":
        return table(path, columns)
    return _list(path) if suffix == ".json" else _lines(path)


@contextmanager
def _tasks(folder: Path) -> Iterator[Write]:
    """A file for each row, called by the row's task; of equal names the later get a number."""
    folder.mkdir()
    taken: set[str] = set()

    def write(row: Row) -> None:
        name = str(row["task"]).replace("/", "_")
        numbered = (name if number == 1 else f"{name}-{number}" for number in count(1))
        name = next(free for free in numbered if free not in taken)
        taken.add(name)
        fields = {key: value for key, value in row.items() if key != "task"}
        (folder / f"{name}.json").write_text(to_json(fields, indent=4) + "\n", "utf-8")

    yield write


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
