"""Examples, the lines of the dataset, and rejected candidates with their stage and reason."""

from __future__ import annotations

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

    stage: str  # propose | classify | instantiate
    what: str  # reply | leftover | instruction | label | instance
    reason: str  # a stable slug
    turn: int
    text: str  # the instruction, the reply as it came, or the texts left over of a reply
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
    """A line of the dataset."""

    id: str
    instruction: str
    input: str
    output: str
    is_classification: bool | None  # None: not asked (preset alpaca), not read
    provenance: dict[str, Any] = field(compare=False)  # instruction_id, turn, model
    system: str = ""  # the system message of a chat
    history: tuple[Turn, ...] = ()  # the turns of a chat before the instruction

    def to_line(self) -> str:
        record = _fields(self)
        for name in ("system", "history"):
            if not record[name]:
                del record[name]
        if self.history:
            record["history"] = [{"role": turn.role, "content": turn.text} for turn in self.history]
        return to_json(record)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Example:
        history = tuple(Turn(turn["role"], turn["content"]) for turn in record.get("history", ()))
        return cls(**{**record, "history": history})


def _fields(record: Any) -> dict[str, Any]:
    # dataclasses.asdict() would copy every value first.
    return {name: getattr(record, name) for name in record.__slots__}
