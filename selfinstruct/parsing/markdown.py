"""Markdown, labels and quotes around an instruction or a class label."""

from __future__ import annotations

import re

from selfinstruct.parsing.languages import INSTRUCTIONS, any_of
from selfinstruct.parsing.wording import WIDE, Wording

_TITLE = re.compile(
    r"(?:\*\*|__)[^*_\n]{1,60}?(?::(?:\*\*|__)|(?:\*\*|__)[ \t]*[:\u2013\u2014-])[ \t]*"
    r"(?=\S+\s+\S+\s+\S)"
)
_PREFIX = re.compile(r"(?:Instruction|Task)[ \t]*\d*[ \t]*:[ \t]*", re.I)
_INSTRUCTION = re.compile(rf"(?:{any_of(INSTRUCTIONS)}|Prompt)", re.I)
_ANY_PREFIX = re.compile(rf"(?:{any_of(INSTRUCTIONS)}|Prompt)[ \t]*\d*[ \t]*[:\uff1a][ \t]*", re.I)
_BOLD = re.compile(r"(?<!\w)\*\*(?=\S)([^*]+)(?<=\S)\*\*(?!\w)")
_EMPHASIS_FIRST = re.compile(r"([*_])(?=[^\s*_])([^*_]+)(?<=\S)\1(?!\w)")
_QUOTES = {'"': '"', "'": "'", "\u201c": "\u201d", "\u00ab": "\u00bb", "`": "`"}


def tidied(text: str, wording: Wording = WIDE) -> tuple[str, str]:
    """An instruction as a line of plain text, and the title that stood before the instruction.

    Removes a title in bold, a label, emphasis, and quotes around the whole.
    """
    text = " ".join(text.split())
    text, title = _without(_TITLE, text)
    title = "" if _INSTRUCTION.fullmatch(title.strip(" *_:")) else title
    text, _ = _without(_ANY_PREFIX if wording.is_wide else _PREFIX, text)
    text = plain(text)
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1] and text[0] not in text[1:-1]:
        text = text[1:-1].strip()
    return text, title


def plain(text: str) -> str:
    """A line without markdown emphasis; "2 ** 3" and "____" stay.

    A single "**" at an end belongs to the number before the line, and goes as well.
    """
    if text.count("**") == 1 and (text.startswith("**") or text.endswith("**")):
        text = text.replace("**", "").strip()
    if (
        text.startswith("__")
        and text.endswith("__")
        and len(text) > 4
        and text.count("__") == 2
        and " " in text
    ):
        text = text[2:-2].strip()
    text = _BOLD.sub(r"\1", text)
    match = _EMPHASIS_FIRST.match(text)
    return match[2] + text[match.end() :] if match else text


def _without(pattern: re.Pattern[str], text: str) -> tuple[str, str]:
    match = pattern.match(text)
    return (text[match.end() :].strip(), match.group()) if match else (text, "")
