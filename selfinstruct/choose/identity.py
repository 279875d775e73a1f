"""The texts by which records are compared: the whole prompt, or the fields that a user names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from selfinstruct.errors import UserError
from selfinstruct.records import Bad, Record
from selfinstruct.records.chats import texts_of_chat
from selfinstruct.records.columns import PARTS, listed
from selfinstruct.records.prompts import Prompts, named_columns
from selfinstruct.records.shapes import Prompt
from selfinstruct.records.values import Unreadable

EXACT = frozenset({0})  # the place of the system message, which is equal or another
Turns = Literal["all", "first", "last"]


class Identity:
    """The texts of a record, in the same order for every record.

    Without fields: system message, earlier turns, instruction and input, whatever the shape of the
    record; a field such as "instruction=question" names a column for these. With fields: the text
    of each. turns: of a chat, all up to the user's last turn, or only the user's first or last.
    """

    def __init__(self, fields: Sequence[str] = (), turns: Turns = "all") -> None:
        """Raises UserError for "NAME=COLUMN" beside the name of a field."""
        named = [field for field in fields if field.partition("=")[0] in PARTS and "=" in field]
        self.fields = tuple(field for field in fields if field not in named)
        self._turns = turns
        self._prompts = Prompts(named_columns(named), lenient=True)

    def of_others(self, fields: Sequence[str]) -> Identity:
        """The same for records whose columns have other names.

        A single name without a part is the instruction's where whole prompts are compared. Raises
        UserError for another number of fields.
        """
        if not self.fields and len(fields) == 1 and "=" not in fields[0]:
            fields = (f"instruction={fields[0]}",)
        other = Identity(fields, self._turns)
        if len(other.fields) != len(self.fields):
            raise UserError(
                f"--against-field {' '.join(fields)}: must name as many columns as --field, or "
                "say NAME=COLUMN where whole prompts are compared"
            )
        return other

    def texts(self, record: Record) -> tuple[str, ...] | Bad:
        """The texts; blank where the record has none."""
        if self.fields:
            texts = []
            for name in self.fields:
                text = self._field(record, name)
                if isinstance(text, Bad):
                    return text
                texts.append(text)
            return tuple(texts)
        plain = self._prompts.plain_texts(record.fields)
        if plain is not None:
            return plain[0], "", plain[1], plain[2]
        try:
            return self._prompt(self._prompts.read(record.fields))
        except Unreadable as error:
            return Bad(record.where, str(error), record.piece)

    def unused(self) -> list[str]:
        """The columns that belong to no prompt."""
        return self._prompts.unused("id", "is_classification", "provenance")

    def check_named(self, source: str) -> None:
        """Raises UserError if a named column was in no record."""
        self._prompts.check_named(source)

    def _prompt(self, prompt: Prompt) -> tuple[str, ...]:
        if self._turns == "first" and prompt.history:
            first = next((turn.text for turn in prompt.history if turn.role == "user"), "")
            return prompt.system, "", first or prompt.instruction, ""
        history = prompt.history if self._turns == "all" else ()
        before = "\n".join(turn.text for turn in history)
        return prompt.system, before, prompt.instruction, prompt.input

    def _field(self, record: Record, name: str) -> str | Bad:
        fields: Mapping[str, Any] = record.fields
        if name not in fields:
            why = f"no field {name!r} (there are: {listed(fields)}); say --field"
            return Bad(record.where, why, record.piece)
        value = fields[name]
        if value is None or isinstance(value, str):
            return value or ""
        texts = texts_of_chat(value, self._turns)
        if texts is None:
            why = f"field {name!r} is neither text nor a chat with a user's turn"
            return Bad(record.where, why, record.piece)
        return "\n".join(texts)
