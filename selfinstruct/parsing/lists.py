"""Numbered and bulleted lists in a reply."""

from __future__ import annotations

import re
from collections.abc import Iterator

from selfinstruct.parsing.labelled import MARK, is_closing_remark, is_fence, labels, lines_of

_NUMBERED = re.compile(
    rf"{MARK}(?:(?:Task|Instruction)[ \t]*#?)?[(\[]?\d{{1,3}}[*_` \t]{{0,4}}"
    r"[.):\]\u3001\uff0e\uff09](?!\d)\)?"
    r"(?:[*_`]+(?=[ \t]|$))?[ \t]*(?P<text>.*)$",
    re.I,
)
_BULLETED = re.compile(r"[ \t]*[-*+\u2022\u2013][ \t]+(?P<text>\S.*)$")
_RULE = re.compile(r"[ \t]*(?:#{3,}|-{3,}|\*{3,})[ \t]*$")
_FIELD = labels("Input", "Output")


def list_items(reply: str) -> Iterator[str]:
    """The items of a list, an empty text where a number stands alone.

    A list that is indented further is part of its item.
    """
    lines = lines_of(reply)
    start = _NUMBERED if any(_NUMBERED.match(line) for line in lines) else _BULLETED
    item: list[str] | None = None
    outer = -1  # indentation of the items, in letters
    inside = is_fenced = False
    for line in lines:
        match = start.match(line)
        indent = len(line) - len(line.lstrip(" \t"))
        if match and (outer < 0 or indent <= outer + 1):
            if item is not None:
                yield " ".join(item)
            outer = indent if outer < 0 else outer
            item, inside = [match["text"]] if match["text"].strip() else [], True
        elif is_fence(line):
            is_fenced = is_fenced or item is None
            inside = inside and not is_fenced  # a block of code around the list ends here
        elif not line.strip() or _RULE.match(line) or is_closing_remark(line) or _is_field(line):
            inside = False  # a line without a number after a blank line is a closing remark
        elif inside and item is not None:
            item.append(line)
    if item is not None:
        yield " ".join(item)


def _is_field(line: str) -> bool:
    match = _FIELD.match(line.lstrip(" \t>"))
    return match is not None and match["rest"] is not None and match["instruction"] is None
