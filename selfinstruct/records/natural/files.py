"""Files of tasks: a JSON object, a JSON list of them, or JSON Lines; and folders of such files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfinstruct.errors import UserError
from selfinstruct.records.formats import compressed, damaged
from selfinstruct.records.natural.task import Broken, Task, name_of, read_task
from selfinstruct.text import to_json

_SUFFIXES = (".json", ".jsonl")
_NAME = re.compile(r"(?:sub)?task\d")
_NUMBERS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class Entry:
    """A task of a file before its fields are checked.

    place: the item or line where a file holds several, else "". name: of the file, with the place.
    twice: keys that an object has more than once. fault: why there is no record.
    """

    path: str
    place: str
    name: str
    record: Any = None
    twice: tuple[str, ...] = ()
    fault: str = ""

    @property
    def where(self) -> str:
        """The beginning of a message."""
        return f"{self.path}: {self.place}" if self.place else self.path

    def task(self) -> Task:
        """Raises Broken."""
        if self.fault:
            raise Broken("", self.fault)
        return read_task(self.record, self.name)


def task_files(paths: Sequence[str]) -> list[str]:
    """The files, and those in the folders in the order of their numbers. Raises UserError."""
    found: list[str] = []
    for path in map(Path, paths):
        if not path.is_dir():
            if not path.is_file():
                raise UserError(f"{path}: no such file; name task files, or a folder of them")
            found.append(str(path))
            continue
        inside = [each for each in path.rglob("*") if _stem(each) is not None and each.is_file()]
        tasks = [each for each in inside if _NAME.match(each.name)]
        if not tasks:
            raise UserError(f"{path}: holds no task file (task001_....json); name the files")
        found += map(str, sorted(tasks, key=_natural))
    return found


def _natural(path: Path) -> list[tuple[int, str]]:
    """A key that puts task9 before task10."""
    return [(int(part) if part.isdigit() else 0, part) for part in _NUMBERS.split(str(path))]


def _stem(path: Path) -> str | None:
    """A task file's name without its endings; None for another file."""
    name = path.name.lower()
    whole = name.removesuffix(".gz").removesuffix(".zst")
    suffix = next((suffix for suffix in _SUFFIXES if whole.endswith(suffix)), None)
    return path.name[: len(whole) - len(suffix)] if suffix else None


def read_entries(path: str) -> Iterator[Entry]:
    """Every task of a file, with a fault in the place of a task that is no JSON.

    Raises UserError for a file that cannot be read at all.
    """
    text = _text(path)
    stem = _stem(Path(path)) or Path(path).stem
    start = text.lstrip()[:1]
    if path.lower().removesuffix(".gz").removesuffix(".zst").endswith(".jsonl"):
        yield from _lines(path, stem, text)
        return
    value, twice, fault = _parsed(text)
    if fault and start == "{" and _is_lines(text):
        yield from _lines(path, stem, text)
    elif isinstance(value, list):
        for number, item in enumerate(value, 1):
            name = name_of(item) or f"{stem}-{number}"
            yield Entry(path, f"task {number}", name, item, twice)
    else:
        yield Entry(path, "", stem, value, twice, fault)


@dataclass(frozen=True, slots=True)
class TaskFiles:
    """The tasks of files, read anew at every iteration; a file is held at a time."""

    files: tuple[str, ...]

    def __iter__(self) -> Iterator[Entry]:
        for path in self.files:
            yield from read_entries(path)


def headers(tasks: Iterable[Entry], *, skip_bad: bool) -> str:
    """A line of JSON for each task: its name, and its record without the instances.

    skip_bad: whether entries that hold no task are passed over. Raises UserError.
    """
    places: dict[str, str] = {}
    lines = []
    for entry in tasks:
        try:
            task = entry.task()
        except Broken as broken:
            if skip_bad:
                continue
            raise UserError(
                f"{entry.where}: {broken}; mend the file, or pass over it with --skip-bad"
            ) from None
        first = places.setdefault(task.name, entry.where)
        if first != entry.where:
            raise UserError(
                f"{entry.where}: a task is called {task.name}, as in {first}; "
                "give each its own name"
            )
        lines.append(to_json({"task": task.name, "header": task.header}) + "\n")
    if not lines:
        raise UserError("natural import: the files hold no task that can be read")
    return "".join(lines)


def _is_lines(text: str) -> bool:
    return not _parsed(text.lstrip().partition("\n")[0])[2]


def _lines(path: str, stem: str, text: str) -> Iterator[Entry]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            value, twice, fault = _parsed(line)
            name = name_of(value) or f"{stem}-{number}"
            yield Entry(path, f"line {number}", name, value, twice, fault)


def _parsed(text: str) -> tuple[Any, tuple[str, ...], str]:
    """The value, the keys that an object has twice, and the fault or ""."""
    twice: dict[str, None] = {}

    def paired(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            seen = set[str]()
            for key, _ in pairs:
                if key in seen:
                    twice[key] = None
                seen.add(key)
        return found

    try:
        return json.loads(text, object_pairs_hook=paired), tuple(twice), ""
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        return None, (), f"not JSON ({error.msg} at {where})"
    except RecursionError:
        return None, (), "nested too deeply"


def _text(path: str) -> str:
    try:
        with ExitStack() as stack:
            raw = stack.enter_context(open(path, "rb"))
            return compressed(raw, path, "rb", stack).read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 (byte {error.start + 1}); save it as UTF-8") from None
    except damaged() as error:
        raise UserError(f"{path}: damaged or cut off ({error}); compress it anew") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give a file that can be read") from None
