"""Records of a dataset as rows that are checked, and the places to which repairs go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from selfinstruct.defects.finding import Row
from selfinstruct.records.columns import listed
from selfinstruct.records.prompts import Prompts
from selfinstruct.records.shapes import Prompt
from selfinstruct.records.values import Place, Unreadable

_FIELDS = ("instruction", "input", "output")


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row with the places of its texts in the record."""

    row: Row
    places: Mapping[str, Place]

    def changes(self, mended: Row) -> dict[Place, str]:
        """The texts that differ in a repaired row, by their places in the record."""
        return {
            self.places[field]: getattr(mended, field)
            for field in _FIELDS
            if field in self.places and getattr(mended, field) != getattr(self.row, field)
        }


def read_row(record: Mapping[str, Any], prompts: Prompts) -> ReadRow:
    """The row of a record, its texts as they stand there. Raises Unreadable."""
    plain = prompts.plain_texts(record)
    if plain is not None:
        places = prompts.places(record)
        if "output" in places:
            system, instruction, given, output = plain
            row = Row(instruction, given, output, _label(record), system)
            return ReadRow(row, places)
    prompt = prompts.read(record)
    if prompt.output is None and "output" not in prompt.places:
        if prompt.is_chat:
            raise Unreadable("no output: the last turn is the user's")
        raise Unreadable(
            f"no output (columns: {listed(record)}); name its column with --field output=COLUMN"
        )
    instruction, given, output = (_text(record, prompt, field) for field in _FIELDS)
    row = Row(
        instruction,
        given,
        output,
        is_classification=_label(record),
        system=prompt.system,
        history=prompt.history,
    )
    raw = {
        field: place
        for field, place in prompt.places.items()
        if isinstance(_at(record, place), str)
    }
    return ReadRow(row, raw)


def _label(record: Mapping[str, Any]) -> bool | None:
    label = record.get("is_classification")
    return label if isinstance(label, bool) else None


def _text(record: Mapping[str, Any], prompt: Prompt, field: str) -> str:
    """The text of a field as the record has it, else of the prompt that was read."""
    place = prompt.places.get(field)
    found = _at(record, place) if place is not None else None
    return found if isinstance(found, str) else getattr(prompt, field) or ""


def _at(record: Any, place: Place) -> Any:
    for key in place:
        record = record[key]
    return record
