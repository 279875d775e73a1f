"""Lists that the model writes: a tree of which the leaves count."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from selfinstruct.asking.stage import Ask, Question
from selfinstruct.errors import UserError
from selfinstruct.models import Decoding
from selfinstruct.recipes.topics.lists import AUTO, FIELDS, distinct

BRANCHES, LEAVES = 15, 20
DECODING = Decoding(temperature=1.0, top_p=0.95, max_tokens=1024)
_LONGEST = 400  # letters of a leaf
_ROOT = {
    "topics": "everything that people want written help with",
    "personas": "people of all ages, trades and countries who write to an assistant",
}


def question_of(name: str) -> Question:
    """The question for the parts of a field."""
    return Question(
        *(name, _listed, ("within", "n")),
        {"instructions": {"type": "array", "items": {"type": "string"}}},
        reply_tokens=160.0 if name == "topics" else 400.0,
    )


async def leaves_of(name: str, ask: Ask) -> tuple[str, ...]:
    """The leaves of a tree: the branches of a first reply, each divided by a further reply.

    A branch whose reply holds nothing is a leaf itself.
    """
    branches = await _parts(name, 0, _ROOT[name], BRANCHES, ask)
    calls = [_parts(name, at, branch, LEAVES, ask) for at, branch in enumerate(branches, 1)]
    grown = await asyncio.gather(*calls)
    leaves = [
        leaf
        for branch, found in zip(branches, grown, strict=True)
        for leaf in _within(branch, found, name)
    ]
    if not leaves:
        raise UserError(
            f"--{name} {AUTO}: the model's reply holds no list of {name}; name a file with a "
            f"{FIELDS[name]} a line, or another model"
        )
    return distinct(leaves)


def _within(branch: str, found: Sequence[str], name: str) -> Iterable[str]:
    """The leaves of a branch; a topic is told with its field."""
    if not found:
        return (branch,)
    return (f"{branch}: {leaf}" for leaf in found) if name == "topics" else found


async def _parts(name: str, at: int, within: str, count: int, ask: Ask) -> tuple[str, ...]:
    reply = await ask(name, f"{name}{at}", {"within": within, "n": count})
    texts = (draft.instruction.rstrip(" .:") for draft in reply.parsed.drafts)
    return distinct(text for text in texts if 0 < len(text) <= _LONGEST)[:count]


def _listed(reply: str, finish_reason: str) -> Any:
    """The parser of the lists, which is imported when a list is read."""
    from selfinstruct.parsing.chat import propose

    return propose(reply, finish_reason)
