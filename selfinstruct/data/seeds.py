"""Seed tasks, read from a JSONL file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selfinstruct.data.tasks import Instance, SeedTask
from selfinstruct.errors import UserError
from selfinstruct.text import well_formed


def read_seeds(path: Path) -> list[SeedTask]:
    """The seed tasks of a JSONL file, in the file's order.

    Fields of a line: id, name, instruction, instances, is_classification. Raises UserError for a
    file that is missing, empty, or wrong in any line, naming the line.
    """
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise UserError(
            f"{path}: cannot read the seed tasks ({error.strerror}); "
            "name a JSONL file with --seed-tasks"
        ) from None
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: not UTF-8 (byte {error.start}); save the seed tasks as UTF-8"
        ) from None
    seeds: list[SeedTask] = []
    seen: dict[str, int] = {}
    for number, line in _lines(text):
        seed = _seed(line, f"{path}:{number}", default_id=f"seed-{len(seeds) + 1:03d}")
        if seed.id in seen:
            raise UserError(
                f"{path}:{number}: id {seed.id!r} is taken by line {seen[seed.id]}; "
                "give each seed task its own"
            )
        seen[seed.id] = number
        seeds.append(seed)
    if not seeds:
        raise UserError(
            f"{path}: holds no seed task; "
            "write one JSON object a line ('selfinstruct init DIR' gives a start)"
        )
    return seeds


def _lines(text: str) -> Iterator[tuple[int, str]]:
    # Not splitlines(): U+2028 and its like may stand inside a JSON string.
    return ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())


def _seed(line: str, where: str, default_id: str) -> SeedTask:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{where}: not JSON ({error}); a seed task is one JSON object on one line"
        ) from None
    if not isinstance(record, dict):
        raise UserError(f"{where}: a seed task is a JSON object, not {type(record).__name__}")
    instruction = _text(record, "instruction", where)
    if not instruction.strip():
        raise UserError(f"{where}: 'instruction' is empty; say what the task asks for")
    is_classification = record.get("is_classification", False)
    if not isinstance(is_classification, bool):
        raise UserError(
            f"{where}: 'is_classification' must be true or false, "
            f"not {json.dumps(is_classification)}"
        )
    identity = record.get("id", default_id)
    if not isinstance(identity, str) or not identity:
        raise UserError(f"{where}: 'id' must be a text, not {json.dumps(identity)}")
    name = _text(record, "name", where) if "name" in record else identity
    return SeedTask(identity, name, instruction, _instances(record, where), is_classification)


def _instances(record: dict[str, Any], where: str) -> tuple[Instance, ...]:
    raw = record.get("instances")
    if raw is None and "output" in record:  # a flat line, as datasets in Alpaca's form have it
        raw = [{"input": record.get("input", ""), "output": record["output"]}]
    if not isinstance(raw, list) or not raw or not all(isinstance(pair, dict) for pair in raw):
        raise UserError(
            f'{where}: \'instances\' must be a list of at least one {{"input", "output"}}'
        )
    instances = tuple(
        Instance(_text({"input": "", **pair}, "input", where), _text(pair, "output", where))
        for pair in raw
    )
    if not all(instance.output.strip() for instance in instances):
        raise UserError(f"{where}: an 'output' is empty; a seed task shows what a good answer is")
    return instances


def _text(record: dict[str, Any], name: str, where: str) -> str:
    value = record.get(name)
    if not isinstance(value, str):
        fault = "is missing" if name not in record else f"must be a text, not {json.dumps(value)}"
        raise UserError(f"{where}: {name!r} {fault}")
    return well_formed(value)
