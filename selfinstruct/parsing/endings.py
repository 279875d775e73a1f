"""Endings: whether a reply is whole, by the finish reason that the server names.

Only a reason that is known to mean "the model had said all" makes a reply whole. Every other reason
is a cut with a stable slug.
"""

from __future__ import annotations

import re
from functools import lru_cache

from selfinstruct.models.openai.replies import REFUSAL, TOOL_CALL

# Text that stood outside the message's content, and the reason of such a reply.
BESIDE = {REFUSAL: "refusal", TOOL_CALL: "tool_call"}

_WHOLE = frozenset(
    (
        *("", "stop", "stopped", "stop_sequence", "stop_token", "stop_string", "normal"),
        *(
            "eos",
            "eos_token",
            "eos_found",
            "end",
            "ended",
            "end_turn",
            "end_of_turn",
            "end_of_text",
            "end_of_sequence",
            "natural",
            "natural_stop",
            "normal_stop",
            "model_stop",
        ),
        *("complete", "completed", "finish", "finished", "done", "success", "none", "null"),
    )
)
_LENGTH = re.compile(r"length|max|limit|token_budget|context_window|truncat|incomplete")
_FILTER = re.compile(
    r"filter|safety|recitation|prohibited|blocklist|blocked|spii|sensitive|moderat|policy|guardrail"
)
_REFUSAL = re.compile(r"refus")
_TOOL = re.compile(r"tool|function_call")
_PREFIX = re.compile(r"finish_?reason_|stop_?reason_")
_TOKEN = re.compile(r"<[^<>]{1,40}>")  # the control token that ended a reply: "stop: </s>"
_LONGEST_SLUG = 40


@lru_cache(maxsize=256)  # asked several times for each reply
def cut_of(finish_reason: str) -> str | None:
    """The reason why the end of a reply is unusable, None for a whole reply.

    Slugs: cut_by_length, cut_by_filter, cut_by_refusal, cut_by_tool_call, cut_by_ and the reason.
    """
    words = _TOKEN.sub("", finish_reason)
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", words.strip())  # maxTokens, EndTurn
    name = re.sub(r"[\W_]+", "_", words.lower()).strip("_")
    name = name[match.end() :] if (match := _PREFIX.match(name)) else name
    if name in _WHOLE:
        return None
    kinds = ((_FILTER, "filter"), (_LENGTH, "length"), (_REFUSAL, "refusal"), (_TOOL, "tool_call"))
    kind = next((kind for pattern, kind in kinds if pattern.search(name)), name[:_LONGEST_SLUG])
    return f"cut_by_{kind}"


def as_edition_1(finish_reason: str) -> str:
    """The finish reason as version 0.1 took it: every other reason than "length" meant whole."""
    return finish_reason if finish_reason == "length" else "stop"
