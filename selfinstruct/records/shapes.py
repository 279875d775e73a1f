"""The shapes of instruction data: from a record's columns to a prompt, record by record.

| shape             | columns                                                                      |
|-------------------|------------------------------------------------------------------------------|
| Alpaca            | instruction, input, output; also system, history as [[user, assistant], ...] |
| Dolly, GPTeacher  | instruction, context or input, response                                      |
| prompt/completion | prompt, completion or response; each a text, or a list of turns              |
| question/answer   | question, answer                                                             |
| messages          | messages: [{role, content}, ...]                                             |
| ShareGPT          | conversations or conversation: [{from, value}, ...]; also system             |

The last turn of a chat is the instruction if the user's, and the turns before that the history. If
the last turn is the assistant's, that is the output. A column that is named but blank is as good as
absent. Of several columns for one part, the first in the order above that is not blank counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from selfinstruct.data.examples import Turn
from selfinstruct.records.chats import read_chat, read_history
from selfinstruct.records.values import Unreadable, is_blank, kind_of, text_of

PARTS = ("instruction", "input", "output", "system", "history")
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "instruction": ("instruction", "prompt", "question"),
    "input": ("input", "context"),
    "output": ("output", "response", "completion", "answer"),
    "system": ("system", "system_prompt"),
    "history": ("history",),
}
_CHATS = ("messages", "conversations", "conversation")
_SHAPED = (*_CHATS, *(column for columns in _COLUMNS.values() for column in columns))
_LISTED = 20  # columns that a message names


@dataclass(frozen=True, slots=True)
class Prompt:
    """A record's prompt and output, and the columns that they were read from."""

    instruction: str
    input: str = ""
    output: str | None = None
    system: str = ""
    history: tuple[Turn, ...] = ()
    used: frozenset[str] = frozenset()


def read_prompt(record: Mapping[str, Any], named: Mapping[str, str]) -> Prompt:
    """The prompt of a record. named: columns by part, as {"instruction": "question"}.

    Raises Unreadable.
    """
    columns = {
        part: column for part in PARTS if (column := _column(record, part, named)) is not None
    }
    chat = _chat_column(record, named, columns.get("instruction"))
    if chat is not None:
        return _of_chat(record, chat, columns, named)
    if "instruction" not in columns:
        raise Unreadable(_without_instruction(record, named))
    history = columns.get("history")
    return Prompt(
        instruction=_instruction(record, columns["instruction"]),
        input=_text(record, columns, "input"),
        output=_output(record, columns),
        system=_text(record, columns, "system"),
        history=read_history(record[history], history) if history else (),
        used=_blank(record) | set(columns.values()),
    )


def listed(columns: Iterable[str]) -> str:
    """The names of columns for a message, the first twenty of them."""
    names = [str(column) for column in columns]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return (", ".join(names[:_LISTED]) or "none") + more


def _column(record: Mapping[str, Any], part: str, named: Mapping[str, str]) -> str | None:
    if part in named:
        return named[part] if named[part] in record else None
    taken = named.values()
    there = [column for column in _COLUMNS[part] if column in record and column not in taken]
    filled = (column for column in there if not is_blank(record[column]))
    return next(filled, there[0] if there else None)


def _chat_column(
    record: Mapping[str, Any], named: Mapping[str, str], instruction: str | None
) -> str | None:
    """The column that holds a chat, if there is one."""
    if "instruction" not in named:
        for column in _CHATS:
            if not is_blank(record.get(column)) and column not in named.values():
                return column
    if instruction is not None:
        has_turns = isinstance(record[instruction], (list, tuple))
        return instruction if has_turns or instruction in _CHATS else None
    return None


def _of_chat(
    record: Mapping[str, Any], column: str, columns: Mapping[str, str], named: Mapping[str, str]
) -> Prompt:
    chat = read_chat(record[column], column)
    turns = list(chat.turns)
    output = turns.pop().text if turns and turns[-1].role == "assistant" else None
    if not turns:
        raise Unreadable(f"{column!r}: holds no turn of the user")
    instruction = turns.pop().text
    parts = ["input"] if "input" in named else []
    parts += [] if output is not None else ["output"]
    parts += [] if chat.system else ["system"]
    beside = {part: columns[part] for part in parts if columns.get(part, column) != column}
    return Prompt(
        instruction=instruction,
        input=_text(record, beside, "input"),
        output=output if output is not None else _output(record, beside),
        system=chat.system or _text(record, beside, "system"),
        history=tuple(turns),
        used=_blank(record) | {column, *beside.values()},
    )


def _instruction(record: Mapping[str, Any], column: str) -> str:
    value = record[column]
    if is_blank(value):
        raise Unreadable(f"{column!r}: is empty")
    if not isinstance(value, str):  # a number here is an id, or another column was meant
        raise Unreadable(f"{column!r}: must be a text, not {kind_of(value)}")
    return text_of(value, column)


def _text(record: Mapping[str, Any], columns: Mapping[str, str], part: str) -> str:
    column = columns.get(part)
    text = text_of(record[column], column) if column is not None else ""
    return "" if is_blank(text) else text


def _output(record: Mapping[str, Any], columns: Mapping[str, str]) -> str | None:
    """A text, or the text of a list with the assistant's turn alone; None if blank."""
    column = columns.get("output")
    if column is None or is_blank(record[column]):
        return None
    if not isinstance(record[column], (list, tuple)):
        return _text(record, columns, "output")
    chat = read_chat(record[column], column)
    if chat.system or [turn.role for turn in chat.turns] != ["assistant"]:
        raise Unreadable(f"{column!r}: must be a text, or a list with the assistant's turn alone")
    return chat.turns[0].text


def _blank(record: Mapping[str, Any]) -> frozenset[str]:
    """The columns of the shapes that hold nothing here: nothing is lost with them."""
    return frozenset(column for column in _SHAPED if column in record and is_blank(record[column]))


def _without_instruction(record: Mapping[str, Any], named: Mapping[str, str]) -> str:
    there = f"columns: {listed(record)}"
    if column := named.get("instruction"):
        return f"no column {column!r} for the instruction ({there}); see --field instruction"
    for column in _CHATS:
        if column in record:
            return f"{column!r}: holds no turn of the user"
    return f"no instruction ({there}); name its column with --field instruction=COLUMN"
