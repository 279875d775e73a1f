"""The marks of list items, of titles and of fields inside items."""

from __future__ import annotations

import re
from itertools import pairwise

from selfinstruct.parsing import languages
from selfinstruct.parsing.languages import any_of
from selfinstruct.parsing.wording import MARK, labels

NUMBERED = re.compile(
    rf"{MARK}(?:(?:Task|Instruction)[ \t]*#?)?[(\[]?\d{{1,3}}[*_` \t]{{0,4}}"
    r"[.):\]\u3001\uff0e\uff09](?!\d)\)?"
    r"(?:[*_`]+(?=[ \t]|$))?[ \t]*(?P<text>.*)$",
    re.I,
)
BULLETED = re.compile(r"[ \t]*[-*+\u2022\u2013][ \t]+(?P<text>\S.*)$")
LETTERED = re.compile(rf"{MARK}\(?(?:[A-Ha-h]|[ivxIVX]{{1,5}})[.)][ \t]+(?P<text>\S.*)$")
RULE = re.compile(r"[ \t]*(?:#{3,}|-{3,}|\*{3,})[ \t]*$")

# Lines with these labels inside an item are no part of the instruction.
FIELD = labels("Input", "Output")
_MORE_FIELDS = r"Class label|Difficulty|Category|Expected output|Explanation|Note"
ANY_FIELD = labels(
    any_of(languages.INPUTS, ("Context",)), any_of(languages.OUTPUTS, (_MORE_FIELDS,))
)
BOLD_FIELD = re.compile(
    r"[ \t]*(?:[-*+\u2022][ \t]+)?(?:\*\*|__)"
    rf"(?!(?:{any_of(languages.INSTRUCTIONS)}|Prompt|Description)\b)"
    r"[^*_\n:]{1,30}(?::(?:\*\*|__)|(?:\*\*|__)[ \t]*:)[ \t]*\S",
    re.I,
)

BOLD = re.compile(r"(?:\*\*|__)[^*_]+(?:\*\*|__)[ \t]*:?$")
HEADING = re.compile(r"[ \t>]{0,8}#{1,6}[ \t]*\S")
SENTENCE_END = re.compile(r"[.?!\u3002\uff1f\uff01\u0964\u061f][\"'\u201d\u300d)*_`]*$")

TAGGED = re.compile(
    r"(?:^|(?<=>))[ \t]*(?:(?:[-*]|\d{1,3}[.)])[ \t]*)?"
    r"<(?P<tag>(?:task|instruction|item|li|prompt|question)(?:[_-]?\d{1,3})?)"
    r"(?:[ \t][^<>\n]{0,80})?>(?P<text>.{0,4000}?)</(?P=tag)>(?=[ \t]*(?:$|<))",
    re.I | re.M | re.S,
)
TAG = re.compile(r"</?[A-Za-z][\w-]{0,30}(?:[ \t][^<>\n]{0,80})?>")

_TASK = any_of(
    languages.INSTRUCTIONS, (r"Prompt|Item|Question|Number|No\.?|Nr\.?|\u2116|N\u00ba|#",)
)
_CIRCLED = "".join(map(chr, range(0x2460, 0x2474)))
_HAN_NUMBERS = "\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d\u5341"
_HAN = f"[{_HAN_NUMBERS}\u767e]{{1,3}}"
_UNIT = "[\u6761\u689d\u4e2a\u500b\u9898\u984c\u9805\u9879\u554f\u756a]"  # as in \u7b2c1\u6761
_REST = r"[ \t]*(?P<text>.*)$"
_NAMED = (
    rf"(?:{_TASK})[ \t]*[(\[#]?\d{{1,3}}\b[)\]]?{MARK}"
    rf"(?:[.:)|\uff1a\u3001\u2013\u2014-]{MARK}(?P<text>.*))?$"
)
# Other marks, which are looked for only where no number in the usual form is.
OTHERS = tuple(
    re.compile(MARK + pattern, re.I)
    for pattern in (
        r"\d{1,3}\\[.)]" + _REST,  # an escaped point
        r"(?:(?<=\*)|(?<=_))\d{1,3}[*_]{1,2}[ \t]" + _REST,  # **9** x
        rf"[-+\u2022\u2013][ \t]+{MARK}\d{{1,3}}[.):](?!\d)" + _REST,  # - 9. x
        r"(?<=>)[ \t]*[-*+\u2022\u2013][ \t]" + _REST,  # > - x
        r"(?<=> )[-*+\u2022\u2013][ \t]" + _REST,
        _NAMED,  # ### Task 9
        rf"[{_CIRCLED}\u2474-\u2487\u2776-\u277f\u2780-\u2793][.:\u3001\uff0e)]?" + _REST,
        r"(?:(?:\d\ufe0f?\u20e3)+|\U0001f51f)" + _REST,  # keycaps
        rf"[(\uff08]?{_HAN}[)\uff09]?[\u3001.:\uff0e\uff1a)\uff09]" + _REST,
        rf"\u7b2c[ ]?(?:\d{{1,3}}|{_HAN})[ ]?{_UNIT}(?:{_TASK})?{MARK}[.:\u3001\uff0e\uff1a]?"
        + _REST,
        r"\uc81c?[ ]?\d{1,3}[ ]?[\ubc88\ud56d\uc870][.:\uff1a)]?[ \t]" + _REST,
        r"[(\uff08]\d{1,3}[)\uff09]" + _REST,
        rf"\d{{1,3}}{MARK}(?:[-\u2013\u2014|/>]|->|=>|\u2192)[ \t]+(?P<text>\S.*)$",  # 9 - x
        r"\|[ \t]*\d{1,3}[.)]?[ \t]*\|[ \t]*(?P<text>[^|]*[^|\s])[ \t]*\|?(?P<rest>.*)$",
    )
)


def following(mark: str) -> str | None:
    """The mark of the next item: "10." for "9.", None where no number is in the mark."""
    if digits := re.search(r"\d{1,3}", mark):
        return mark[: digits.start()] + str(int(digits.group()) + 1) + mark[digits.end() :]
    for numbers in (_CIRCLED, _HAN_NUMBERS):
        for number, successor in pairwise(numbers):
            if number in mark:
                return mark.replace(number, successor)
    return None
