"""Tasks: seeds, written by people, and instructions, proposed by a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from selfinstruct.text import to_json


@dataclass(frozen=True, slots=True)
class Instance:
    """An input with its output. Some tasks need no input: then the text is empty.

    Paper, section 2.1.
    """

    input: str
    output: str


@dataclass(frozen=True, slots=True)
class SeedTask:
    """A task written by people. With these the pool starts (paper, section 2.2, appendix A)."""

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
    demonstrations: tuple[str, ...]  # ids of the tasks that the prompt showed
    # None: not asked yet or at all (preset alpaca), or not read
    is_classification: bool | None = None
    # On request, as the paper's own runs recorded: max, mean, most_similar (ten).
    similarity: dict[str, Any] | None = None
    input: str | None = None  # of a recipe that drafts inputs with their instructions
    source: dict[str, Any] | None = None  # of a recipe over datasets: the dataset and the fields
    probability: float | None = None  # by the model's own words, where it was asked for them

    def to_line(self) -> str:
        record = {"id": self.id, "instruction": self.text, **_rest(self, "id", "text")}
        return to_json(
            {
                name: value
                for name, value in record.items()
                if name not in _OPTIONAL or value is not None
            }
        )

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Instruction:
        record = dict(
            record, text=record["instruction"], demonstrations=tuple(record["demonstrations"])
        )
        del record["instruction"]
        return cls(**record)


_OPTIONAL = ("similarity", "input", "source", "probability")


def _fields(record: Any) -> dict[str, Any]:
    # dataclasses.asdict() would copy every value first.
    return {name: getattr(record, name) for name in record.__slots__}


def _rest(record: Any, *without: str) -> dict[str, Any]:
    return {name: value for name, value in _fields(record).items() if name not in without}
