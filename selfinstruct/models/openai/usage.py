"""The tokens of a reply: the server's count where the count can be, else an estimate.

Servers of every kind send zeros, negative numbers, texts, or counts of another reply. Such a count
would make the cost look like nothing, and no cap would hold.
"""

from __future__ import annotations

import re
from typing import Any

from selfinstruct.models import Request, Usage

_MOST_TOKENS = 10**8  # of a call; a larger count is a server's error
# From Greek on, without punctuation. Words are short there, or have no spaces between them.
_OTHER_SCRIPTS = re.compile("[\u0370-\u1fff\u2e80-\U0010ffff]+")
# Characters a token at most: ordinary text has three to five, and fewer where no spaces are.
_LONGEST_TOKEN = 20
# Tokens that a server may add: to a prompt its own instructions, to a reply hidden thinking.
_ADDED_TO_PROMPT, _ADDED_TO_REPLY = 200_000, 1_000_000


def usage_of(said: Any, request: Request, text: str) -> Usage:
    """The tokens of a call by the server's record `said`; `text`: all of the reply that was sent.

    If one of the two counts cannot be, both are estimates, and `estimated_tokens` is their sum.
    The prompt of a request without messages is unknown, and any valid count of the prompt holds.
    """
    said = said if isinstance(said, dict) else {}
    prompt = _count(said, "prompt_tokens")
    completion = 0 if said.get("completion_tokens") is None else _count(said, "completion_tokens")
    if prompt is None or completion is None:
        return _estimate(request, text)
    cached = _count(said.get("prompt_tokens_details"), "cached_tokens") or 0
    reasoning = _count(said.get("completion_tokens_details"), "reasoning_tokens") or 0
    hidden = max(0, (_count(said, "total_tokens") or 0) - prompt - completion)
    if hidden and hidden == cached:  # some servers count cached tokens apart
        prompt += cached
    elif hidden and completion + hidden <= _most(text, _ADDED_TO_REPLY):
        completion += hidden  # some servers do not count thinking among the completion's
        reasoning = max(reasoning, hidden)
    is_prompt_right = not request.messages or _can_be_of_prompt(prompt, request)
    if not is_prompt_right or not _can_be(completion, text, _ADDED_TO_REPLY):
        return _estimate(request, text)
    return Usage(prompt, completion, min(cached, prompt), min(reasoning, completion))


def estimated_tokens(text: str) -> int:
    """About the tokens of a text: four Latin characters each, or three bytes in other scripts."""
    latin = text if text.isascii() else _OTHER_SCRIPTS.sub("", text)
    others = len(text.encode("utf-8", "replace")) - len(latin.encode("utf-8", "replace"))
    return (len(latin) + others * 4 // 3) // 4 + 1


def _estimate(request: Request, text: str) -> Usage:
    prompt, completion = estimated_tokens(request.text), estimated_tokens(text)
    return Usage(prompt, completion, estimated_tokens=prompt + completion)


def _can_be_of_prompt(count: int, request: Request) -> bool:
    """The same as _can_be with the text of the prompt, which is put together only if needed."""
    length = sum([len(message.text) for message in request.messages])
    is_in_between = (length + 2 * len(request.messages)) // _LONGEST_TOKEN <= count <= 4 * length
    return is_in_between or _can_be(count, request.text, _ADDED_TO_PROMPT)


def _can_be(count: int, text: str, added: int) -> bool:
    """Whether `count` tokens can be those of `text`, to which the server may have `added` some."""
    least = (len(text) - 1) // _LONGEST_TOKEN
    if count < least and count < len(_squeezed(text)) // _LONGEST_TOKEN:
        return False
    return count <= _most(text, added)


def _most(text: str, added: int) -> int:
    """A text has no more tokens than bytes."""
    return 4 * len(text) + added


def _squeezed(text: str) -> str:
    """The text without repetitions of a character, of which a single token may hold many."""
    return "".join(now for before, now in zip(" " + text, text, strict=False) if now != before)


def _count(said: Any, name: str) -> int | None:
    """A valid number of tokens, or None."""
    count = said.get(name) if isinstance(said, dict) else None
    if isinstance(count, float) and count.is_integer():
        count = int(count)
    if not isinstance(count, int) or isinstance(count, bool):
        return None
    return count if 0 <= count <= _MOST_TOKENS else None
