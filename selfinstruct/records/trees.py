"""OASST's trees of messages: the thread of the best replies is the chat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from selfinstruct.data.examples import Turn
from selfinstruct.records.chats import Chat
from selfinstruct.records.values import Place, Unreadable, clean, kind_of

_ROLES = {"prompter": "user", "user": "user", "assistant": "assistant"}


def is_tree(value: Any) -> bool:
    """Whether a value is a message with its replies."""
    return isinstance(value, Mapping) and "text" in value and "replies" in value


def read_thread(value: Mapping[str, Any], column: str) -> Chat:
    """From the first message on, always the reply of the least rank that was not deleted.

    A question at the end that nobody answered is left out behind an answer. Raises Unreadable.
    """
    turns: list[Turn] = []
    places: list[Place | None] = []
    place: Place = (column,)
    message: Mapping[str, Any] | None = value
    while message is not None:
        turns.append(_turn(message, f"{column!r}, turn {len(turns) + 1}"))
        places.append((*place, "text"))
        replies = message.get("replies")
        if not isinstance(replies, (list, tuple)) or not replies:
            break
        best = _best(replies)
        message = replies[best] if best is not None else None
        place = (*place, "replies", best or 0)
    if len(turns) > 1 and turns[-1].role == "user":
        turns.pop(), places.pop()
    return Chat("", tuple(turns), tuple(places))


def read_paths(value: Mapping[str, Any], column: str) -> list[Chat]:
    """Every path from the first message to an answer that nobody went on from, in order.

    Messages that were deleted are left out with all below them, and questions that nobody
    answered. Raises Unreadable.
    """
    paths: dict[tuple[Turn, ...], None] = {}
    open_ends: list[tuple[Mapping[str, Any], tuple[Turn, ...]]] = [(value, ())]
    while open_ends:
        message, before = open_ends.pop()
        turns = (*before, _turn(message, f"{column!r}, turn {len(before) + 1}"))
        replies = message.get("replies")
        kept = [
            reply
            for reply in (replies if isinstance(replies, (list, tuple)) else ())
            if isinstance(reply, Mapping) and not reply.get("deleted")
        ]
        if kept:
            open_ends += [(reply, turns) for reply in reversed(kept)]
        else:
            paths[turns[:-1] if turns[-1].role == "user" else turns] = None
    found = [path for path in paths if path]
    longer = {path[:size] for path in found for size in range(1, len(path))}
    return [Chat("", path) for path in found if path not in longer]


def _turn(message: Mapping[str, Any], place: str) -> Turn:
    role, text = message.get("role"), message.get("text")
    if not isinstance(role, str) or role not in _ROLES:
        raise Unreadable(f"{place}: {'no role' if role is None else f'unknown role {role!r}'}")
    if not isinstance(text, str):
        raise Unreadable(f"{place}: must be a text, not {kind_of(text)}")
    if not text.strip():
        raise Unreadable(f"{place}: the text of the {_ROLES[role]} is empty")
    return Turn(_ROLES[role], clean(text))


def _best(replies: Sequence[Any]) -> int | None:
    """The position of the reply of the least rank; of equal replies the first."""
    ranks = {
        number: reply["rank"] if isinstance(reply.get("rank"), (int, float)) else inf
        for number, reply in enumerate(replies)
        if isinstance(reply, Mapping) and not reply.get("deleted")
    }
    return min(ranks, key=lambda number: ranks[number]) if ranks else None
