"""The columns of a record that may hold each part of a prompt, known by their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from selfinstruct.records.values import is_blank

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
CHATS = ("messages", "conversations", "conversation")
PAIR = "chosen"  # of a preference pair: may hold the whole chat
_OTHER = "rejected"  # the other reply of a preference pair
_SHAPED = (*CHATS, *(column for columns in _COLUMNS.values() for column in columns))
_LISTED = 20  # columns that a message names
# Runs of edition 1 read these columns, in lower case, and no others.
_FIRST: Mapping[str, tuple[str, ...]] = {
    **_COLUMNS,
    "instruction": _COLUMNS["instruction"][:3],
    "output": _COLUMNS["output"][:4],
}


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a record that may hold each part, in the order of their precedence."""

    of: Mapping[str, tuple[str, ...]]
    chats: tuple[str, ...]
    shaped: tuple[str, ...]


@lru_cache(maxsize=1024)
def columns_of(names: tuple[str, ...], named: tuple[tuple[str, str], ...], edition: int) -> Columns:
    """The columns of records that have these names."""
    own = dict(named)
    free = [name for name in names if name not in own.values()]
    lowered = {} if edition < 2 else {str(name).strip().lower(): name for name in reversed(free)}
    lowered |= {name: name for name in free}
    if _OTHER not in lowered:  # beside nothing else, "chosen" is no reply
        lowered.pop(PAIR, None)
    of = {
        part: tuple(lowered[name] for name in known if name in lowered)
        for part, known in (_COLUMNS if edition > 1 else _FIRST).items()
    }
    for part, column in own.items():
        of[part] = (column,) if column in names else ()
    chats = tuple(lowered[name] for name in CHATS if name in lowered)
    shaped = tuple(name for name in names if str(name).strip().lower() in _SHAPED)
    if edition < 2:
        shaped = tuple(name for name in names if name in CHATS or name in sum(_FIRST.values(), ()))
    return Columns(of, chats, shaped)


def filled(record: Mapping[str, Any], columns: tuple[str, ...]) -> str:
    """The first column that is not blank, else the first."""
    return next((column for column in columns if not is_blank(record[column])), columns[0])


def plain_columns(names: tuple[str, ...], named: Mapping[str, str]) -> dict[str, str] | None:
    """The column of each part that there is, for records that have these columns.

    None where the values decide: chats, earlier turns, several columns for a part.
    """
    there = columns_of(names, tuple(named.items()), 2)
    several = any(len(columns) > 1 for columns in there.of.values())
    if there.chats or several or there.of["history"] or not there.of["instruction"]:
        return None
    return {part: columns[0] for part, columns in there.of.items() if columns}


def listed(columns: Iterable[str]) -> str:
    """The names of columns for a message, the first twenty of them."""
    names = [str(column) for column in columns]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return (", ".join(names[:_LISTED]) or "none") + more
