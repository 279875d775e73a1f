"""Seed tasks, read from JSON Lines or from a JSON array.

A record is a seed task with `instances`, or a flat example: `instruction`, `input`, `output`, as
in Alpaca's file and in the dataset of a run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from selfinstruct.data.tasks import Instance, SeedTask
from selfinstruct.errors import UserError
from selfinstruct.text import well_formed

_START = "write one JSON object a line ('selfinstruct init DIR' gives a start)"


@dataclass(frozen=True, slots=True)
class SeedRecord:
    """A record before its fields are checked, and its place: a line or an item, from 1."""

    path: str
    number: int
    fields: dict[str, Any]
    unit: str = "line"  # or "item", "row"

    @property
    def where(self) -> str:
        """The place, as the beginning of an error message."""
        return _place(self.path, self.number, self.unit)


def read_seeds(path: Path) -> list[SeedTask]:
    """The seed tasks of a file, in the file's order.

    Fields of a record: id, name, instruction, instances, is_classification; or id, instruction,
    input, output. Raises UserError for a file that is missing, empty, or wrong in any record,
    naming the line or the item.
    """
    return seeds_of(read_records(path), path)


def read_records(path: Path) -> Iterator[SeedRecord]:
    """The records of JSON Lines, or of a JSON array. Raises UserError, naming the place."""
    text = read_text(path)
    if text.lstrip().startswith("["):
        yield from _items(text, str(path))
        return
    # Not splitlines(): U+2028 and its like may stand inside a JSON string.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _record(_parsed(line, str(path), number), str(path), number)


def read_text(path: Path) -> str:
    """The text of a seed file, without a byte order mark. Raises UserError."""
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise UserError(
            f"{path}: cannot read the seed tasks ({error.strerror}); "
            "name a JSONL file with --seed-tasks"
        ) from None
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: not UTF-8 (byte {error.start}); save the seed tasks as UTF-8"
        ) from None


def seeds_of(
    records: Iterable[SeedRecord], path: Path, *, is_grouped: bool = False
) -> list[SeedTask]:
    """The seed tasks in `records`.

    is_grouped: flat examples of the same instruction become the instances of a single seed task.
    Raises UserError for a wrong record, an id that repeats, and no record at all.
    """
    seeds: list[SeedTask] = []
    taken: dict[str, SeedRecord] = {}
    flat: dict[str, int] = {}  # positions in `seeds`, by instruction
    for record in records:
        seed = _seed(record, default_id=f"seed-{len(taken) + 1:03d}")
        if seed.id in taken:
            first = taken[seed.id]
            raise UserError(
                f"{record.where}: id {seed.id!r} is taken by {first.unit} {first.number}; "
                "give each seed task its own"
            )
        taken[seed.id] = record
        if is_grouped and record.fields.get("instances") is None:
            at = flat.setdefault(seed.instruction, len(seeds))
            if at < len(seeds):
                seeds[at] = _joined(seeds[at], seed)
                continue
        seeds.append(seed)
    if not seeds:
        raise UserError(f"{path}: holds no seed task; {_START}")
    return seeds


def _items(text: str, path: str) -> Iterator[SeedRecord]:
    try:
        items = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise UserError(
            f"{path}:{line}: not JSON ({error}); write one array of seed tasks, or one JSON object "
            "a line"
        ) from None
    for number, item in enumerate(items, 1):
        yield _record(item, path, number, "item")


def _parsed(line: str, path: str, number: int) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{path}:{number}: not JSON ({error}); a seed task is one JSON object on one line"
        ) from None


def _record(value: Any, path: str, number: int, unit: str = "line") -> SeedRecord:
    if not isinstance(value, dict):
        raise UserError(
            f"{_place(path, number, unit)}: a seed task is a JSON object, "
            f"not {type(value).__name__}"
        )
    return SeedRecord(path, number, value, unit)


def _place(path: str, number: int, unit: str) -> str:
    return f"{path}:{number}" if unit == "line" else f"{path}: {unit} {number}"


def _seed(record: SeedRecord, default_id: str) -> SeedTask:
    fields, where = record.fields, record.where
    instruction = _text(fields, "instruction", where)
    if not instruction.strip():
        raise UserError(f"{where}: 'instruction' is empty; say what the task asks for")
    is_classification = fields.get("is_classification")
    if is_classification is None:  # nobody asked, or no answer was read
        is_classification = False
    if not isinstance(is_classification, bool):
        raise UserError(
            f"{where}: 'is_classification' must be true or false, "
            f"not {json.dumps(is_classification)}"
        )
    if fields.get("history") and fields.get("instances") is None:
        raise UserError(
            f"{where}: has a 'history' of earlier turns, which a seed task cannot show; "
            "leave the record out"
        )
    identity = _id(fields.get("id"), where) or default_id
    name = _text(fields, "name", where) if "name" in fields else identity
    return SeedTask(identity, name, instruction, _instances(fields, where), is_classification)


def _id(value: object, where: str) -> str:
    """A text or an integer as a text; "" where there is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is not None and not isinstance(value, str):
        raise UserError(f"{where}: 'id' must be a text or an integer, not {json.dumps(value)}")
    return value or ""


def _instances(fields: dict[str, Any], where: str) -> tuple[Instance, ...]:
    raw = fields.get("instances")
    if raw is None and "output" in fields:  # a flat example
        raw = [{"input": fields.get("input"), "output": fields["output"]}]
    if not isinstance(raw, list) or not raw or not all(isinstance(pair, dict) for pair in raw):
        raise UserError(
            f'{where}: \'instances\' must be a list of at least one {{"input", "output"}}'
        )
    instances = tuple(
        Instance(
            "" if pair.get("input") is None else _text(pair, "input", where),
            _text(pair, "output", where),
        )
        for pair in raw
    )
    if not all(instance.output.strip() for instance in instances):
        raise UserError(f"{where}: an 'output' is empty; a seed task shows what a good answer is")
    return instances


def _joined(first: SeedTask, other: SeedTask) -> SeedTask:
    """A seed task with the instances of two, each once."""
    return replace(
        first,
        instances=tuple(dict.fromkeys([*first.instances, *other.instances])),
        is_classification=first.is_classification or other.is_classification,
    )


def _text(fields: dict[str, Any], name: str, where: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        fault = "is missing" if name not in fields else f"must be a text, not {json.dumps(value)}"
        raise UserError(f"{where}: {name!r} {fault}")
    return well_formed(value)
