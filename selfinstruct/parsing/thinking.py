"""The thoughts that a reasoning model writes before the reply, in the marks of every family."""

from __future__ import annotations

import re
from dataclasses import dataclass

from selfinstruct.parsing.tokens import without_tokens

# Version 0.1's families, for runs that began under version 0.1.
_OPENED_1 = re.compile(r"\s*(?:<(think|thinking|thought|reasoning)>|\[(THINK)\])")
_CLOSED_1 = re.compile(r"(?:</(?:think|thinking|thought|reasoning)>|\[/THINK\])\s*")

_NAMES = (
    r"(?:seed:)?(?:think|thinking|thought|thoughts|reasoning|reflection|scratchpad|analysis"
    r"|cot_budget_reflect|antthinking|ant_thinking)"
)
_OPENED = re.compile(
    rf"\s*(?:<(?P<tag>{_NAMES})(?: [^<>\n]{{0,80}})?>|\[(?P<bracket>THINK|THINKING)\]"
    r"|(?P<triangle>\u25c1think\u25b7)|<\|(?P<begin>begin_of_thought|START_THINKING|think|thinking)\|>"
    r"|<\|channel>(?P<gemma>\w{1,20})\n?)",
    re.I,
)
_CLOSED = re.compile(
    rf"(?:</{_NAMES}>|\[/THINK(?:ING)?\]|\u25c1/think\u25b7"
    r"|<\|(?:end_of_thought|END_THINKING|/think|/thinking)\|>|<channel\|>)\s*",
    re.I,
)
# A closing mark without an opening mark, which the chat template had written already.
_CLOSED_ONLY = re.compile(
    r"</(?:seed:)?think(?:ing)?>|\[/THINK\]|\u25c1/think\u25b7|<\|END_THINKING\|>|<channel\|>", re.I
)
_OPENED_ANYWHERE = re.compile(
    r"<(?:seed:)?think(?:ing)?>|\[THINK\]|\u25c1think\u25b7|<\|START_THINKING\|>|<\|channel>", re.I
)
# Harmony: <|channel|>analysis<|message|>...<|end|><|start|>assistant<|channel|>final<|message|>...
_CHANNEL = re.compile(
    r"<\|channel\|>\s*(?P<name>\w+)(?P<to>[^<]{0,80}(?:<\|constrain\|>\w*)?)<\|message\|>"
)
_CHANNEL_ENDS = re.compile(r"<\|(?:end|return|call|start|channel)\|>|\Z")
_STRIPPED_HARMONY = re.compile(r"\s*analysis(?=[A-Z\s]).*?assistant\s?final(?=\S)", re.S)
_OPENS_HARMONY = re.compile(r"\s*(?:<\|start\|>\s*assistant\s*)?<\|channel\|>")


@dataclass(frozen=True, slots=True)
class Spoken:
    """The reply that a model gave, apart from its thoughts.

    thinks: whether there were thoughts. after: turns that the model wrote behind its own.
    """

    text: str
    thinks: bool = False
    after: str = ""


def spoken(reply: str) -> Spoken:
    """A reply without thoughts and without control tokens at its ends.

    The text is "" where the thoughts do not end, or where harmony's channel `final` is missing.
    """
    if _OPENS_HARMONY.match(reply) or "<|channel|>final<|message|>" in reply:
        text, thinks = _final_channel(reply), True
    elif match := _STRIPPED_HARMONY.match(reply):
        text, thinks = reply[match.end() :], True
    else:
        text, thinks = _without_thoughts(reply)
    text, after = without_tokens(text)
    if _OPENED.match(text) and not thinks:  # a token stood before the thoughts
        text, thinks = _without_thoughts(text)
        text, more = without_tokens(text)
        after = more + after
    return Spoken(text, thinks, after)


def without_thinking(reply: str) -> str:
    """A reply without the thoughts before, as version 0.1 read them.

    "" where the thoughts do not end. A reply may close thoughts that the chat template has opened
    ("... </think> Yes.").
    """
    opened = _OPENED_1.match(reply)
    if opened is None:
        before, mark, after = reply.partition("</think>")
        return after.lstrip() if mark and "<think>" not in before else reply
    closed = _CLOSED_1.search(reply, opened.end())
    return reply[closed.end() :] if closed else ""


def _without_thoughts(reply: str) -> tuple[str, bool]:
    thinks = False
    while opened := _OPENED.match(reply):
        closed = _CLOSED.search(reply, opened.end())
        thinks, reply = True, reply[closed.end() :] if closed else ""
    if thinks:
        return reply, True
    closed = _CLOSED_ONLY.search(reply)
    if closed is None or _OPENED_ANYWHERE.search(reply, 0, closed.start()):
        return reply, False
    return reply[closed.end() :].lstrip(), True


def _final_channel(reply: str) -> str:
    """The text of harmony's channel `final`, "" without such a channel."""
    found = []
    for channel in _CHANNEL.finditer(reply):
        end = _CHANNEL_ENDS.search(reply, channel.end())
        if channel["name"] == "final" and end is not None:
            found.append(reply[channel.end() : end.start()])
    return "".join(found)
