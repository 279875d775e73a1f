"""Outputs that break off before their end."""

from __future__ import annotations

import re

from selfinstruct.defects.code import looks_like_code
from selfinstruct.defects.finding import Checked, Finding, found
from selfinstruct.defects.words import HAN_OR_KANA, words_in

_OPEN_WORD = re.compile(
    r"\b(?:the|an|a|and|or|but|than|into|because|which|whose|their|its|our|your|my|being"
    r"|could|would|should|may|might|must"
    r"|el|los|las|de|del|y|que|con|para|por|una|un|le|les|des|du|et|avec|pour|dans|une|der|die|das"
    r"|den|dem|und|mit|f\u00fcr|von|ein|eine|zu|il|di|della|che)$",
    re.I,
)
# Words that may end a sentence as well: "somebody to talk to".
_LOOSE_WORD = re.compile(
    r"\b(?:of|to|in|with|for|that|by|from|at|as|is|are|was|were|be|been|has|have|had|can|will|such"
    r"|this|these|not|on|about)$",
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


_INVISIBLE = " \t\r\n\x0b\x0c\xa0\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\u3000\ufeff"
_SIGN_OFF = (
    r"(?:yours (?:sincerely|truly|faithfully)|sincerely(?: yours)?|(?:best|kind|warm|warmest) ?(?:regards|wishes)?"
    r"|regards|respectfully|cheers|love|many thanks|thanks|thank you|with [\w ]{3,30}|all the best"
    r"|take care|cordially|gratefully|warmly|your friend|mit freundlichen gr\u00fc\u00dfen|viele gr\u00fc\u00dfe"
    r"|cordialement|atentamente|saludos|\u771f\u631a\u5730?|\u8bda\u631a\u5730?|\u6b64\u81f4|\u656c\u793c|\u795d\u597d|\u6700\u597d\u7684)"
)
# Endings without a full stop that are whole: a signature, an author, an option, an item of a list.
_WHOLE = re.compile(
    rf"(?:^|\n)[ \t]*{_SIGN_OFF}[,\uff0c]?[ \t]*(?:\n+[^\n.]{{1,60}}){{0,4}}$"
    rf"|[.!?] {_SIGN_OFF}, [^.\n]{{1,60}}$"
    r"|[\"'\u201d\u2019\u00bb\u300d\u300f][ \n]*[-\u2013\u2014\u2015~(][ ]?[^\n.]{2,60}$"
    r"|\b(?:answers?|ans|options?|choices?|grade|rating|score)\W{0,4}(?:is|option)?\W{0,4}\(?[A-E]\W*$"
    r"|[\s:\uff1a|][A-E]$|\b(?:yes|no|true|false)\b ?/? ?(?:yes|no|true|false)?$"
    r"|(?:^|\s)(?:\d{1,3}|[A-Za-z])[.)] ?[^.!?\n]{1,60}$"
    r"|(?:^|\n)[ \t]*[-*\u2022\u2013] [^.!?\n]{1,200}$"
    r"|(?:^|\n)[^\n.]{1,30}: [^.\n]{1,30}$"
    r"|(?:\b[A-Za-z]{1,2}[#b]?[ |/-]+){4}\S{1,2}$|(?:[01]{3,}\s){2,}[01]+$|[.-]{1,6}( [.-]{1,6}){3,}$"
    r"|=\s?[-$\u20ac\u00a3]?[\d.,/]+ ?[\w%$\u20ac\u00a3/]{0,12}$",
    re.I,
)
_PSEUDOCODE = re.compile(
    r"pseudo|algorithm|\bcode\b|\bsql\b|program|script|\u4f2a\u4ee3\u7801|\u4ee3\u7801", re.I
)
_LONG = 40  # words from which a last sentence without its full stop is more than a slip


def truncated(row: Checked) -> Finding | None:
    """An output that ends inside a sentence, inside a list item or inside a block of code.

    A warning where the last word or sign calls for more, a note where the full stop alone is
    missing.
    """
    text = row.output.rstrip(_INVISIBLE)
    if "```" in text and text.count("```") % 2 == 1:
        return found("truncated", "output", text[-60:])
    if row.is_classification or _CLOSED.search(text[-3:]):
        return _bare_item(text)
    words = words_in(text)
    if words < 7 and not HAN_OR_KANA.search(text):
        return _bare_item(text)
    last = text.rpartition("\n")[2]
    if re.search("[#\uff03]\\s?\\w+$", last) or _WHOLE.search(text[-400:]):
        return None
    if HAN_OR_KANA.search(last):
        return None if _OUTLINE.match(last) or _SIGNED.search(last) else _broken_han(text, last)
    if "```" in text or re.search(r"https?://\S+$|@\S+$", last):
        return None
    is_code = looks_like_code(last) or _PSEUDOCODE.search(row.instruction)
    if is_code and not (_OPEN_WORD.search(last) and len(last.split()) >= 7):
        return None
    if text.endswith(",") and _LINES_ARE_MEANT.search(row.instruction):
        return None
    return _cut_off(row, text, last, words)


_LINES_ARE_MEANT = re.compile(r"poem|song|verse|lyric|haiku|stanza|rhyme|csv|letter|e-?mail", re.I)


def _cut_off(row: Checked, text: str, last: str, words: int) -> Finding | None:
    is_short = _SHORT_FORMS.search(row.instruction) is not None
    is_open = _OPEN_WORD.search(last) or (_LOOSE_WORD.search(last) and re.search(r"[.!?]\s", text))
    if _HANGING.search(text) or (is_open and words >= 9 and (words >= 20 or not is_short)):
        return found("truncated", "output", text[-60:])
    if is_short or not _breaks_off(text, last):
        return None
    is_sure = words >= _LONG and "\n" not in text
    return found("truncated", "output", text[-60:], severity=None if is_sure else "note")


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
    if not ends and len(text) < 60:
        return None  # a list of words, a connective, the beginning of a letter
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
        return found("truncated", "output", text[-40:], severity="note")
    return None


def _bare_item(text: str) -> Finding | None:
    """A list whose last item is a number or a bullet without text."""
    above, _, last = text.rpartition("\n")
    if re.fullmatch(r"\s*(?:\d{1,3}[.)]|[-*\u2022])\s*", last) is None:
        return None
    is_list = _ITEM.search(above.rpartition("\n")[2])
    return found("truncated", "output", text[-40:]) if is_list else None
