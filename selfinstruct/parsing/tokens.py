"""Control tokens and turns of chat templates: at the ends of a reply, and inside a text.

A server with a wrong template or a wrong stop list leaves such tokens in its replies. At either end
they are framing. Inside a text they are a defect: the text would end a turn in a later prompt.
"""

from __future__ import annotations

import re

# <|im_end|>, <|START_RESPONSE|>, <\uff5cend\u2581of\u2581sentence\uff5c>, <|turn>, <turn|>, [|endofturn|]
_BARS = (
    r"<\|[A-Za-z][\w -]{0,40}\|?>|<[A-Za-z]\w{0,20}\|>|\[\|[A-Za-z]\w{0,30}\|\]"
    r"|<\uff5c[A-Za-z\u2581_ -]{1,40}\uff5c>"
)
_NAMED = (
    r"</?(?:s|bos|eos|pad|unk|sop|eop|start_of_turn|end_of_turn|start_of_image|eod|EOD|EOT|BOS|EOS)>"
    r"|\[/?INST\]|<</?SYS>>|\[/?(?:SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|gMASK|EOS|BOS)\]"
)
_ROLE = r"(?:assistant|model|ai|bot|gpt|final)"
_FIRST = re.compile(rf"(?:\s|(?:{_BARS}|{_NAMED})(?:[ \t]*{_ROLE}(?=[ \t]*(?:\n|<|$)))?)+", re.I)
_LAST = re.compile(rf"(?:{_BARS}|{_NAMED})\s*\Z")
# The beginning of another turn: the model has gone on with both sides.
_ANOTHER_TURN = re.compile(
    r"<\|im_start\|>|<\|start_header_id\|>|<start_of_turn>|<\|turn>|\[INST\]"
    r"|<\|(?:user|system|START_OF_TURN_TOKEN)\|>|<\uff5cUser\uff5c>"
)
# Inside a text. HTML has <s>, so </s> alone says nothing; templates of Alpaca's kind have headings.
_INSIDE = re.compile(
    rf"{_BARS}|<(?:bos|eos|pad|start_of_turn|end_of_turn)>|\[/?INST\]|<</?SYS>>|</?think>"
    r"|</s>\s*(?:<s>|$)|#{2,3} ?(?:Instruction|Response|Human|Assistant|User): ?(?=\S)|\bHuman: .{0,2000}\bAssistant:"
)
_WRAPPED = re.compile(
    r"\s*(?:<answer>(?P<a>.*)</answer>|<response>(?P<r>.*)</response>"
    r"|<\|begin_of_box\|>(?P<b>.*)<\|end_of_box\|>|<\|begin_of_solution\|>(?P<s>.*)<\|end_of_solution\|>"
    r"|\[BEGIN FINAL RESPONSE\](?P<f>.*?)(?:\[END FINAL RESPONSE\])?)\s*",
    re.S,
)


def without_tokens(reply: str) -> tuple[str, str]:
    """A reply without control tokens at either end, and the text of turns that follow the reply."""
    if not any(mark in reply for mark in ("<", "[")):
        return reply, ""
    text = _without_last(reply)
    start = _FIRST.match(text)
    is_html = start is not None and "<s>" in start.group() and "</s>" in text
    if start is not None and start.group().strip() and not is_html:
        text = text[start.end() :]
    at = _next_turn(text)
    text, after = _without_last(text[:at]), text[at:]
    wrapped = _WRAPPED.fullmatch(text)
    if wrapped is not None:
        text = next(group for group in wrapped.groups() if group is not None).strip()
    return text, after


def why_not_control_token(text: str) -> str | None:
    """The filter of instructions: `control_token` for a control token or a template's turn."""
    return "control_token" if _INSIDE.search(text) else None


def _next_turn(text: str) -> int:
    """Where another turn begins, on a line of its own or behind a token; the end without any."""
    for turn in _ANOTHER_TURN.finditer(text):
        before = text[: turn.start()].rstrip(" \t")
        if before.endswith((">", "\n")):
            return turn.start()
    return len(text)


def _without_last(text: str) -> str:
    """The text without the tokens at its end, each of which is short."""
    while (end := text.rstrip()).endswith((">", "]")):
        from_ = max(0, len(end) - 60)
        match = _LAST.search(end, from_)
        if match is None:
            break
        text = end[: match.start()]
    return text
