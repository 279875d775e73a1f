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

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from selfinstruct.data.examples import Turn
from selfinstruct.records.chats import Chat, read_chat, read_history
from selfinstruct.records.trees import is_tree, read_thread
from selfinstruct.records.values import Place, Unreadable, is_blank, kind_of, text_of

PARTS = ("instruction", "input", "output", "system", "history")
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "instruction": ("instruction", "prompt", "question", "query", "problem", "inputs"),
    "input": ("input", "context"),
    "output": (
        *("output", "response", "completion", "answer"),
        *("chosen", "solution", "targets", "target"),
    ),
    "system": ("system", "system_prompt"),
    "history": ("history",),
}
_CHATS = ("messages", "conversations", "conversation")
_PAIR = "chosen"  # of a preference pair: may hold the whole chat
_SHAPED = (*_CHATS, *(column for columns in _COLUMNS.values() for column in columns))
_LISTED = 20  # columns that a message names
# Runs of edition 1 read these columns, in lower case, and no others.
_FIRST: Mapping[str, tuple[str, ...]] = {
    **_COLUMNS,
    "instruction": _COLUMNS["instruction"][:3],
    "output": _COLUMNS["output"][:4],
}


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


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns of a record that may hold each part, in the order of their precedence."""

    of: Mapping[str, tuple[str, ...]]
    chats: tuple[str, ...]
    shaped: tuple[str, ...]


def read_prompt(
    record: Mapping[str, Any],
    named: Mapping[str, str],
    *,
    may_be_blank: bool = False,
    edition: int = 2,
) -> Prompt:
    """The prompt of a record. named: columns by part, as {"instruction": "question"}.

    may_be_blank: whether an instruction may be. edition: of the run that asks. Raises Unreadable.
    """
    there = _columns(tuple(record), tuple(named.items()), edition)
    columns = {part: _filled(record, names) for part, names in there.of.items() if names}
    chat = _chat_column(record, named, there, columns.get("instruction"))
    if chat is not None:
        return _of_chat(record, chat, columns, named, there)
    if "instruction" not in columns:
        raise Unreadable(_without_instruction(record, named, there))
    history = columns.get("history")
    return Prompt(
        instruction=_instruction(record, columns["instruction"], may_be_blank),
        input=_text(record, columns, "input"),
        output=_output(record, columns),
        system=_text(record, columns, "system"),
        history=read_history(record[history], history) if history else (),
        used=_blank(record, there) | set(columns.values()),
        places={part: (column,) for part, column in columns.items()},
    )


def plain_columns(
    names: tuple[str, ...], named: Mapping[str, str]
) -> tuple[str | None, str, str | None] | None:
    """The columns of system message, instruction and input of records that have these columns.

    None where the values decide: chats, earlier turns, several columns for a part.
    """
    there = _columns(names, tuple(named.items()), 2)
    several = any(len(columns) > 1 for columns in there.of.values())
    if there.chats or several or there.of["history"] or not there.of["instruction"]:
        return None
    system, instruction, given = (
        there.of[part][0] if there.of[part] else None for part in ("system", "instruction", "input")
    )
    return system, str(instruction), given


def listed(columns: Iterable[str]) -> str:
    """The names of columns for a message, the first twenty of them."""
    names = [str(column) for column in columns]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return (", ".join(names[:_LISTED]) or "none") + more


@lru_cache(maxsize=1024)
def _columns(names: tuple[str, ...], named: tuple[tuple[str, str], ...], edition: int) -> _Columns:
    """The columns of records that have these names."""
    own = dict(named)
    free = [name for name in names if name not in own.values()]
    lowered = {} if edition < 2 else {str(name).strip().lower(): name for name in reversed(free)}
    lowered |= {name: name for name in free}
    of = {
        part: tuple(lowered[name] for name in known if name in lowered)
        for part, known in (_COLUMNS if edition > 1 else _FIRST).items()
    }
    for part, column in own.items():
        of[part] = (column,) if column in names else ()
    chats = tuple(lowered[name] for name in _CHATS if name in lowered)
    shaped = tuple(name for name in names if str(name).strip().lower() in _SHAPED)
    if edition < 2:
        shaped = tuple(name for name in names if name in _CHATS or name in sum(_FIRST.values(), ()))
    return _Columns(of, chats, shaped)


def _filled(record: Mapping[str, Any], columns: tuple[str, ...]) -> str:
    """The first column that is not blank, else the first."""
    return next((column for column in columns if not is_blank(record[column])), columns[0])


def _chat_column(
    record: Mapping[str, Any],
    named: Mapping[str, str],
    there: _Columns,
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
        return instruction if has_turns or instruction in _CHATS else None
    output = there.of.get("output", ())
    if "instruction" not in named and "output" not in named and output:
        column = _filled(record, output)
        if column.lower() == _PAIR and isinstance(record[column], (list, tuple)):
            return column
    return None


def _of_chat(
    record: Mapping[str, Any],
    column: str,
    columns: Mapping[str, str],
    named: Mapping[str, str],
    there: _Columns,
) -> Prompt:
    value = record[column]
    chat = read_thread(value, column) if is_tree(value) else read_chat(value, column)
    turns, places = list(chat.turns), list(chat.places)
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
        used=_blank(record, there) | {column, *beside.values()},
        places={part: (name,) for part, name in beside.items()}
        | _places(chat, len(turns), places, is_answered=output is not None),
        is_chat=True,
    )


def _places(chat: Chat, at: int, places: list[Place | None], is_answered: bool) -> dict[str, Place]:
    """The places of the turn `at`, which is the instruction, of the output and the system's."""
    found = {"instruction": places[at], "system": chat.system_place}
    if is_answered:
        found["output"] = places[at + 1]
    return {part: place for part, place in found.items() if place is not None}


def _instruction(record: Mapping[str, Any], column: str, may_be_blank: bool) -> str:
    value = record[column]
    if is_blank(value):
        if may_be_blank:
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
    if not isinstance(record[column], (list, tuple)):
        return _text(record, columns, "output")
    chat = read_chat(record[column], column)
    roles = [turn.role for turn in chat.turns]
    is_pair = column.lower() == _PAIR and roles[-1:] == ["assistant"]
    if not is_pair and (chat.system or roles != ["assistant"]):
        raise Unreadable(f"{column!r}: must be a text, or a list with the assistant's turn alone")
    return chat.turns[-1].text


def _blank(record: Mapping[str, Any], there: _Columns) -> frozenset[str]:
    """The columns of the shapes that hold nothing here: nothing is lost with them."""
    return frozenset(column for column in there.shaped if is_blank(record[column]))


def _without_instruction(
    record: Mapping[str, Any], named: Mapping[str, str], there: _Columns
) -> str:
    columns = f"columns: {listed(record)}"
    if column := named.get("instruction"):
        return f"no column {column!r} for the instruction ({columns}); see --field instruction"
    for column in there.chats:
        return f"{column!r}: holds no turn of the user"
    return f"no instruction ({columns}); name its column with --field instruction=COLUMN"
