"""Outputs that break off before their end."""

from __future__ import annotations

import re

from selfinstruct.defects.edition1.code import looks_like_code
from selfinstruct.defects.edition1.finding import Checked, Finding, found
from selfinstruct.defects.edition1.languages import HAN_OR_KANA

_OPEN_WORD = re.compile(
    r"\b(?:the|an|a|of|and|or|to|in|with|for|but|that|by|from|at|as|than|into|because|which|whose"
    r"|their|its|our|your|my|is|are|was|were|be|being|been|has|have|had|can|could|will|would|should"
    r"|may|might|must|such|this|these|not"
    r"|el|los|las|de|del|y|que|con|para|por|una|un|le|les|des|du|et|avec|pour|dans|une|der|die|das"
    r"|den|dem|und|mit|f\u00fcr|von|ein|eine|zu|il|di|della|che|o|os|do|da|e)$",
    re.I,
)
_CLOSED = re.compile(
    "[.!?\u2026\u3002\uff01\uff1f\u0964\u061f:;\"'\u201d\u2019\u00bb)\\]}>*_`"
    "|~\uff09\u300d\u300f\u300b%\u220e\u25a0\u00b0$\u20ac\u2014=/+\\\\]$"
    "|[\U0001f300-\U0001faff\u2600-\u27bf\ufe0f]$"
)
_HANGING = re.compile("(?:[,\u3001\uff0c(\\[{\u201c\u300c\uff08&]|\\w ?-|\\s[-\u2013\u2014])$")
_PROSE_WORD = re.compile(r"[^\W\d_]+")
_ITEM = re.compile(r"^\s*(?:\d{1,3}[.):]|[-*\u2022\u2013])\s+\S")
_OUTLINE = re.compile(
    r"\s*(?:[A-Za-z]|\d{1,2}|[一二三四五六七八九十]{1,3})[\u3002.\u3001\uff0c,)\uff09]"
)  # items of an outline, which have no full stop
_SIGNED = re.compile(r"[”」』\"]\s*[-\u2013\u2014]")
_SHORT_FORMS = re.compile(
    r"\b(?:title|headline|slogan|tagline|poem|haiku|lyric|song|verse|limerick|name|keywords?"
    r"|hashtag|tweet|subject line|complete the|fill in|sentence (?:starter|fragment)|opening|begin"
    r"|start of|first (?:line|half|part)|incomplete|cliffhanger|phrase|truncat|cut off|format"
    r"|recipe ingredients|table|csv|json|finish|shorten|prefix|word|transcribe|letter|e-?mail"
    r"|signature)",
    re.I,
)


def truncated(row: Checked) -> Finding | None:
    """An output that ends inside a sentence, inside a list item or inside a block of code."""
    text = row.output.rstrip()
    words = len(text.split())
    if text.count("```") % 2 == 1:
        return found("truncated", "output", text[-60:])
    if (
        row.is_classification
        or (words < 7 and not HAN_OR_KANA.search(text))
        or _CLOSED.search(text)
    ):
        return _bare_item(text)
    last = text.rpartition("\n")[2]
    if re.search("[#\uff03]\\s?\\w+$", last):
        return None
    if HAN_OR_KANA.search(last):
        return None if _OUTLINE.match(last) or _SIGNED.search(last) else _broken_han(text, last)
    if (
        "```" in text
        or (looks_like_code(last) and not (_OPEN_WORD.search(last) and len(last.split()) >= 7))
        or re.search(r"https?://\S+$|@\S+$", last)
    ):
        return None
    if text.endswith(",") and re.search(
        r"poem|song|verse|lyric|haiku|stanza|rhyme", row.instruction, re.I
    ):
        return None
    if _HANGING.search(text) or (
        _OPEN_WORD.search(last)
        and words >= 9
        and (words >= 20 or not _SHORT_FORMS.search(row.instruction))
    ):
        return found("truncated", "output", text[-60:])
    if _breaks_off(text, last) and not _SHORT_FORMS.search(row.instruction):
        return found("truncated", "output", text[-60:])
    return None


def _breaks_off(text: str, last: str) -> bool:
    """Whether the last line ends without the full stop that the text before leads to expect.

    That is so where whole sentences stand before the piece on the same line, or where every earlier
    line of prose ends in a full stop.
    """
    if re.search(r"[A-Ea-e]\)", last):  # options of a choice
        return False
    pieces = re.split(r"(?<=[a-z\u00e0-\u00ff\"\u201d)]{2}[.!?])\s+", last)
    if len(pieces) > 1:
        # a last piece of another kind: "Answers: 1 B, 2 D"
        if re.match(r"[A-Z]\w+:\s|[-\u2013\u2014]\s?[A-Z]", pieces[-1]):
            return False
        return len(_PROSE_WORD.findall(pieces[-1])) >= 1 and len(_PROSE_WORD.findall(last)) >= 8
    if re.match(r"[A-Z]\w+:\s", last):
        return False
    lines = [line for line in text.split("\n")[:-1] if len(line.split()) > 4]
    ended = sum(line.rstrip().endswith((".", "!", "?")) for line in lines)
    return (
        len(lines) >= 1
        and ended == len(lines)
        and (len(last.split()) >= 5 or bool(_ITEM.match(last) and len(lines) > 1))
    )


def _broken_han(text: str, last: str) -> Finding | None:
    ends = [match.end() for match in re.finditer("[\u3002\uff01\uff1f]", text)]
    if _HANGING.search(text) or (
        re.search(
            "[\u7684\u548c\u4e0e\u662f\u5728\u628a\u88ab\u53ca\u4e14\u6216\u800c"
            "\u5bf9\u4ece\u5411\u7531]$",
            last,
        )
        and len(last) > 14
    ):
        return found("truncated", "output", text[-40:])
    if ends and last.find("\u3002") >= 0 and len(text) > 30 and len(text) - ends[-1] >= 2:
        return found("truncated", "output", text[-40:])
    return None


def _bare_item(text: str) -> Finding | None:
    """A list whose last item is a number or a bullet without text."""
    above, _, last = text.rpartition("\n")
    if re.fullmatch(r"\s*(?:\d{1,3}[.)]|[-*\u2022])\s*", last) is None:
        return None
    is_list = _ITEM.search(above.rpartition("\n")[2])
    return found("truncated", "output", text[-40:]) if is_list else None
