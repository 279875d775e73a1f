"""Conversations as ShareGPT has them, cleaned so that every turn is kept that can be.

HTML becomes Markdown, and entities in the other turns of such a chat become letters. An assistant's
turn in front and a user's turn at the end are left out, and a blank turn with the turn that it asks
or answers. Turns of a role in a row become a single turn. A conversation that is too long is split
between pairs, and no pair is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any

from selfinstruct.data.examples import Turn
from selfinstruct.records.chats import read_chat
from selfinstruct.records.markup import is_markup, to_markdown
from selfinstruct.records.values import Unreadable

Pair = tuple[str, str]  # the user's turn and the assistant's
_DIGITS = re.compile(r"(\d)\1{8}")
# Lines that ChatGPT's page had below a reply: which of several, and a button with its sizes.
_ON_PAGE = re.compile(r"^(?:\d+ / \d+|Copy\d+ chars / \d+ words)$", re.MULTILINE)
_FEWEST = 16  # characters of all outputs together


@dataclass(frozen=True, slots=True)
class Conversation:
    """The system message, and pairs of turns. lost: turns that were left out."""

    system: str
    pairs: tuple[Pair, ...]
    lost: tuple[Turn, ...] = ()

    @property
    def history(self) -> tuple[Turn, ...]:
        """The turns before the last pair."""
        return tuple(
            turn
            for asked, said in self.pairs[:-1]
            for turn in (Turn("user", asked), Turn("assistant", said))
        )


def cleaned(value: Any, column: str) -> Conversation:
    """The conversation in a column. Raises Unreadable, naming the turn."""
    chat = read_chat(value, column, lenient=True)
    turns = []
    is_saved = any(turn.role == "assistant" and is_markup(turn.text) for turn in chat.turns)
    for number, turn in enumerate(chat.turns, 1):
        if turn.role not in ("user", "assistant"):
            why = "a system message behind other turns" if turn.role == "system" else "unknown role"
            raise Unreadable(f"{column!r}, turn {number}: {why} {turn.role!r}")
        text = turn.text
        if is_markup(text):
            text = _ON_PAGE.sub("", to_markdown(text))
        elif is_saved:
            text = unescape(text)
        turns.append(Turn(turn.role, text.strip()))
    pairs, lost = _paired(turns)
    return Conversation(chat.system.strip(), tuple(pairs), tuple(lost))


def _paired(turns: Sequence[Turn]) -> tuple[list[Pair], list[Turn]]:
    """Pairs, and the turns that belong to none. A blank turn takes its other half with it."""
    joined: list[Turn] = []
    for turn in turns:
        if joined and joined[-1].role == turn.role:
            texts = (text for text in (joined[-1].text, turn.text) if text)
            joined[-1] = Turn(turn.role, "\n\n".join(texts))
        else:
            joined.append(turn)
    pairs, lost, asked = [], [], None
    for turn in joined:
        if turn.role == "user":
            asked = turn
        elif asked is not None and asked.text and turn.text:
            pairs.append((asked.text, turn.text))
            asked = None
        else:
            lost += [asked, turn] if asked is not None else [turn]
            asked = None
    return pairs, lost if asked is None else [*lost, asked]


def pieces(
    conversation: Conversation, count: Callable[[str], int], most: int
) -> Iterator[Conversation | Pair]:
    """Parts of at most so many tokens, all pairs in order; a pair that is longer stands alone.

    count: the tokens of a text. Every part has the system message.
    """
    own = count(conversation.system) if conversation.system else 0
    held: list[Pair] = []
    tokens = own
    for pair in conversation.pairs:
        size = count(pair[0]) + count(pair[1])
        if held and tokens + size > most:
            yield Conversation(conversation.system, tuple(held))
            held, tokens = [], own
        if own + size > most:
            yield pair
            continue
        held.append(pair)
        tokens += size
    if held:
        yield Conversation(conversation.system, tuple(held))


def why_not(conversation: Conversation, *, short: bool, digits: bool) -> str | None:
    """The reason why a conversation is dropped: that no pair is left, or a rule of choice.

    short: whether all outputs must have 16 characters together. digits: whether a digit may not
    stand nine times in a row.
    """
    if not conversation.pairs:
        return "no_pair"
    said = sum(len(output) for _, output in conversation.pairs)
    if short and said < _FEWEST:
        return "short_output"
    texts = (text for pair in conversation.pairs for text in pair)
    return "repeated_digits" if digits and any(map(_DIGITS.search, texts)) else None
