"""The shapes of instruction data: from a record's columns to a prompt, record by record.

| shape             | columns                                                                      |
|-------------------|------------------------------------------------------------------------------|
| Alpaca            | instruction, input, output; also system, history as [[user, assistant], ...] |
| Dolly, GPTeacher  | instruction, context or input, response                                      |
| prompt/completion | prompt, completion or response; each a text, or a list of turns              |
| question/answer   | question or query or problem, answer or solution; inputs, targets            |
| messages          | messages: [{role, content}, ...]                                             |
| ShareGPT          | conversations or conversation: [{from, value}, ...]; also system             |
| OASST tree        | prompt: {text, role, replies}: the thread of the best replies is the chat    |
| preference pair   | prompt, chosen, rejected; chosen a text, the reply's turn, or a whole chat   |

The last turn of a chat is the instruction if the user's, and the turns before that the history. If
the last turn is the assistant's, that is the output. A column that is named but blank is as good as
absent. Of several columns for one part, the first in the order above that is not blank counts. The
names of columns are known in any case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from selfinstruct.data.examples import Turn
from selfinstruct.records.chats import Chat, read_chat, read_history
from selfinstruct.records.columns import CHATS, PAIR, Columns, columns_of, filled, listed
from selfinstruct.records.trees import is_tree, read_thread
from selfinstruct.records.values import Place, Unreadable, is_blank, kind_of, text_of


@dataclass(frozen=True, slots=True)
class Prompt:
    """A record's prompt and output, the columns that they were read from, and their places.

    places: by part, the keys that lead to its text in the record; no entry for a part that is no
    single text there.
    """

    instruction: str
    input: str = ""
    output: str | None = None
    system: str = ""
    history: tuple[Turn, ...] = ()
    used: frozenset[str] = frozenset()
    places: Mapping[str, Place] = field(default_factory=dict)
    is_chat: bool = False


def read_prompt(
    record: Mapping[str, Any],
    named: Mapping[str, str],
    *,
    lenient: bool = False,
    edition: int = 2,
) -> Prompt:
    """The prompt of a record. named: columns by part, as {"instruction": "question"}.

    lenient: whether an instruction may be blank, and the turns of a chat as they are. edition: of
    the run that asks. Raises Unreadable.
    """
    there = columns_of(tuple(record), tuple(named.items()), edition)
    columns = {part: filled(record, names) for part, names in there.of.items() if names}
    chat = _chat_column(record, named, there, columns.get("instruction"))
    if chat is not None:
        found = _chat(record[chat], chat, lenient)
        return _of_chat(record, chat, found, columns, named, there)
    if "instruction" not in columns:
        raise Unreadable(_without_instruction(record, named, there))
    history = columns.get("history")
    return Prompt(
        instruction=_instruction(record, columns["instruction"], lenient),
        input=_text(record, columns, "input"),
        output=_output(record, columns),
        system=_text(record, columns, "system"),
        history=read_history(record[history], history, lenient=lenient) if history else (),
        used=_blank(record, there) | set(columns.values()),
        places={part: (column,) for part, column in columns.items()},
    )


def _chat_column(
    record: Mapping[str, Any],
    named: Mapping[str, str],
    there: Columns,
    instruction: str | None,
) -> str | None:
    """The column that holds a chat, if there is one."""
    if "instruction" not in named:
        for column in there.chats:
            if not is_blank(record[column]):
                return column
    if instruction is not None:
        value = record[instruction]
        has_turns = isinstance(value, (list, tuple)) or is_tree(value)
        return instruction if has_turns or instruction in CHATS else None
    output = there.of.get("output", ())
    if "instruction" not in named and "output" not in named and output:
        column = filled(record, output)
        if column.lower() == PAIR and isinstance(record[column], (list, tuple)):
            return column
    return None


def _chat(value: Any, column: str, lenient: bool) -> Chat:
    return (
        read_thread(value, column) if is_tree(value) else read_chat(value, column, lenient=lenient)
    )


def _of_chat(
    record: Mapping[str, Any],
    column: str,
    chat: Chat,
    columns: Mapping[str, str],
    named: Mapping[str, str],
    there: Columns,
) -> Prompt:
    """The user's last turn is the instruction, the turns around are the history."""
    turns = list(chat.turns)
    is_answered = bool(turns) and turns[-1].role == "assistant"
    output = turns.pop().text if is_answered else None
    users = [at for at, turn in enumerate(turns) if turn.role == "user"]
    if not users:
        raise Unreadable(f"{column!r}: holds no turn of the user")
    instruction = turns.pop(users[-1]).text
    parts = ["input"] if "input" in named else []
    parts += [] if is_answered else ["output"]
    parts += [] if chat.system else ["system"]
    beside = {part: columns[part] for part in parts if columns.get(part, column) != column}
    return Prompt(
        instruction=instruction,
        input=_text(record, beside, "input"),
        output=output if is_answered else _output(record, beside),
        system=chat.system or _text(record, beside, "system"),
        history=tuple(turns),
        used=_blank(record, there) | {column, *beside.values()},
        places={part: (name,) for part, name in beside.items()}
        | _places(chat, users[-1], is_answered=is_answered),
        is_chat=True,
    )


def _places(chat: Chat, at: int, *, is_answered: bool) -> dict[str, Place]:
    """The places of the turn `at`, which is the instruction, of the output and the system's."""
    found = {"instruction": chat.places[at], "system": chat.system_place}
    if is_answered:
        found["output"] = chat.places[-1]
    return {part: place for part, place in found.items() if place is not None}


def _instruction(record: Mapping[str, Any], column: str, lenient: bool) -> str:
    value = record[column]
    if is_blank(value):
        if lenient:
            return value if isinstance(value, str) else ""
        raise Unreadable(f"{column!r}: is empty")
    if not isinstance(value, str):  # a number here is an id, or another column was meant
        raise Unreadable(f"{column!r}: must be a text, not {kind_of(value)}")
    return text_of(value, column)


def _text(record: Mapping[str, Any], columns: Mapping[str, str], part: str) -> str:
    column = columns.get(part)
    text = text_of(record[column], column) if column is not None else ""
    return "" if is_blank(text) else text


def _output(record: Mapping[str, Any], columns: Mapping[str, str]) -> str | None:
    """A text, or the text of a list that ends with the assistant's turn; None if blank."""
    column = columns.get("output")
    if column is None or is_blank(record[column]):
        return None
    value = record[column]
    if isinstance(value, Mapping) and column.lower() == PAIR:
        value = [value]
    if not isinstance(value, (list, tuple)):
        return _text(record, columns, "output")
    chat = read_chat(value, column)
    roles = [turn.role for turn in chat.turns]
    is_pair = column.lower() == PAIR and roles[-1:] == ["assistant"]
    if not is_pair and (chat.system or roles != ["assistant"]):
        raise Unreadable(f"{column!r}: must be a text, or a list with the assistant's turn alone")
    return chat.turns[-1].text


def _blank(record: Mapping[str, Any], there: Columns) -> frozenset[str]:
    """The columns of the shapes that hold nothing here: nothing is lost with them."""
    return frozenset(column for column in there.shaped if is_blank(record[column]))


def _without_instruction(
    record: Mapping[str, Any], named: Mapping[str, str], there: Columns
) -> str:
    columns = f"columns: {listed(record)}"
    if column := named.get("instruction"):
        return f"no column {column!r} for the instruction ({columns}); see --field instruction"
    for column in there.chats:
        return f"{column!r}: holds no turn of the user"
    return f"no instruction ({columns}); name its column with --field instruction=COLUMN"
