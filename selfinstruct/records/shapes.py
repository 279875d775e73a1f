"""The shapes of instruction data: from a record's columns to a prompt, per record.

| shape             | columns                                                                      |
|-------------------|------------------------------------------------------------------------------|
| Alpaca            | instruction, input, output; also system, history as [[user, assistant], ...] |
| Dolly, GPTeacher  | instruction, context or input, response                                      |
| prompt/completion | prompt, completion or response                                               |
| question/answer   | question, answer                                                             |
| messages          | messages: [{role, content}], content a text or a list of text parts          |
| ShareGPT          | conversations: [{from, value}], role names in any case                       |

Of a chat the user's last turn is the instruction. An assistant's turn after it is the output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfinstruct.data.examples import Turn
from selfinstruct.text import well_formed

NAMES = ("instruction", "input", "output", "system", "history")
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "instruction": ("instruction", "prompt", "question"),
    "input": ("input", "context"),
    "output": ("output", "response", "completion", "answer"),
    "system": ("system",),
    "history": ("history",),
}
_CHATS = ("messages", "conversations", "conversation")
_ROLES = {
    **dict.fromkeys(("user", "human"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "bard", "bing", "model"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
}


class Unreadable(Exception):
    """A record without a prompt that can be read. Its text says why."""


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
    """The prompt of a record. `named`: columns by name, as the user maps them. Raises Unreadable."""
    chat = next((name for name in _CHATS if record.get(name)), None)
    if chat is not None and "instruction" not in named:
        return _of_chat(record, chat, named)
    columns = {name: _column(record, name, named) for name in NAMES}
    found = columns["instruction"]
    if found is None:
        there = ", ".join(map(str, record)) or "none"
        raise Unreadable(
            f"no instruction (columns: {there}); name its column with --field instruction=COLUMN"
        )
    instruction = _text(record, found)
    if not instruction.strip():
        raise Unreadable(f"{found!r} is empty")
    output = _optional(record, columns["output"])
    return Prompt(
        instruction,
        _optional(record, columns["input"]),
        output if output.strip() else None,
        _optional(record, columns["system"]),
        _pairs(record, columns["history"]),
        frozenset(name for name in columns.values() if name is not None),
    )


def _column(record: Mapping[str, Any], name: str, named: Mapping[str, str]) -> str | None:
    if name in named:
        return named[name] if named[name] in record else None
    taken = set(named.values())
    columns = (column for column in _COLUMNS[name] if column in record and column not in taken)
    return next(columns, None)


def _text(record: Mapping[str, Any], column: str) -> str:
    value = record[column]
    if not isinstance(value, str):
        raise Unreadable(f"{column!r} must be a text, not {type(value).__name__}")
    return well_formed(value)


def _optional(record: Mapping[str, Any], column: str | None) -> str:
    if column is None or record[column] is None:
        return ""
    return _text(record, column)


def _pairs(record: Mapping[str, Any], column: str | None) -> tuple[Turn, ...]:
    """Earlier turns: LLaMA-Factory's pairs, or turns as an example has them."""
    value = record[column] if column is not None else None
    if not value:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise Unreadable(f"{column!r} must be a list of turns")
    turns: list[Turn] = []
    for each in value:
        if isinstance(each, Mapping):
            turns.append(_turn(each, str(column)))
        elif isinstance(each, Sequence) and [type(text) for text in each] == [str, str]:
            turns += [Turn("user", each[0]), Turn("assistant", each[1])]
        else:
            raise Unreadable(f"{column!r} must hold pairs of texts or turns")
    return tuple(turns)


def _turn(value: Any, column: str) -> Turn:
    if not isinstance(value, Mapping):
        raise Unreadable(f"{column!r}: a turn must be an object")
    role = value.get("role", value.get("from"))
    known = _ROLES.get(str(role).lower())
    if known is None:
        raise Unreadable(f"{column!r}: unknown role {role!r}")
    content = value.get("content", value.get("value"))
    if isinstance(content, Sequence) and not isinstance(content, str):
        parts = [part.get("text") if isinstance(part, Mapping) else None for part in content]
        if not all(isinstance(part, str) for part in parts):
            raise Unreadable(f"{column!r}: a turn holds parts that are no text")
        content = "\n".join(map(str, parts))
    if not isinstance(content, str) or value.get("tool_calls"):
        raise Unreadable(f"{column!r}: a turn of {role!r} is no text")
    if not content.strip():
        raise Unreadable(f"{column!r}: a turn of {role!r} is empty")
    return Turn(known, well_formed(content))


def _of_chat(record: Mapping[str, Any], column: str, named: Mapping[str, str]) -> Prompt:
    value = record[column]
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise Unreadable(f"{column!r} must be a list of turns")
    turns = [_turn(each, column) for each in value]
    system = "\n\n".join(turn.text for turn in turns if turn.role == "system")
    if any(turn.role == "system" for turn in turns[1:]):
        raise Unreadable(f"{column!r}: a system message stands after the first turn")
    turns = [turn for turn in turns if turn.role != "system"]
    own = _column(record, "system", named)
    roles = [turn.role for turn in turns]
    if any(role == after for role, after in zip(roles, roles[1:], strict=False)):
        raise Unreadable(f"{column!r}: two turns of the same role in a row")
    output = turns.pop().text if roles and roles[-1] == "assistant" else None
    if not turns:
        raise Unreadable(f"{column!r}: holds no turn of the user")
    *history, last = turns
    if history and history[0].role == "assistant":
        history = history[1:]  # a greeting before the user's first turn
    used = {column} | ({own} if own else set())
    return Prompt(
        last.text, "", output, system or _optional(record, own), tuple(history), frozenset(used)
    )
