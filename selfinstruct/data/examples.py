"""Examples, the lines of the dataset, and rejected candidates with their stage and reason."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from selfinstruct.text import to_json


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of a chat that came before the instruction."""

    role: str  # user | assistant
    text: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A candidate that was dropped: at which stage, for which reason, and its text."""

    stage: str  # the question that was asked, such as propose
    what: str  # reply | leftover | instruction | label | instance
    reason: str  # a stable slug
    turn: int
    text: str  # the instruction, the reply as it came, or the texts left over of a reply
    instruction_id: str | None = None  # of the task whose instance this is
    input: str | None = None
    output: str | None = None
    similar_to: str | None = None  # the text of the pool item that it resembles
    similarity: float | None = None  # ROUGE-L F with it
    round: int | None = None  # of a recipe that works in rounds, from 1
    evidence: str | None = None  # the reason in the words of a gate (verification/gates.py)

    def to_line(self) -> str:
        return to_json({name: value for name, value in _fields(self).items() if value is not None})

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Rejected:
        return cls(**record)


@dataclass(frozen=True, slots=True)
class Layout:
    """Fields of chats that every line of a dataset has, whether they hold anything or not.

    Loaders take the fields and their types from the first lines. history_is_text: the turns are a
    text of JSON, since an empty list on the first lines would have no type.
    """

    system: bool = False
    history: bool = False
    history_is_text: bool = False


@dataclass(frozen=True, slots=True)
class Example:
    """A line of the dataset."""

    id: str
    instruction: str
    input: str
    output: str
    is_classification: bool | None  # None: not asked (preset alpaca), not read
    provenance: dict[str, Any] = field(compare=False)  # instruction_id, turn, model
    system: str = ""  # the system message of a chat
    history: tuple[Turn, ...] = ()  # the turns of a chat before the instruction
    layout: Layout = field(default=Layout(), compare=False, repr=False)

    def to_line(self) -> str:
        record = _fields(self)
        del record["layout"]
        for name in ("system", "history"):
            if not record[name] and not getattr(self.layout, name):
                del record[name]
        if "history" in record:
            turns = [{"role": turn.role, "content": turn.text} for turn in self.history]
            record["history"] = to_json(turns) if self.layout.history_is_text else turns
        return to_json(record)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Example:
        turns = record.get("history", ())
        if isinstance(turns, str):
            turns = json.loads(turns)
        history = tuple(Turn(turn["role"], turn["content"]) for turn in turns)
        return cls(**{**record, "history": history})


def _fields(record: Any) -> dict[str, Any]:
    # dataclasses.asdict() would copy every value first.
    return {name: getattr(record, name) for name in record.__slots__}
