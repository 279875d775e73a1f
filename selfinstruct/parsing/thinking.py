"""What a reasoning model thinks aloud before it replies."""

from __future__ import annotations

import re

_OPENED = re.compile(r"\s*(?:<(think|thinking|thought|reasoning)>|\[(THINK)\])")
_CLOSED = re.compile(r"(?:</(?:think|thinking|thought|reasoning)>|\[/THINK\])\s*")


def without_thinking(reply: str) -> str:
    """A reply without the thoughts that come before it; nothing is left of one that never comes to their end.

    Where the chat template has opened the thoughts already, the reply only closes them.
    """
    opened = _OPENED.match(reply)
    if opened is None:
        before, mark, after = reply.partition("</think>")
        return after.lstrip() if mark and "<think>" not in before else reply
    closed = _CLOSED.search(reply, opened.end())
    return reply[closed.end() :] if closed else ""
