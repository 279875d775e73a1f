"""JSON in a reply: whole or broken off, alone, in code fences, in lines, or after a sentence."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from selfinstruct.parsing.wording import labels, lines_of

_BEGINS = re.compile(r'^[ \t]*(?=\{\s*["}]|\[\s*["{\]])', re.M)
_LABEL = labels("Input", r"Output|Class[ _-]?label|Label|Class|Answer")
_HERE = re.compile(r'[\s,]*(?=\{\s*["}]|\[\s*["{\]])')
_NUMBER = re.compile(r"[ \t>*_#`]*[(\[]?\d{1,3}[*_ ]{0,4}[.):\]]")
_GAP = re.compile(r"[\s,]*")
_FENCE = re.compile(r"^[ \t]*(?:```+|~~~+)[ \t]*[\w+-]{0,20}[ \t]*$", re.M)
# A backslash that begins no escape of JSON, or a command of LaTeX that looks like such an escape.
_LONE_BACKSLASH = re.compile(
    r"\\(?:(?P<escape>u[0-9a-fA-F]{4}|[\"\\/]|(?!(?:frac|forall|beta|bar|binom|begin|bmod|times|text"
    r"|theta|right|rho|rangle|neq|nabla|not|neg)(?![a-z]))[bfnrt]))?"
)
_MOST_FAILURES = 100  # broken values of a reply, each of which may be read to the reply's end
_ENDS_ITEM = re.compile(r"\s*(?:[,\]]|\Z)")
_NEXT_ITEM = re.compile(r'\n\s*(?=["{])')


@dataclass(frozen=True, slots=True)
class Found:
    """The JSON of a reply.

    values: the whole values. broken: the whole items of lists that break off. outside: the text
    around the values, without code fences.
    """

    values: list[Any]
    broken: list[Any]
    is_whole: bool
    outside: str = ""


def value_of(reply: str) -> Any:
    """The first JSON value of a reply, None where the reply is no JSON or broken JSON."""
    found = found_in(reply, several=False)
    return found.values[0] if found is not None and found.values else None


def found_in(reply: str, *, several: bool = True) -> Found | None:
    """The JSON values of a reply, None where no JSON begins.

    several: read JSON behind the first value too, and mend backslashes that are no escapes. JSON
    below a label or in a numbered list does not count: such JSON is part of an answer.
    """
    begins = _BEGINS.search(reply)
    if begins is None or _is_part_of_an_answer(reply[: begins.start()], several):
        return None
    decoder = json.JSONDecoder(strict=False)
    found = Found([], [], True)
    outside, done = [reply[: begins.start()]], 0
    is_mended, failures = not several, 0
    while begins is not None and failures < _MOST_FAILURES:
        at = begins.end()
        try:
            value, done = decoder.raw_decode(reply, at)
            found.values.append(value)
        except (ValueError, RecursionError):
            if not is_mended:
                reply, is_mended = reply[:at] + _with_escapes(reply[at:]), True
                continue
            failures += 1
            items, done = _whole_items(decoder, reply, at, several)
            found.broken.extend(items)
            found = replace(found, is_whole=False)
        begins = _next(reply, done) if several else None
        outside.append(reply[done : begins.start() if begins else None])
    return replace(found, outside=_FENCE.sub("", "\n".join(outside)).strip())


def _is_part_of_an_answer(before: str, several: bool) -> bool:
    return any(
        _LABEL.match(line.lstrip(" \t>"))
        or ((number := _NUMBER.match(line)) and not (several and not line[number.end() :].strip()))
        for line in lines_of(before)
    )


def _next(reply: str, done: int) -> re.Match[str] | None:
    """Where the next value begins: at once behind blanks and commas, or on a later line."""
    return _HERE.match(reply, done) or _BEGINS.search(reply, done)


def _with_escapes(text: str) -> str:
    """The text with lone backslashes doubled."""
    return _LONE_BACKSLASH.sub(
        lambda found: found.group() if found["escape"] else "\\" + found.group(), text
    )


def _whole_items(
    decoder: json.JSONDecoder, text: str, begins: int, several: bool
) -> tuple[list[Any], int]:
    """The whole items of the first list in a broken JSON text, and the place behind them.

    several: go on behind a broken item, at the next line that begins an item.
    """
    items: list[Any] = []
    position = text.find("[", begins) + 1
    while position and (found := _GAP.match(text, position)):
        try:
            item, position = decoder.raw_decode(text, found.end())
            is_broken = several and not _ENDS_ITEM.match(text, position)
        except (ValueError, RecursionError):
            is_broken = True
        if is_broken:
            following = _NEXT_ITEM.search(text, found.end()) if several else None
            if following is None:
                break
            position = following.end()
            continue
        items.append(item)
    line_end = text.find("\n", begins)
    return items, len(text) if items or line_end < 0 else line_end
