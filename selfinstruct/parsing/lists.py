"""Numbered and bulleted lists in a reply."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from selfinstruct.parsing.labelled import is_fence, text_beside_fence
from selfinstruct.parsing.marks import (
    ANY_FIELD,
    BOLD,
    BOLD_FIELD,
    BULLETED,
    FIELD,
    HEADING,
    LETTERED,
    NUMBERED,
    OTHERS,
    RULE,
    SENTENCE_END,
    TAG,
    TAGGED,
    following,
)
from selfinstruct.parsing.wording import WIDE, Wording, lines_of

_TITLE_WORDS = 8  # a longer line is an instruction


@dataclass(slots=True)
class Listing:
    """The items of a list, an empty text where a number stands alone.

    before: the text before the first item. leftovers: the other texts that are in no item.
    """

    items: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)


def list_items(reply: str, wording: Wording = WIDE) -> Listing:
    """The items of a list. A list that is indented further is part of its item."""
    if wording.is_wide and (tagged := _tagged(reply)) is not None:
        return tagged
    lines = lines_of(reply)
    start = _start_of(lines, wording)
    found = Listing()
    item: _Item | None = None
    outer = -1  # indentation of the items, in letters
    is_fenced, mark = False, ""
    for line in lines:
        match = start.match(line)
        indent = len(line) - len(line.lstrip(" \t"))
        if match and (outer < 0 or indent <= outer + 1):
            if item is not None:
                item.end(found)
            outer = indent if outer < 0 else outer
            mark = line[: match.start("text")].strip() if match["text"] else ""
            item = _Item(line, match, wording)
        elif is_fence(line):
            is_fenced = is_fenced or item is None
            found.leftovers.append(text_beside_fence(line))
            if item is not None:
                item.inside = item.inside and not is_fenced  # a block around the list ends here
        elif item is None:
            found.before.append(line)
        else:
            item.take(line, indent - outer, found)
    if item is not None:
        item.end(found)
    return _split(found, mark) if wording.is_wide and len(found.items) == 1 else found


def _start_of(lines: list[str], wording: Wording) -> re.Pattern[str]:
    """The pattern of the lines that begin an item."""
    numbered = next((line for line in lines if NUMBERED.match(line)), None)
    if not wording.is_wide:
        return NUMBERED if numbered is not None else BULLETED
    bullet = next((line for line in lines if BULLETED.match(line)), None)
    if numbered is not None:
        is_inner = bullet is not None and _indent(bullet) < _indent(numbered)
        return (
            BULLETED if is_inner and lines.index(bullet or "") < lines.index(numbered) else NUMBERED
        )
    others = (pattern for pattern in OTHERS if any(map(pattern.match, lines)))
    lettered = sum(map(bool, map(LETTERED.match, lines))) > 1
    return next(others, LETTERED if lettered and bullet is None else BULLETED)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


class _Item:
    """An item while its lines are read.

    inside: whether the next line belongs to the item. A line without a number behind a blank line
    does not. In wide wording, a title above the text of an item is told from the text.
    """

    def __init__(self, line: str, match: re.Match[str], wording: Wording) -> None:
        text = match["text"] or ""
        text = text.lstrip(" \t:") if wording.is_wide else text  # [9]: x
        self.lines, self.inside, self._wording = [text] if text.strip() else [], True, wording
        self._head = text.strip()
        self._was_blank = False
        self._rest = (match.groupdict().get("rest") or "").strip(" \t|")
        is_marked = HEADING.match(line) is not None or line.lstrip(" \t>").startswith(("**", "__"))
        is_bold = BOLD.fullmatch(self._head) is not None or (
            is_marked and self._head.rstrip(":").endswith(("**", "__"))
        )
        short = len(self._head.split()) <= _TITLE_WORDS and not SENTENCE_END.search(self._head)
        is_titled = is_bold or HEADING.match(line) is not None
        self._has_title = wording.is_wide and bool(self._head) and short and is_titled

    def take(self, line: str, indent: int, found: Listing) -> None:
        """Adds a line to the item or to the leftovers. indent: beyond that of the items."""
        is_blank = not line.strip()
        wide = self._wording.is_wide
        if is_blank and wide and (not self.lines or self._is_bare_title):
            return
        if is_blank or RULE.match(line) or self._wording.closing.match(line) or self._ends(line):
            self.inside = False
            self._was_blank = is_blank
            found.leftovers += [] if is_blank or RULE.match(line) else [line]
            return
        if wide and self._was_blank and indent >= 2:
            self.inside = True  # an indented paragraph belongs to its item
        self._was_blank = False
        if self.inside:
            self.lines.append(line)
        else:
            found.leftovers.append(line)

    def end(self, found: Listing) -> None:
        """Adds the item to the list."""
        if self._has_title and len(self.lines) > 1:
            found.leftovers.append(self.lines.pop(0))
        found.items.append(" ".join(self.lines))
        found.leftovers += [self._rest] if self._rest else []

    @property
    def _is_bare_title(self) -> bool:
        return self._has_title and len(self.lines) == 1

    def _ends(self, line: str) -> bool:
        """Whether a line is a field or a heading, which is no part of an item."""
        if not self._wording.is_wide:
            return _is_field(line, FIELD)
        is_title = HEADING.match(line) or BOLD.fullmatch(line.strip()) or BOLD_FIELD.match(line)
        return _is_field(line, ANY_FIELD) or is_title is not None


def _is_field(line: str, fields: re.Pattern[str]) -> bool:
    match = fields.match(line.lstrip(" \t>"))
    return match is not None and match["rest"] is not None and match["instruction"] is None


def _split(found: Listing, mark: str) -> Listing:
    """The list with its only item split where the next numbers stand in the item's text.

    mark: the number before the item with its punctuation.
    """
    rest, items = found.items[0], list[str]()
    while (after := following(mark)) is not None:
        at = re.search(rf"(?<!\w){re.escape(after)}(?!\d)", rest)
        if at is None:
            break
        items.append(rest[: at.start()].strip(" \t;,"))
        rest, mark = rest[at.end() :], after
    return Listing([*items, rest.strip()], found.before, found.leftovers) if items else found


def _tagged(reply: str) -> Listing | None:
    """The texts in tags, as <task>...</task>; None without a tag that stands on its own."""
    matches = list(TAGGED.finditer(reply))
    if not matches:
        return None
    inner = [match for match in matches if match["tag"].lower().startswith("instruction")]
    found, done = Listing(), 0
    for match in inner or matches:
        outside = TAG.sub("", reply[done : match.start()]).strip()
        (found.leftovers if found.items else found.before).append(outside)
        found.items.append(" ".join(match["text"].split()))
        done = match.end()
    found.leftovers.append(TAG.sub("", reply[done:]).strip())
    return found
