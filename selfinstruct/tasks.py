"""The records of a run, and how each becomes one line of JSON and back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfinstruct.errors import UserError

# What json.dumps leaves bare and a terminal, an editor or a strict reader may act on: DEL and C1 controls (0x9b opens an
# escape sequence as ESC [ does), line and paragraph separators, bidirectional overrides, and lone surrogates (no UTF-8).
_ACTIVE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

_ENCODER = json.JSONEncoder(ensure_ascii=False)


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"


def to_json(record: Any, *, indent: int | None = None) -> str:
    """JSON, one line of it without `indent`, readable in any script, without a character that a terminal acts on: those are
    escaped.
    """
    text = _ENCODER.encode(record) if indent is None else json.dumps(record, ensure_ascii=False, indent=indent)
    return _ACTIVE.sub(_escape, text)


def well_formed(text: str) -> str:
    """`text` with lone surrogates, which no file can hold and no trainer can load, replaced by U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)


def printable(text: str) -> str:
    """`text` for a terminal: what would move the cursor, change colours or reverse the writing shows as its escape.

    Newlines and tabs stay.
    """
    return _CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}" if ord(match.group()) < 256 else _escape(match), text)


@dataclass(frozen=True, slots=True)
class Instance:
    """One input with its output; the input of a task that needs none is empty (paper, section 2.1)."""

    input: str
    output: str


@dataclass(frozen=True, slots=True)
class SeedTask:
    """A task written by people: what the pool starts from (paper, section 2.2 and appendix A)."""

    id: str
    name: str
    instruction: str
    instances: tuple[Instance, ...]
    is_classification: bool


@dataclass(frozen=True, slots=True)
class Instruction:
    """An instruction admitted to the pool, in the order of admission."""

    id: str
    text: str
    turn: int  # of the propose stage
    demonstrations: tuple[str, ...]  # ids of what the prompt showed
    is_classification: bool | None = None  # None: nobody asked (yet, or at all: preset alpaca)
    similarity: dict[str, Any] | None = None  # max, mean, most_similar (ten): what the paper's own runs recorded, on request

    def to_line(self) -> str:
        record = {"id": self.id, "instruction": self.text, **_rest(self, "id", "text")}
        return to_json({name: value for name, value in record.items() if name != "similarity" or value is not None})

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Instruction:
        record = dict(record, text=record["instruction"], demonstrations=tuple(record["demonstrations"]))
        del record["instruction"]
        return cls(**record)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A candidate that was dropped: where, why, and its text."""

    stage: str  # propose | classify | instantiate
    what: str  # reply | instruction | instance
    reason: str  # a stable slug
    turn: int
    text: str  # the instruction, or the reply as it came
    instruction_id: str | None = None  # of the task whose instance this is
    input: str | None = None
    output: str | None = None
    similar_to: str | None = None  # the text of the pool item that it resembles
    similarity: float | None = None  # ROUGE-L F with it

    def to_line(self) -> str:
        return to_json({name: value for name, value in _fields(self).items() if value is not None})

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Rejected:
        return cls(**record)


@dataclass(frozen=True, slots=True)
class Example:
    """One line of the dataset."""

    id: str
    instruction: str
    input: str
    output: str
    is_classification: bool | None  # None: nobody asked (preset alpaca)
    provenance: dict[str, Any] = field(compare=False)  # instruction_id, turn, model

    def to_line(self) -> str:
        return to_json(_fields(self))

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Example:
        return cls(**record)


def _fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}  # asdict() would copy every value first


def _rest(record: Any, *without: str) -> dict[str, Any]:
    return {name: value for name, value in _fields(record).items() if name not in without}


def read_seeds(path: Path) -> list[SeedTask]:
    """The seed tasks of a JSONL file, in its order. Each line: id, name, instruction, instances, is_classification.

    Raises UserError for a file that is missing, empty, or wrong in any line, naming the line.
    """
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path}: cannot read the seed tasks ({error.strerror}); name a JSONL file with --seed-tasks") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 (byte {error.start}); save the seed tasks as UTF-8") from None
    seeds: list[SeedTask] = []
    seen: dict[str, int] = {}
    for number, line in _lines(text):
        seed = _seed(line, f"{path}:{number}", default_id=f"seed-{len(seeds) + 1:03d}")
        if seed.id in seen:
            raise UserError(f"{path}:{number}: id {seed.id!r} is taken by line {seen[seed.id]}; give each seed task its own")
        seen[seed.id] = number
        seeds.append(seed)
    if not seeds:
        raise UserError(f"{path}: holds no seed task; write one JSON object a line ('selfinstruct init DIR' gives a start)")
    return seeds


def _lines(text: str) -> Iterator[tuple[int, str]]:
    # Not splitlines(): U+2028 and its like may stand inside a JSON string.
    return ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())


def _seed(line: str, where: str, default_id: str) -> SeedTask:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: not JSON ({error}); a seed task is one JSON object on one line") from None
    if not isinstance(record, dict):
        raise UserError(f"{where}: a seed task is a JSON object, not {type(record).__name__}")
    instruction = _text(record, "instruction", where)
    if not instruction.strip():
        raise UserError(f"{where}: 'instruction' is empty; say what the task asks for")
    is_classification = record.get("is_classification", False)
    if not isinstance(is_classification, bool):
        raise UserError(f"{where}: 'is_classification' must be true or false, not {json.dumps(is_classification)}")
    identity = record.get("id", default_id)
    if not isinstance(identity, str) or not identity:
        raise UserError(f"{where}: 'id' must be a text, not {json.dumps(identity)}")
    name = _text(record, "name", where) if "name" in record else identity
    return SeedTask(identity, name, instruction, _instances(record, where), is_classification)


def _instances(record: dict[str, Any], where: str) -> tuple[Instance, ...]:
    raw = record.get("instances")
    if raw is None and "output" in record:  # a flat line, as datasets in Alpaca's form have it
        raw = [{"input": record.get("input", ""), "output": record["output"]}]
    if not isinstance(raw, list) or not raw or not all(isinstance(one, dict) for one in raw):
        raise UserError(f'{where}: \'instances\' must be a list of at least one {{"input", "output"}}')
    instances = tuple(Instance(_text({"input": "", **one}, "input", where), _text(one, "output", where)) for one in raw)
    if not all(one.output.strip() for one in instances):
        raise UserError(f"{where}: an 'output' is empty; a seed task shows what a good answer is")
    return instances


def _text(record: dict[str, Any], name: str, where: str) -> str:
    value = record.get(name)
    if not isinstance(value, str):
        what = "is missing" if name not in record else f"must be a text, not {json.dumps(value)}"
        raise UserError(f"{where}: {name!r} {what}")
    return well_formed(value)
