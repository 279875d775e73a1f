"""The thoughts that a reasoning model writes before the reply."""

from __future__ import annotations

import re

_OPENED = re.compile(r"\s*(?:<(think|thinking|thought|reasoning)>|\[(THINK)\])")
_CLOSED = re.compile(r"(?:</(?:think|thinking|thought|reasoning)>|\[/THINK\])\s*")


def without_thinking(reply: str) -> str:
    """A reply without the thoughts before, "" where the thoughts do not end.

    A reply may close thoughts that the chat template has opened ("... </think> Yes.").
    """
    opened = _OPENED.match(reply)
    if opened is None:
        before, mark, after = reply.partition("</think>")
        return after.lstrip() if mark and "<think>" not in before else reply
    closed = _CLOSED.search(reply, opened.end())
    return reply[closed.end() :] if closed else ""
