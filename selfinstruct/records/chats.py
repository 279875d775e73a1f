"""Chats: lists of turns, as OpenAI, ShareGPT and LLaMA-Factory write them.

A turn is {role, content} or {from, value}. A pair [user, assistant], or an object with both sides,
as {human, assistant} or {input, output}, stands for two turns. The content is a text or a list of
text parts. Roles are known in any case and by several names. System messages come first, and then
the user and the assistant take turns.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import Any

from selfinstruct.data.examples import Turn
from selfinstruct.records.values import Place, Unreadable, clean, kind_of

_MODELS = (
    *("assistant", "gpt", "chatgpt", "bard", "bing", "model", "bot", "chatbot", "ai", "llm"),
    *("gpt-4", "gpt4", "claude", "gemini"),
)
_ROLES = {
    **dict.fromkeys(("user", "human", "prompter"), "user"),
    **dict.fromkeys(_MODELS, "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
}
_TOOL_ROLES = {"tool", "tool_call", "tool_response", "function", "function_call", "observation"}
_PAIR = ("user", "assistant")
_SIDES = (("human", "assistant"), _PAIR, ("input", "output"), ("question", "answer"))
_TEXTS = ("content", "value", "text")
_PART_TEXTS = ("text", "value", "content")
_TOOL_CALLS = ("tool_calls", "function_call")


@dataclass(frozen=True, slots=True)
class Chat:
    """The system message, empty if there is none, and the turns of user and assistant.

    places: of each turn's text in its record, None where that is no single text.
    """

    system: str
    turns: tuple[Turn, ...]
    places: tuple[Place | None, ...] = ()
    system_place: Place | None = None


def read_chat(value: Any, column: str, *, lenient: bool = False) -> Chat:
    """The chat in a column: a list of turns, or the same list as a text of JSON.

    lenient: whether roles, order and blank texts are as they are. Raises Unreadable, naming the
    turn.
    """
    placed = list(_turns(_listed(value, column), column, lenient))
    turns = [turn for turn, _ in placed]
    first = len(list(takewhile(_is_system, turns)))
    for number, turn in enumerate(turns[first:], first + 1):
        if _is_system(turn) and not lenient:
            raise Unreadable(f"{_place(column, number)}: a system message behind other turns")
    if not lenient:
        check_order(turns[first:], column, first)
    # The keys of a place lead through lists and objects, not through a text of JSON.
    places = [None if isinstance(value, str) else place for _, place in placed]
    return Chat(
        system="\n\n".join(turn.text for turn in turns[:first] if turn.text),
        turns=tuple(turns[first:]),
        places=tuple(places[first:]),
        system_place=places[0] if first == 1 else None,
    )


def read_history(value: Any, column: str, *, lenient: bool = False) -> tuple[Turn, ...]:
    """The turns before an instruction: pairs [user, assistant], or turns. Raises Unreadable."""
    turns = tuple(turn for turn, _ in _turns(_listed(value, column), column, lenient))
    if lenient:
        return turns
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


def _turns(
    values: Sequence[Any], column: str, lenient: bool
) -> Iterator[tuple[Turn, Place | None]]:
    """Turns as they stand, and the two turns of a pair, each with its place."""
    number = 0
    for at, value in enumerate(values):
        for member, place in _members(value, (column, at)):
            number += 1
            turn = _turn(member, _place(column, number), lenient)
            yield turn, place or _text_place(member, (column, at))


def _members(value: Any, place: Place) -> list[tuple[Any, Place | None]]:
    """The turns that a member of the list stands for: mostly itself alone."""
    if isinstance(value, (list, tuple)) and len(value) == len(_PAIR):
        return [
            ({"role": role, "content": text}, (*place, side))
            for side, (role, text) in enumerate(zip(_PAIR, value, strict=True))
        ]
    if not isinstance(value, Mapping) or _given(value, "role", "from") is not None:
        return [(value, None)]
    for sides in _SIDES:
        if all(side in value for side in sides):
            system = [({"role": "system", "content": value.get("system")}, (*place, "system"))]
            both = [
                ({"role": role, "content": value[side]}, (*place, side))
                for role, side in zip(_PAIR, sides, strict=True)
            ]
            return [*(system if value.get("system") else []), *both]
    return [(value, None)]


def _text_place(turn: Mapping[str, Any], place: Place) -> Place | None:
    """Where a turn's text stands: in a key, or in its only part."""
    name = next((name for name in _TEXTS if turn.get(name) is not None), None)
    if name is None or isinstance(turn[name], str):
        return None if name is None else (*place, name)
    parts = turn[name]
    if len(parts) != 1:
        return None
    if isinstance(parts[0], str):
        return (*place, name, 0)
    part = next(name for name in _PART_TEXTS if parts[0].get(name) is not None)
    return (*place, name, 0, part)


def _turn(value: Any, place: str, lenient: bool) -> Turn:
    if not isinstance(value, Mapping):
        raise Unreadable(f"{place}: must be an object with a role and a text, not {kind_of(value)}")
    named = _given(value, "role", "from")
    role = named.strip().lower() if isinstance(named, str) else None
    if role in _TOOL_ROLES or any(value.get(name) for name in _TOOL_CALLS):
        raise Unreadable(f"{place}: a call of a tool or its result; chats with tools are not read")
    if role not in _ROLES and not lenient:
        raise Unreadable(f"{place}: {'no role' if named is None else f'unknown role {named!r}'}")
    text = _content(_given(value, *_TEXTS), place)
    if lenient:
        return Turn(_ROLES.get(role or "", str(named)), text)
    assert role is not None
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
    text = _given(part, *_PART_TEXTS) if isinstance(part, Mapping) else part
    kind = part.get("type") if isinstance(part, Mapping) else None
    if not isinstance(text, str) or (kind or "text") not in {"text", "input_text", "output_text"}:
        raise Unreadable(f"{place}: a part is no text but {kind or kind_of(part)}")
    return text


def texts_of_chat(value: Any, which: str) -> list[str] | None:
    """The texts of a list of turns, up to the user's last turn with a text.

    which: "all" turns, or only the user's "first" or "last" turn. None for a value that is no chat
    with a user's turn. Turns without a text, and turns of tools, are passed over.
    """
    said: list[tuple[str, str]] = []
    for turn in value if isinstance(value, (list, tuple)) else ():
        for member, _ in _members(turn, ()):
            text = _said(member)
            if text.strip():
                role = _given(member, "role", "from")
                said.append((_ROLES.get(str(role).strip().lower(), ""), text))
    users = [at for at, (role, _) in enumerate(said) if role == "user"]
    if not users:
        return None
    first, last = {
        "all": (0, users[-1]),
        "first": (users[0], users[0]),
        "last": (users[-1], users[-1]),
    }[which]
    return [text for _, text in said[first : last + 1]]


def _said(turn: Any) -> str:
    """The text of a turn, of its parts those that are texts."""
    content = _given(turn, *_TEXTS) if isinstance(turn, Mapping) else None
    if isinstance(content, (list, tuple)):
        parts = [
            _given(part, *_PART_TEXTS) if isinstance(part, Mapping) else part for part in content
        ]
        content = "\n".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""
