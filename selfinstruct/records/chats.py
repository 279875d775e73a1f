"""Chats: lists of turns, as OpenAI, ShareGPT and LLaMA-Factory write them.

A turn is {role, content} or {from, value}, or a pair [user, assistant] stands for two turns. The
content is a text or a list of text parts. Roles are known in any case and by several names. System
messages come first, and then the user and the assistant take turns.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import Any

from selfinstruct.data.examples import Turn
from selfinstruct.records.values import Unreadable, clean, kind_of

_ROLES = {
    **dict.fromkeys(("user", "human"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "bard", "bing", "model"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
}
_TOOL_ROLES = {"tool", "tool_call", "tool_response", "function", "function_call", "observation"}
_PAIR = ("user", "assistant")
_TOOL_CALLS = ("tool_calls", "function_call")


@dataclass(frozen=True, slots=True)
class Chat:
    """The system message, empty if there is none, and the turns of user and assistant."""

    system: str
    turns: tuple[Turn, ...]


def read_chat(value: Any, column: str) -> Chat:
    """The chat in a column: a list of turns, or the same list as a text of JSON.

    Raises Unreadable, naming the turn.
    """
    turns = list(_turns(_listed(value, column), column))
    first = len(list(takewhile(_is_system, turns)))
    for number, turn in enumerate(turns[first:], first + 1):
        if _is_system(turn):
            raise Unreadable(f"{_place(column, number)}: a system message behind other turns")
    check_order(turns[first:], column, first)
    system = "\n\n".join(turn.text for turn in turns[:first] if turn.text)
    return Chat(system, tuple(turns[first:]))


def read_history(value: Any, column: str) -> tuple[Turn, ...]:
    """The turns before an instruction: pairs [user, assistant], or turns. Raises Unreadable."""
    turns = tuple(_turns(_listed(value, column), column))
    if any(map(_is_system, turns)):
        raise Unreadable(f"{column!r}: a system message among the earlier turns")
    check_order(turns, column)
    if turns and turns[-1].role == "user":
        raise Unreadable(f"{column!r}: its last turn is the user's, as is the instruction")
    return turns


def check_order(turns: Sequence[Turn], column: str, before: int = 0) -> None:
    """Raises Unreadable where a role has two turns in a row. before: turns left out in front."""
    for number, (turn, following) in enumerate(pairwise(turns), before + 2):
        if turn.role == following.role:
            raise Unreadable(f"{_place(column, number)}: two turns of the {turn.role} in a row")


def _is_system(turn: Turn) -> bool:
    return turn.role == "system"


def _place(column: str, number: int) -> str:
    return f"{column!r}, turn {number}"


def _listed(value: Any, column: str) -> Sequence[Any]:
    if isinstance(value, str) and value.strip():  # as CSV and TSV hold a list
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise Unreadable(f"{column!r}: a text, and not JSON of a list of turns") from None
    if not value:
        return ()
    if not isinstance(value, (list, tuple)):
        raise Unreadable(f"{column!r}: must be a list of turns, not {kind_of(value)}")
    return value


def _turns(values: Sequence[Any], column: str) -> Iterator[Turn]:
    """Turns as they stand, and the two turns of a pair."""
    number = 0
    for value in values:
        is_pair = isinstance(value, (list, tuple)) and len(value) == len(_PAIR)
        members = [value]
        if is_pair:
            members = [
                {"role": role, "content": text} for role, text in zip(_PAIR, value, strict=True)
            ]
        for member in members:
            number += 1
            yield _turn(member, _place(column, number))


def _turn(value: Any, place: str) -> Turn:
    if not isinstance(value, Mapping):
        raise Unreadable(f"{place}: must be an object with a role and a text, not {kind_of(value)}")
    named = _given(value, "role", "from")
    role = named.strip().lower() if isinstance(named, str) else None
    if role in _TOOL_ROLES or any(value.get(name) for name in _TOOL_CALLS):
        raise Unreadable(f"{place}: a call of a tool or its result; chats with tools are not read")
    if role not in _ROLES:
        raise Unreadable(f"{place}: {'no role' if named is None else f'unknown role {named!r}'}")
    text = _content(_given(value, "content", "value"), place)
    if not text.strip():
        if _ROLES[role] == "system":
            return Turn("system", "")
        raise Unreadable(f"{place}: the text of the {_ROLES[role]} is empty")
    return Turn(_ROLES[role], text)


def _given(value: Mapping[str, Any], *names: str) -> Any:
    """The first that is not null: Parquet gives every turn the keys of all turns."""
    return next((value[name] for name in names if value.get(name) is not None), None)


def _content(content: Any, place: str) -> str:
    """A text, or the texts of a list of parts, a line each."""
    if content is None:
        return ""
    if isinstance(content, (list, tuple)):
        content = "\n".join(_part(part, place) for part in content)
    if not isinstance(content, str):
        raise Unreadable(f"{place}: its content must be a text, not {kind_of(content)}")
    return clean(content)


def _part(part: Any, place: str) -> str:
    """{"type": "text", "text": ...}; some files name the text "value" or "content"."""
    text = _given(part, "text", "value", "content") if isinstance(part, Mapping) else part
    kind = part.get("type") if isinstance(part, Mapping) else None
    if not isinstance(text, str) or (kind or "text") not in {"text", "input_text", "output_text"}:
        raise Unreadable(f"{place}: a part is no text but {kind or kind_of(part)}")
    return text
