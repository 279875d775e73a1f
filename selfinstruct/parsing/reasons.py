"""Reasons of replies that hold nothing or not all, and the texts that are left over of a reply."""

from __future__ import annotations

import re
from dataclasses import replace

from selfinstruct.parsing import Leftover, Parsed
from selfinstruct.parsing.embedded import Items
from selfinstruct.parsing.endings import cut_of
from selfinstruct.parsing.wording import Wording

_MARKS = " \t*_#.:()"
_WORDS = re.compile(r"[^\W_]")
_REFUSAL = re.compile(
    r"\W*(?:(?:i(?:['\u2019]m| am) )?(?:really |very |so )?sorry\b|i apologi[sz]e|as an ai\b"
    r"|i(?:['\u2019]m| am) (?:unable|not able)\b|i (?:cannot|can['\u2019]?t|won['\u2019]?t)\b)",
    re.I,
)


def leftovers(
    before: str, others: list[str], wording: Wording, *, explanation: str = ""
) -> tuple[Leftover, ...]:
    """The texts of a reply that are in no candidate.

    before: the text before the first candidate. explanation: the text around a label.

    Texts without a letter or digit are marks alone, and are left away. Version 0.1 knew none.
    """
    if not wording.is_wide:
        return ()
    reasons = [(before, "remark"), (explanation, "explanation")]
    reasons += [(text, "remark" if wording.closing.match(text) else "left_over") for text in others]
    reasons = [(_without_titles(text, wording), reason) for text, reason in reasons]
    return tuple(
        Leftover(text.strip(" \t\r\n*_#,;:"), reason)
        for text, reason in reasons
        if _WORDS.search(text)
    )


def _without_titles(text: str, wording: Wording) -> str:
    """The text without lines that are framing: the number of an example, alone."""
    lines = (line for line in text.split("\n") if line.strip())
    return "\n".join(line for line in lines if not wording.announced.fullmatch(line.strip(_MARKS)))


def finished(
    parsed: Parsed, reply: str, finish_reason: str, items: Items | None, otherwise: str
) -> Parsed:
    """`parsed` with the reason of the reply, which then goes to rejected.jsonl as a whole.

    Reasons: a cut, broken_json or that of `why_nothing`; None if complete. otherwise: the slug for
    a reply that held nothing.
    """
    reason = cut_of(finish_reason)
    if reason is None and items is not None and not items.is_whole:
        reason = "broken_json"
    if reason is None and parsed.is_empty:
        reason = why_nothing(reply, otherwise)
    return parsed if reason is None else replace(parsed, reason=reason, leftovers=())


def why_nothing(reply: str, otherwise: str) -> str:
    """The reason of a reply that holds nothing: empty_reply, refusal, or the given slug."""
    if not reply.strip():
        return "empty_reply"
    return "refusal" if _REFUSAL.match(reply) else otherwise
